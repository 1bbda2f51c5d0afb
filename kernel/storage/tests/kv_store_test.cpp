// Both engines against std::map, and one that is written behind.
#include "kernel/storage/kv_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "kernel/base/file.hpp"
#include "kernel/storage/write_behind.hpp"

namespace blockd {
namespace {

using Model = std::map<Bytes, Bytes>;
using Rows = std::vector<std::pair<Bytes, Bytes>>;

struct MemoryEngine {
  std::unique_ptr<KvStore> open(const std::string&) { return open_memory(); }
};
struct LevelDbEngine {
  std::unique_ptr<KvStore> open(const std::string& dir) {
    LevelDbOptions options;
    options.create_if_missing = true;
    options.write_buffer_bytes = 64 << 10;
    return std::move(*open_leveldb(dir + "/state", options));
  }
};

std::string new_dir() {
  char name[] = "/tmp/blockd-kv-XXXXXX";
  return ::mkdtemp(name);
}

// Each write passes through memory; with an engine that is slow now and then, layers pile up.
class SlowEngine final : public KvStore {
 public:
  explicit SlowEngine(std::unique_ptr<KvStore> engine) : engine_(std::move(engine)) {}
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return engine_->get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return engine_->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return engine_->scan_back(prefix, before, limit, visit);
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    for (int i = 0; i < kYields; ++i) std::this_thread::yield();
    return engine_->write(batch, sync);
  }
  std::shared_ptr<const KvReader> snapshot() const override { return engine_->snapshot(); }
  Status flush() override { return engine_->flush(); }
  std::uint64_t approximate_bytes() const override { return engine_->approximate_bytes(); }

 private:
  static constexpr int kYields = 20;
  std::unique_ptr<KvStore> engine_;
};
struct LevelDbWithoutLog {
  std::unique_ptr<KvStore> open(const std::string& dir) {
    return std::move(*open_leveldb(
        dir + "/state",
        {.create_if_missing = true, .write_buffer_bytes = 64 << 10, .own_log = false}));
  }
};
struct BehindLevelDb {
  std::unique_ptr<KvStore> open(const std::string& dir) {
    return make_write_behind(LevelDbEngine().open(dir), 1u << 20);
  }
};
struct BehindSlowLevelDb {
  std::unique_ptr<KvStore> open(const std::string& dir) {
    return make_write_behind(std::make_unique<SlowEngine>(LevelDbEngine().open(dir)), 1u << 20);
  }
};

template <class Engine>
class Kv : public testing::Test {
 protected:
  Kv() : dir_(new_dir()), store_(Engine().open(dir_)) {}
  ~Kv() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  std::string dir_;
  std::unique_ptr<KvStore> store_;
};
using Engines = testing::Types<MemoryEngine, LevelDbEngine, LevelDbWithoutLog, BehindLevelDb,
                               BehindSlowLevelDb>;
TYPED_TEST_SUITE(Kv, Engines);

Rows page(const KvReader& reader, bool up, BytesView prefix, BytesView bound, std::size_t limit) {
  Rows out;
  auto visit = [&](BytesView key, BytesView value) {
    out.emplace_back(key, value);
    return true;
  };
  EXPECT_TRUE((up ? reader.scan(prefix, bound, limit, visit)
                  : reader.scan_back(prefix, bound, limit, visit))
                  .ok());
  return out;
}

// Straight from the sentences of the header.
Rows expected_page(const Model& model, bool up, BytesView prefix, BytesView bound,
                   std::size_t limit) {
  Rows out;
  for (const auto& [key, value] : model) {
    if (!key.starts_with(prefix)) continue;
    if (!bound.empty() && (up ? key <= bound : key >= bound)) continue;
    out.emplace_back(key, value);
  }
  if (!up) std::reverse(out.begin(), out.end());
  if (out.size() > limit) out.resize(limit);
  return out;
}

class Source {
 public:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  // Few letters and short: many hits, shared prefixes, the bytes 00 and FF.
  Bytes key(std::size_t min_size) {
    constexpr char kLetters[] = {'\0', 'a', 'b', '\x7f', '\xFE', '\xFF'};
    Bytes out(min_size + below(4), '\0');
    for (char& c : out) c = kLetters[below(sizeof kLetters)];
    return out;
  }

 private:
  std::mt19937_64 random_{42};
};

void expect_same(const KvReader& reader, const Model& model, Source& source) {
  for (int i = 0; i < 4; ++i) {
    const Bytes key = source.key(1);
    std::optional<Bytes> value = "something";
    ASSERT_TRUE(reader.get(key, &value).ok());
    const auto found = model.find(key);
    ASSERT_EQ(value, found == model.end() ? std::nullopt : std::optional(found->second));
    const bool up = source.below(2) == 0;
    const Bytes prefix = source.key(0);
    const Bytes bound = source.below(3) == 0 ? Bytes() : source.key(0);
    const std::size_t limit = source.below(3) == 0 ? 1000000 : source.below(6);
    ASSERT_EQ(page(reader, up, prefix, bound, limit),
              expected_page(model, up, prefix, bound, limit));
  }
}

TYPED_TEST(Kv, behaves_as_a_sorted_map_and_snapshots_do_not_move) {
  Source source;
  Model model;
  std::vector<std::pair<std::shared_ptr<const KvReader>, Model>> snapshots;
  for (int step = 0; step < 1500; ++step) {
    std::vector<KvWrite> batch(source.below(8));
    for (KvWrite& write : batch) {
      write.key = source.key(1);
      if (source.below(3) != 0)
        write.value = Bytes(source.below(300), static_cast<char>('a' + source.below(26)));
      if (write.value) {
        model[write.key] = *write.value;
      } else {
        model.erase(write.key);
      }
    }
    ASSERT_TRUE(this->store_->write(batch, step % 50 == 0).ok());
    expect_same(*this->store_, model, source);
    if (step % 20 == 0) {
      if (snapshots.size() == 5)
        snapshots.erase(snapshots.begin() + static_cast<std::ptrdiff_t>(source.below(5)));
      snapshots.emplace_back(this->store_->snapshot(), model);
    }
    if (step % 400 == 0) {
      ASSERT_TRUE(this->store_->flush().ok());
    }
    const auto& [reader, then] = snapshots[source.below(snapshots.size())];
    expect_same(*reader, then, source);
  }
}

TYPED_TEST(Kv, a_visitor_can_stop) {
  ASSERT_TRUE(
      this->store_->write(std::vector<KvWrite>{{"a", "1"}, {"b", "2"}, {"c", "3"}}, false).ok());
  int rows = 0;
  auto stop = [&](BytesView, BytesView) { return ++rows < 2; };
  ASSERT_TRUE(this->store_->scan("", "", 10, stop).ok());
  EXPECT_EQ(rows, 2);
  rows = 0;
  ASSERT_TRUE(this->store_->scan_back("", "", 10, stop).ok());
  EXPECT_EQ(rows, 2);
}

TYPED_TEST(Kv, the_last_write_of_a_batch_counts) {
  ASSERT_TRUE(
      this->store_->write(std::vector<KvWrite>{{"a", "1"}, {"a", {}}, {"b", {}}, {"b", "2"}}, false)
          .ok());
  EXPECT_EQ(page(*this->store_, true, "", "", 10), (Rows{{"b", "2"}}));
}

TYPED_TEST(Kv, readers_meanwhile_see_whole_batches) {
  std::vector<KvWrite> batch;
  for (char c = 'a'; c <= 'z'; ++c) batch.push_back({Bytes(1, c), "0"});
  ASSERT_TRUE(this->store_->write(batch, false).ok());
  std::thread writer([&] {
    for (int i = 1; i <= 300; ++i) {
      for (KvWrite& write : batch) write.value = std::to_string(i);
      EXPECT_TRUE(this->store_->write(batch, false).ok());
    }
  });
  for (int i = 0; i < 300; ++i) {
    const Rows rows = page(*this->store_->snapshot(), true, "", "", 100);
    ASSERT_EQ(rows.size(), 26u);
    for (const auto& row : rows) ASSERT_EQ(row.second, rows[0].second);
  }
  writer.join();
}

TEST(MemoryStore, counts_its_bytes) {
  auto store = open_memory();
  ASSERT_TRUE(store->write(std::vector<KvWrite>{{"key", "value"}, {"k", "v"}}, false).ok());
  EXPECT_EQ(store->approximate_bytes(), 10u);
  ASSERT_TRUE(
      store->write(std::vector<KvWrite>{{"key", "v"}, {"k", {}}, {"none", {}}}, false).ok());
  EXPECT_EQ(store->approximate_bytes(), 4u);
}

class LevelDb : public testing::Test {
 protected:
  LevelDb() : dir_(new_dir()) { options_.create_if_missing = true; }
  ~LevelDb() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
  LevelDbOptions options_;
};

TEST_F(LevelDb, without_a_log_keeps_what_was_flushed_or_synced) {
  options_.own_log = false;
  {
    auto store = std::move(*open_leveldb(dir_, options_));
    ASSERT_TRUE(store->write(std::vector<KvWrite>{{"flushed", "1"}}, false).ok());
    ASSERT_TRUE(store->flush().ok());
    ASSERT_TRUE(store->write(std::vector<KvWrite>{{"synced", "2"}}, true).ok());
    ASSERT_TRUE(store->write(std::vector<KvWrite>{{"lost", "3"}}, false).ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    EXPECT_NE(entry.path().extension(), ".log");
  options_.create_if_missing = false;
  for (const bool own_log : {false, true}) {
    options_.own_log = own_log;
    auto store = std::move(*open_leveldb(dir_, options_));
    EXPECT_EQ(page(*store, true, "", "", 10), (Rows{{"flushed", "1"}, {"synced", "2"}}));
  }
}

TEST_F(LevelDb, keeps_its_rows_over_a_restart) {
  {
    auto store = std::move(*open_leveldb(dir_, options_));
    ASSERT_TRUE(store->write(std::vector<KvWrite>{{"a", "1"}}, false).ok());
    ASSERT_TRUE(store->flush().ok());
    EXPECT_EQ(open_leveldb(dir_, options_).status().code(), Code::kBusy);
  }
  options_.create_if_missing = false;
  auto store = std::move(*open_leveldb(dir_, options_));
  EXPECT_EQ(page(*store, true, "", "", 10), (Rows{{"a", "1"}}));
}

TEST_F(LevelDb, is_not_created_unless_asked) {
  options_.create_if_missing = false;
  EXPECT_EQ(open_leveldb(dir_, options_).status().code(), Code::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(dir_));
}

TEST_F(LevelDb, a_missing_current_file_is_damage_and_nothing_is_deleted) {
  {
    auto store = std::move(*open_leveldb(dir_, options_));
    ASSERT_TRUE(store->write(std::vector<KvWrite>{{"a", "1"}}, true).ok());
  }
  std::filesystem::rename(dir_ + "/CURRENT", dir_ + "/kept");
  const Status status = open_leveldb(dir_, options_).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(dir_ + "/CURRENT"), std::string::npos);
  std::filesystem::rename(dir_ + "/kept", dir_ + "/CURRENT");
  auto store = std::move(*open_leveldb(dir_, options_));
  EXPECT_EQ(page(*store, true, "", "", 10), (Rows{{"a", "1"}}));
}

TEST_F(LevelDb, a_flipped_bit_in_a_table_is_told) {
  {
    auto store = std::move(*open_leveldb(dir_, options_));
    std::vector<KvWrite> batch;
    for (int i = 0; i < 2000; ++i) batch.push_back({"key" + std::to_string(i), Bytes(50, 'v')});
    ASSERT_TRUE(store->write(batch, false).ok());
    ASSERT_TRUE(store->flush().ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    if (entry.path().extension() != ".ldb") continue;
    Bytes content = *read_file(entry.path());
    content[content.size() / 3] = static_cast<char>(content[content.size() / 3] ^ 1);
    ASSERT_TRUE(write_file_atomic(entry.path(), content).ok());
  }
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir_, options_);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->scan("", "", 5000, [](BytesView, BytesView) { return true; }).code(),
            Code::kCorrupt);
}

}  // namespace
}  // namespace blockd
