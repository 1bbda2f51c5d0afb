// The state in front of a window of blocks against plain maps: random blocks, gone back and done in
// another way, with reads and scans in between.
#include "kernel/chain/past_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "kernel/chain/block.hpp"

namespace blockd {
namespace {

using PastModel = std::map<std::string, std::string>;
using PastRows = std::vector<std::pair<std::string, std::string>>;

class PastStateTest : public ::testing::Test {
 protected:
  std::string random_key() {
    return std::string(random_() % 3 == 0 ? "s/a-b/" : "s/a/") +
           std::to_string(100 + random_() % 400);
  }
  std::string random_value() {
    return std::string(random_() % 50, static_cast<char>('a' + random_() % 26));
  }

  // A block that changes some rows of `model`, as the log would keep it.
  Bytes random_block(PastModel* model, std::size_t rows) {
    BlockRecord block;
    Step& step = block.steps.emplace_back();
    for (std::size_t i = 0; i < rows; ++i) {
      const std::string key = random_key();
      const auto [space, rest] = split_key(key);
      DeltaRow row{std::string(space), Bytes(rest), std::nullopt, std::nullopt};
      if (const auto found = model->find(key); found != model->end()) row.before = found->second;
      if (random_() % 3 != 0) row.after = random_value();
      if (row.after) {
        (*model)[key] = *row.after;
      } else {
        model->erase(key);
      }
      step.delta.push_back(std::move(row));
    }
    return encode_block(block);
  }

  static void fill(KvStore& store, const PastModel& model) {
    std::vector<KvWrite> writes;
    for (const auto& [key, value] : model) writes.push_back({key, value});
    ASSERT_TRUE(store.write(writes, false).ok());
  }

  static PastRows expected(const PastModel& model, const std::string& prefix,
                           const std::string& bound, std::size_t limit, bool back) {
    PastRows out;
    for (const auto& [k, v] : model) {
      if (!k.starts_with(prefix)) continue;
      if (!bound.empty() && (back ? k >= bound : k <= bound)) continue;
      out.emplace_back(k, v);
    }
    if (back) std::reverse(out.begin(), out.end());
    if (out.size() > limit) out.resize(limit);
    return out;
  }

  static PastRows scanned(const KvReader& state, const std::string& prefix,
                          const std::string& bound, std::size_t limit, bool back) {
    PastRows out;
    auto visit = [&out](BytesView key, BytesView value) {
      out.emplace_back(key, value);
      return true;
    };
    EXPECT_TRUE((back ? state.scan_back(prefix, bound, limit, visit)
                      : state.scan(prefix, bound, limit, visit))
                    .ok());
    return out;
  }

  void compare(const PastState& state, const PastModel& model) {
    for (int i = 0; i < 20; ++i) {
      const std::string key = random_key();
      std::optional<Bytes> row;
      ASSERT_TRUE(state.get(key, &row).ok());
      const auto found = model.find(key);
      ASSERT_EQ(row, found == model.end() ? std::nullopt : std::optional(found->second)) << key;
    }
    static const std::string kPrefixes[] = {"s/a/", "s/", "s/a/1", "s/a-b/2", "s/none/"};
    for (int i = 0; i < 6; ++i) {
      const std::string& prefix = kPrefixes[random_() % std::size(kPrefixes)];
      const std::string bound = random_() % 3 != 0 ? random_key() : "";
      const std::size_t limit = random_() % 2 ? 1 + random_() % 5 : SIZE_MAX;
      for (const bool back : {false, true}) {
        ASSERT_EQ(scanned(state, prefix, bound, limit, back),
                  expected(model, prefix, bound, limit, back))
            << prefix << " " << bound << " " << limit << (back ? " back" : "");
      }
    }
  }

  std::mt19937_64 random_{5};
};

TEST_F(PastStateTest, goes_back_and_on_like_a_map) {
  for (int round = 0; round < 40; ++round) {
    PastModel model;
    for (std::size_t i = 0; i < 300; ++i) model[random_key()] = random_value();
    const PastModel before = model;
    std::vector<Bytes> blocks;
    for (int i = 0; i < 5; ++i) blocks.push_back(random_block(&model, 60));
    const auto head = open_memory();
    fill(*head, model);

    PastState state(*head);
    for (const Bytes& block : blocks) ASSERT_TRUE(state.learn(block).ok());
    PastModel now = before;
    compare(state, now);
    for (int i = 0; i < 10; ++i) {
      PastModel changed;
      for (int k = 0; k < 20; ++k) changed[random_key()] = random_value();
      std::vector<Overlay::Change> changes;
      for (const auto& [key, value] : changed) {
        const bool erases = value.size() < 15;
        changes.push_back(
            {key, key_hash(key), {}, erases ? std::nullopt : std::optional<BytesView>(value)});
        if (erases) {
          now.erase(key);
        } else {
          now[key] = value;
        }
      }
      ASSERT_TRUE(state.apply(changes).ok());
      compare(state, now);
    }
    std::vector<Overlay::Change> found;
    std::deque<Bytes> rows;
    ASSERT_TRUE(state.differences(&found, &rows).ok());
    PastModel patched = model;
    for (const Overlay::Change& change : found) {
      const std::string key(change.key);
      const auto at = model.find(key);
      ASSERT_EQ(change.before.has_value(), at != model.end());
      ASSERT_EQ(change.before.value_or(""), at == model.end() ? "" : at->second);
      ASSERT_NE(change.before, change.after);
      if (change.after) {
        patched[key] = *change.after;
      } else {
        patched.erase(key);
      }
    }
    ASSERT_EQ(patched, now);
    ASSERT_TRUE(std::is_sorted(found.begin(), found.end(), [](const auto& a, const auto& b) {
      return split_key(a.key) < split_key(b.key);
    }));
  }
}

// A store that counts the rows it delivers.
class CountingReader final : public KvReader {
 public:
  explicit CountingReader(const KvReader& below) : below_(below) {}
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return below_.get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return below_.scan(prefix, after, limit, [&](BytesView key, BytesView value) {
      ++delivered;
      return visit(key, value);
    });
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return below_.scan_back(prefix, before, limit, visit);
  }
  mutable std::size_t delivered = 0;

 private:
  const KvReader& below_;
};

// What a hook with a cursor does in every block, over rows that the window has made.
TEST_F(PastStateTest, walks_through_rows_of_the_window_once) {
  constexpr int kMade = 1000;
  BlockRecord block;
  Step& step = block.steps.emplace_back();
  PastModel model;
  for (int i = 0; i < kMade; ++i) {
    const std::string key = std::to_string(10'000 + i);
    step.delta.push_back({"a", key, std::nullopt, "made"});
    model["s/a/" + key] = "made";
  }
  const auto store = open_memory();
  fill(*store, model);
  const CountingReader head(*store);
  PastState state(head);
  ASSERT_TRUE(state.learn(encode_block(block)).ok());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(scanned(state, "s/a/", "s/a/1", 1, false).empty());
    ASSERT_TRUE(scanned(state, "s/a/", "s/a/105", 1, false).empty());
    ASSERT_TRUE(scanned(state, "s/a/", "", 1, false).empty());
  }
  EXPECT_LE(head.delivered, 2u * kMade);
  const std::string again = "s/a/10500", value = "again";
  ASSERT_TRUE(state.apply(std::vector<Overlay::Change>{{again, key_hash(again), {}, value}}).ok());
  EXPECT_EQ(scanned(state, "s/a/", "s/a/1", 5, false), (PastRows{{again, value}}));
  EXPECT_EQ(scanned(state, "s/a/", "", 5, false), (PastRows{{again, value}}));
}

}  // namespace
}  // namespace blockd
