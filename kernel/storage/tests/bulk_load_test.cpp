#include "kernel/storage/bulk_load.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "kernel/storage/kv_store.hpp"
#include "kernel/storage/leveldb_format.hpp"

namespace blockd {
namespace {

using BulkRows = std::map<Bytes, Bytes>;

class BulkLoaded : public testing::Test {
 protected:
  BulkLoaded() {
    char name[] = "/tmp/blockd-bulk-XXXXXX";
    root_ = ::mkdtemp(name);
    dir_ = root_ + "/state";
  }
  ~BulkLoaded() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<BulkLoad> begin() {
    Result<std::unique_ptr<BulkLoad>> load = BulkLoad::begin(dir_);
    EXPECT_TRUE(load.ok());
    return *std::move(load);
  }
  // Keys that are prefixes of each other, bytes 00 and FF, empty and long values.
  static BulkRows some_rows(std::size_t count, std::size_t value_bytes) {
    std::mt19937_64 random(7);
    BulkRows out;
    while (out.size() < count) {
      Bytes key = "s/x/";
      for (std::size_t left = 1 + random() % 12; left > 0; --left)
        key.push_back(static_cast<char>(random() % 5 * 63));
      Bytes value(random() % (value_bytes * 2), '\0');
      for (char& c : value) c = static_cast<char>(random());
      out.emplace(std::move(key), std::move(value));
    }
    return out;
  }
  static void expect_rows(const KvReader& store, const BulkRows& rows) {
    auto at = rows.begin();
    ASSERT_TRUE(store
                    .scan("s/", "", SIZE_MAX,
                          [&](BytesView key, BytesView value) {
                            EXPECT_TRUE(at != rows.end() && key == at->first &&
                                        value == at->second);
                            return ++at != rows.end();
                          })
                    .ok());
    EXPECT_TRUE(at == rows.end());
    for (const auto& [key, value] : rows) {
      std::optional<Bytes> found;
      ASSERT_TRUE(store.get(key, &found).ok());
      ASSERT_EQ(found, value);
      ASSERT_TRUE(store.get(key + "?", &found).ok());
      ASSERT_EQ(found.has_value(), rows.contains(key + "?"));
    }
  }
  std::string root_, dir_;
};

TEST_F(BulkLoaded, is_a_store_that_leveldb_opens_and_goes_on_with) {
  BulkRows rows = some_rows(20'000, 1500);  // four tables
  {
    auto load = begin();
    for (const auto& [key, value] : rows) ASSERT_TRUE(load->add(key, value).ok());
    ASSERT_TRUE(load->finish().ok());
  }
  LevelDbOptions options;
  options.write_buffer_bytes = 256u << 10;
  {
    auto store = std::move(*open_leveldb(dir_, options));
    EXPECT_GE(store->stats().table_files, 3u);
    EXPECT_EQ(store->stats().level0_files, 0u);
    expect_rows(*store, rows);
    std::vector<KvWrite> changes;
    std::size_t n = 0;
    for (auto at = rows.begin(); at != rows.end(); ++n) {
      if (n % 3 == 0) changes.push_back({at->first, std::nullopt});
      if (n % 3 == 1) changes.push_back({at->first, at->second = "another"});
      at = n % 3 == 0 ? rows.erase(at) : std::next(at);
    }
    ASSERT_TRUE(store->write(changes, true).ok());
    expect_rows(*store, rows);
    ASSERT_TRUE(store->compact(nullptr).ok());
    expect_rows(*store, rows);
  }
  expect_rows(**open_leveldb(dir_, options), rows);
}

TEST_F(BulkLoaded, takes_runs_in_any_order_but_none_within_another) {
  auto load = begin();
  for (const auto& run :
       std::vector<std::vector<Bytes>>{{"s/a/1", "s/a/2"}, {"s/a-b/1", "s/a-b/2"}, {"s/b/1"}}) {
    load->begin_run();
    for (const Bytes& key : run) ASSERT_TRUE(load->add(key, key).ok());
  }
  EXPECT_EQ(load->add("s/b/1", "").code(), Code::kInvalid);
  ASSERT_TRUE(load->finish().ok());
  std::string keys;
  ASSERT_TRUE((*open_leveldb(dir_, {}))
                  ->scan("", "", 10,
                         [&](BytesView key, BytesView) {
                           keys.append(key).append(" ");
                           return true;
                         })
                  .ok());
  EXPECT_EQ(keys, "s/a-b/1 s/a-b/2 s/a/1 s/a/2 s/b/1 ");
  EXPECT_EQ(BulkLoad::begin(dir_).status().code(), Code::kBusy);
  dir_ = root_ + "/overlap";
  load = begin();
  ASSERT_TRUE(load->add("a", "").ok());
  ASSERT_TRUE(load->add("c", "").ok());
  load->begin_run();
  ASSERT_TRUE(load->add("b", "").ok());
  EXPECT_EQ(load->finish().code(), Code::kInvalid);
  EXPECT_EQ(open_leveldb(dir_, {}).status().code(), Code::kCorrupt) << "tables without CURRENT";
}

TEST_F(BulkLoaded, leaves_no_store_when_it_is_given_up) {
  auto load = begin();
  ASSERT_TRUE(load->add("a", "1").ok());
  load.reset();
  EXPECT_EQ(open_leveldb(dir_, {.create_if_missing = true}).status().code(), Code::kCorrupt);
}

TEST_F(BulkLoaded, without_rows_is_an_empty_store) {
  ASSERT_TRUE(begin()->finish().ok());
  auto store = std::move(*open_leveldb(dir_, {}));
  std::optional<Bytes> none;
  ASSERT_TRUE(store->get("a", &none).ok());
  EXPECT_FALSE(none);
}

TEST_F(BulkLoaded, finds_a_flipped_bit_in_a_table) {
  {
    auto load = begin();
    for (const auto& [key, value] : some_rows(2000, 200)) ASSERT_TRUE(load->add(key, value).ok());
    ASSERT_TRUE(load->finish().ok());
  }
  std::fstream table(dir_ + "/000003.ldb", std::ios::in | std::ios::out | std::ios::binary);
  table.seekg(5000);
  const char byte = static_cast<char>(table.get() ^ 4);
  table.seekp(5000);
  table.put(byte);
  table.close();
  auto store = std::move(*open_leveldb(dir_, {}));
  EXPECT_EQ(store->scan("", "", SIZE_MAX, [](BytesView, BytesView) { return true; }).code(),
            Code::kCorrupt);
}

// The tables of a large store have keys that make the manifest longer than a block of its log.
TEST_F(BulkLoaded, writes_a_manifest_of_many_blocks) {
  auto load = begin();
  const std::size_t tables = 120;
  for (std::size_t i = tables; i > 0; --i) {  // falling keys: a table each
    Bytes key(1, static_cast<char>(i));
    load->begin_run();
    ASSERT_TRUE(load->add(key.append(700 + i, 'k'), "value").ok());
  }
  ASSERT_TRUE(load->finish().ok());
  ASSERT_GT(std::filesystem::file_size(dir_ + "/MANIFEST-000001"), 4u * (32u << 10));
  auto store = std::move(*open_leveldb(dir_, {}));
  std::size_t rows = 0;
  ASSERT_TRUE(store->scan("", "", SIZE_MAX, [&](BytesView, BytesView) { return ++rows > 0; }).ok());
  EXPECT_EQ(rows, tables);
}

TEST(LevelForTables, leaves_room_on_it) {
  EXPECT_EQ(internal::level_for(0), 1);
  EXPECT_EQ(internal::level_for(5u << 20), 1);
  EXPECT_EQ(internal::level_for(6u << 20), 2);
  EXPECT_EQ(internal::level_for(1ull << 30), 4);
  EXPECT_EQ(internal::level_for(1ull << 40), 6);
}

}  // namespace
}  // namespace blockd
