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

// Blocks on a store, with a cache that is told of their rows: it never says another thing than the
// store, and rows that nobody reads do not fill it.
TEST(Overlay, cache_agrees_with_the_store_from_block_to_block) {
  std::mt19937_64 random(11);
  std::unique_ptr<KvStore> store = open_memory();
  RowCache cache(8);
  Model model;
  for (int block = 0; block < 500; ++block) {
    Overlay overlay;
    overlay.reset(store.get(), &cache);
    for (int i = 0; i < 20; ++i) {
      const std::string k = "s/a/" + std::to_string(random() % 60);
      if (random() % 2 != 0) {
        std::optional<Bytes> v;
        ASSERT_TRUE(overlay.get(k, &v).ok());
        ASSERT_EQ(v.value_or("none"), model.contains(k) ? model[k] : "none");
      } else if (random() % 4 == 0) {
        ASSERT_TRUE(overlay.erase(k).ok());
        model.erase(k);
      } else {
        model[k] = std::string(random() % 100, 'v');
        ASSERT_TRUE(overlay.put(k, model[k]).ok());
      }
    }
    std::vector<Overlay::Change> changes;
    overlay.net_changes(&changes);
    std::vector<KvWrite> writes;
    for (const Overlay::Change& c : changes)
      writes.push_back({Bytes(c.key), c.after ? std::optional<Bytes>(*c.after) : std::nullopt});
    ASSERT_TRUE(store->write(writes, false).ok());
    for (const KvWrite& w : writes)
      cache.written(w.key, key_hash(w.key),
                    w.value ? std::optional<BytesView>(*w.value) : std::nullopt);
    cache.trim();
  }
  const std::size_t rows = cache.rows();
  Overlay overlay;
  overlay.reset(store.get(), &cache);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(overlay.put("s/new/" + std::to_string(i), "v").ok());
  EXPECT_EQ(cache.rows(), rows);
}

TEST(Overlay, changes_are_sorted_whatever_their_keys_have_in_common) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 50; ++round) {
    std::unique_ptr<KvStore> store = open_memory();
    Overlay overlay;
    overlay.reset(store.get(), nullptr);
    for (int i = 0; i < 300; ++i) {
      std::string k = "s/space" + std::to_string(random() % 3) + "/";
      const std::string parts[] = {"credit/of/a/long/name/", "cr", std::string(9, '\0'), "\xff"};
      for (std::size_t n = random() % 4; n > 0; --n) k += parts[random() % 4];
      k.append(random() % 12, static_cast<char>(random() % 3));
      ASSERT_TRUE(overlay.put(k, "v").ok());
    }
    std::vector<Overlay::Change> changes;
    overlay.net_changes(&changes);
    for (std::size_t i = 1; i < changes.size(); ++i)
      ASSERT_LT(split_key(changes[i - 1].key), split_key(changes[i].key)) << round;
    EXPECT_GT(changes.size(), 100u);
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
