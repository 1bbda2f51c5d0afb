// The state of a replay against a plain map, with random operations and scans.
#include "kernel/chain/replay_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace blockd {
namespace {

using Model = std::map<std::string, std::string>;
using Rows = std::vector<std::pair<std::string, std::string>>;

Rows rows_of_model(const Model& model, const std::string& prefix, const std::string& bound,
                   std::size_t limit, bool back) {
  Rows out;
  for (const auto& [k, v] : model) {
    if (!k.starts_with(prefix)) continue;
    if (!bound.empty() && (back ? k >= bound : k <= bound)) continue;
    out.emplace_back(k, v);
  }
  if (back) std::reverse(out.begin(), out.end());
  if (out.size() > limit) out.resize(limit);
  return out;
}

Rows state_scan(const ReplayState& state, const std::string& prefix, const std::string& bound,
                std::size_t limit, bool back) {
  Rows out;
  auto visit = [&out](BytesView key, BytesView value) {
    out.emplace_back(key, value);
    return true;
  };
  EXPECT_TRUE((back ? state.scan_back(prefix, bound, limit, visit)
                    : state.scan(prefix, bound, limit, visit))
                  .ok());
  return out;
}

TEST(ReplayState, agrees_with_a_map_under_random_puts_erasures_and_scans) {
  std::mt19937_64 random(11);
  ReplayState state;
  Model model;
  auto key = [&] {
    return "s/" + std::string(random() % 2 ? "a" : "a-b") + "/" + std::to_string(random() % 3000);
  };
  const std::string prefixes[] = {"s/a/", "s/", "s/a/1", "s/a-b/29", "s/none/"};
  for (int i = 0; i < 60'000; ++i) {
    const std::string k = key();
    if (random() % 3 == 0) {
      state.put(k, std::nullopt);
      model.erase(k);
    } else {
      const std::string v(random() % 60, static_cast<char>('a' + random() % 26));
      state.put(k, v);
      model[k] = v;
    }
    const auto found = model.find(k);
    const std::optional<BytesView> row = state.find(k);
    ASSERT_EQ(row.has_value(), found != model.end());
    ASSERT_EQ(row.value_or(""), found == model.end() ? "" : found->second);
    if (i % 50 != 0) continue;
    const std::string& prefix = prefixes[random() % std::size(prefixes)];
    const std::string bound = random() % 2 ? key() : "";
    const std::size_t limit = random() % 2 ? 5 : SIZE_MAX;
    for (const bool back : {false, true}) {
      ASSERT_EQ(state_scan(state, prefix, bound, limit, back),
                rows_of_model(model, prefix, bound, limit, back));
    }
  }
  EXPECT_EQ(state.rows(), model.size());
}

TEST(ReplayState, holds_rows_only_as_they_are) {
  using Pairs = std::vector<std::pair<Bytes, Bytes>>;
  ReplayState state(ReplayState::Absent::kRemember);
  EXPECT_TRUE(state.holds(Pairs{}));
  EXPECT_FALSE(state.holds(Pairs{{"s/a/0", "0"}}));
  Pairs rows;
  for (std::size_t i = 0; i < ReplayState::kFetched; ++i) {
    rows.emplace_back("s/a/" + std::to_string(i), std::to_string(i));
    state.put(rows[i].first, rows[i].second);
  }
  state.put("s/a/gone", "x");
  state.put("s/a/gone", std::nullopt);
  EXPECT_TRUE(state.holds(rows));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Pairs other = rows;
    other[i].second += "0";
    EXPECT_FALSE(state.holds(other));
    other[i] = {"s/b/" + std::to_string(i), rows[i].second};
    EXPECT_FALSE(state.holds(other));
    other[i] = {"s/a/gone", "x"};
    EXPECT_FALSE(state.holds(other));
  }
}

// Namespaces and prefixes that begin with each other, of all lengths around a word.
TEST(ReplayState, orders_cover_the_keys_of_their_prefix_and_no_others) {
  ReplayState state;
  Model model;
  const std::string text = "s/a/0123456789";
  std::vector<std::string> prefixes;
  // The longest first: a shorter one would do for it, too.
  for (std::size_t n = text.size(); n >= 4; --n) prefixes.push_back(text.substr(0, n));
  for (const std::string& prefix : prefixes) state_scan(state, prefix, "", SIZE_MAX, false);
  for (std::size_t n = 4; n <= text.size(); ++n) {
    for (const char* end : {"", "x", "9", "y/z"}) {
      const std::string key = text.substr(0, n) + end;
      state.put(key, key);
      model[key] = key;
    }
  }
  for (const std::string& prefix : prefixes) {
    ASSERT_EQ(state_scan(state, prefix, "", SIZE_MAX, false),
              rows_of_model(model, prefix, "", SIZE_MAX, false))
        << prefix;
  }
}

TEST(ReplayState, shares_one_order_of_a_namespace_beyond_the_bound_of_scanned_prefixes) {
  ReplayState state;
  Model model;
  for (int i = 0; i < 1000; ++i) {
    const std::string k = "s/a/" + std::to_string(i), v = std::to_string(i * 7);
    state.put(k, v);
    model[k] = v;
  }
  for (int i = 0; i < 300; ++i) {
    const std::string prefix = "s/a/" + std::to_string(i);
    ASSERT_EQ(state_scan(state, prefix, "", SIZE_MAX, false),
              rows_of_model(model, prefix, "", SIZE_MAX, false));
  }
}

TEST(ReplayState, a_visitor_may_scan_while_its_own_scan_goes_on) {
  ReplayState state;
  for (int i = 0; i < 200; ++i) state.put("s/a/" + std::to_string(1000 + i), "x");
  std::size_t seen = 0;
  ASSERT_TRUE(state
                  .scan("s/a/", {}, SIZE_MAX,
                        [&](BytesView key, BytesView) {
                          EXPECT_EQ(state_scan(state, std::string(key), "", 1, false).size(), 1u);
                          ++seen;
                          return true;
                        })
                  .ok());
  EXPECT_EQ(seen, 200u);
}

}  // namespace
}  // namespace blockd
