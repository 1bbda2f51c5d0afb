// Overlay and row cache against a plain map, with random operations.
#include "kernel/chain/overlay.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace blockd {
namespace {

using Model = std::map<std::string, std::string>;

std::vector<std::pair<std::string, std::string>> model_scan(const Model& model,
                                                            const std::string& prefix,
                                                            const std::string& after,
                                                            std::size_t limit, bool back) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [k, v] : model) {
    if (!k.starts_with(prefix)) continue;
    if (!after.empty() && (back ? k >= after : k <= after)) continue;
    out.emplace_back(k, v);
  }
  if (back) std::reverse(out.begin(), out.end());
  if (out.size() > limit) out.resize(limit);
  return out;
}

TEST(Overlay, agrees_with_a_map_under_random_operations_savepoints_and_scans) {
  for (bool cached : {false, true}) {
    std::mt19937_64 random(7);
    std::unique_ptr<KvStore> store = open_memory();
    Model base;
    std::vector<KvWrite> writes;
    auto key = [&] {
      return "s/" + std::string(random() % 2 ? "a" : "a-b") + "/" + std::to_string(random() % 40);
    };
    for (int i = 0; i < 30; ++i) {
      std::string k = key(), v = std::to_string(random());
      base[k] = v;
      writes.push_back({k, v});
    }
    ASSERT_TRUE(store->write(writes, false).ok());
    RowCache cache(16);
    Overlay overlay;
    overlay.reset(store.get(), cached ? &cache : nullptr);
    Model model = base;
    std::vector<std::pair<Overlay::Savepoint, Model>> saved;
    for (int i = 0; i < 20'000; ++i) {
      std::string k = key();
      switch (random() % 9) {
        case 0:
        case 1:
        case 2: {
          std::string v = std::to_string(random() % 5);
          ASSERT_TRUE(overlay.put(k, v).ok());
          model[k] = v;
          break;
        }
        case 3:
          ASSERT_TRUE(overlay.erase(k).ok());
          model.erase(k);
          break;
        case 4:
          if (saved.size() < 8) saved.emplace_back(overlay.savepoint(), model);
          break;
        case 5:
          if (!saved.empty()) {
            overlay.rollback(saved.back().first);
            model = saved.back().second;
            saved.pop_back();
          }
          break;
        case 6: {
          overlay.begin_step();
          saved.clear();
          if (cached) cache.trim();
          break;
        }
        case 7: {
          bool back = random() % 2;
          std::string prefix = random() % 3 ? "s/a/" : "s/a-b/1", bound = random() % 2 ? key() : "";
          std::size_t limit = random() % 12;
          std::vector<std::pair<std::string, std::string>> got;
          auto visit = [&](BytesView a, BytesView b) { return got.emplace_back(a, b), true; };
          ASSERT_TRUE((back ? overlay.scan_back(prefix, bound, limit, visit)
                            : overlay.scan(prefix, bound, limit, visit))
                          .ok());
          ASSERT_EQ(got, model_scan(model, prefix, bound, limit, back))
              << i << (back ? " back " : " ") << prefix << " bound " << bound;
          break;
        }
        default: {
          std::optional<Bytes> v;
          ASSERT_TRUE(overlay.get(k, &v).ok());
          ASSERT_EQ(v.has_value(), model.contains(k));
          if (v) {
            ASSERT_EQ(*v, model[k]);
          }
        }
      }
    }
    std::vector<Overlay::Change> changes;
    overlay.net_changes(&changes);
    Model rebuilt = base;
    for (const Overlay::Change& c : changes) {
      EXPECT_NE(c.before, c.after);
      if (c.after)
        rebuilt[std::string(c.key)] = *c.after;
      else
        rebuilt.erase(std::string(c.key));
    }
    EXPECT_EQ(rebuilt, model);
    for (std::size_t i = 1; i < changes.size(); ++i)
      EXPECT_LT(split_key(changes[i - 1].key), split_key(changes[i].key));
  }
}

TEST(Overlay, step_changes_tell_first_and_last_value_of_the_step_only) {
  std::unique_ptr<KvStore> store = open_memory();
  Overlay overlay;
  overlay.reset(store.get(), nullptr);
  ASSERT_TRUE(overlay.put("s/a/x", "1").ok());
  overlay.begin_step();
  ASSERT_TRUE(overlay.put("s/a/x", "2").ok());
  ASSERT_TRUE(overlay.put("s/a/x", "3").ok());
  ASSERT_TRUE(overlay.put("s/a/y", "1").ok());
  ASSERT_TRUE(overlay.erase("s/a/y").ok());
  std::vector<Overlay::Change> changes;
  overlay.step_changes(&changes);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(*changes[0].before, "1");
  EXPECT_EQ(*changes[0].after, "3");
}

TEST(Overlay, visitor_may_write_while_it_scans) {
  std::unique_ptr<KvStore> store = open_memory();
  Overlay overlay;
  overlay.reset(store.get(), nullptr);
  ASSERT_TRUE(overlay.put("s/a/1", "x").ok());
  int rows = 0;
  ASSERT_TRUE(overlay
                  .scan("s/a/", "", 100,
                        [&](BytesView, BytesView) {
                          if (++rows == 1) {
                            EXPECT_TRUE(overlay.put("s/a/2", "y").ok());
                          }
                          return true;
                        })
                  .ok());
  EXPECT_EQ(rows, 2);
}

}  // namespace
}  // namespace blockd
