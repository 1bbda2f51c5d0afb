#include "kernel/storage/write_behind.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace blockd {
namespace {

// What the test decides of an engine, which the store owns.
struct Gate {
  void open() { set(true); }
  void close() { set(false); }
  void pass() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return is_open; });
  }
  void wait_for_one() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting > 0; });
  }
  void set(bool value) {
    std::lock_guard lock(mutex);
    is_open = value;
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = true;
  int waiting = 0;
  std::atomic<bool> full{false};
  std::atomic<int> writes{0}, flushes{0}, reopened{0}, reads{0};
  std::unique_ptr<KvStore> rows = open_memory();  // outlives the engine
};

class CountedReader final : public KvReader {
 public:
  CountedReader(std::shared_ptr<const KvReader> rows, std::atomic<int>& reads)
      : rows_(std::move(rows)), reads_(reads) {}
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    reads_.fetch_add(1);
    return rows_->get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return rows_->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return rows_->scan_back(prefix, before, limit, visit);
  }

 private:
  const std::shared_ptr<const KvReader> rows_;
  std::atomic<int>& reads_;
};

class GatedEngine final : public KvStore {
 public:
  explicit GatedEngine(Gate& gate) : gate_(gate) {}
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return gate_.rows->get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return gate_.rows->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return gate_.rows->scan_back(prefix, before, limit, visit);
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    gate_.pass();
    if (gate_.full.load()) return Status(Code::kNoSpace, "no room");
    gate_.writes.fetch_add(1);
    return gate_.rows->write(batch, sync);
  }
  std::shared_ptr<const KvReader> snapshot() const override {
    return std::make_shared<CountedReader>(gate_.rows->snapshot(), gate_.reads);
  }
  Status flush() override {
    gate_.flushes.fetch_add(1);
    return {};
  }
  Status reopen() override {
    gate_.reopened.fetch_add(1);
    return {};
  }
  std::uint64_t approximate_bytes() const override { return gate_.rows->approximate_bytes(); }

 private:
  Gate& gate_;
};

std::string value_of(const KvReader& reader, BytesView key) {
  std::optional<Bytes> out;
  EXPECT_TRUE(reader.get(key, &out).ok());
  return out.value_or("none");
}

KvWrite row(int key, int value) { return {"k" + std::to_string(key), std::to_string(value)}; }

class WriteBehindStore : public testing::Test {
 protected:
  WriteBehindStore() { make(kMaxWaitingBytes); }
  void make(std::size_t bound) {
    store_ = make_write_behind(std::make_unique<GatedEngine>(gate_), bound);
  }
  Status put(int key, int value) { return store_->write(std::vector{row(key, value)}, false); }
  Gate gate_;
  std::unique_ptr<KvStore> store_;
};

TEST_F(WriteBehindStore, takes_writes_and_answers_reads_while_the_engine_stands_still) {
  gate_.close();
  std::shared_ptr<const KvReader> then;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(put(i % 10, i).ok());
    if (i == 999) then = store_->snapshot();
    EXPECT_EQ(value_of(*store_, "k" + std::to_string(i % 10)), std::to_string(i));
  }
  EXPECT_EQ(value_of(*then, "k9"), "999");
  EXPECT_EQ(value_of(*gate_.rows, "k9"), "none");
  gate_.open();
  ASSERT_TRUE(store_->flush().ok());
  EXPECT_EQ(value_of(*gate_.rows, "k9"), "1999");
  EXPECT_EQ(value_of(*store_, "k9"), "1999");
  EXPECT_EQ(value_of(*then, "k9"), "999");
  EXPECT_LE(gate_.writes.load(), 3) << "2,000 writes that waited are handed over together";
}

TEST_F(WriteBehindStore, holds_no_more_than_its_bound) {
  constexpr std::size_t kBound = 1000;
  store_.reset();
  make(kBound);
  gate_.close();
  std::atomic<bool> over{false}, ended{false};
  std::thread writer([&] {
    for (int i = 0; i < 5000; ++i) {
      EXPECT_TRUE(put(i, i).ok());
      over.store(over.load() || store_->stats().memory_bytes > kBound + 20);
    }
    ended.store(true);
  });
  gate_.wait_for_one();
  EXPECT_FALSE(ended.load());
  gate_.open();
  writer.join();
  ASSERT_TRUE(store_->flush().ok());
  EXPECT_FALSE(over.load());
  EXPECT_EQ(value_of(*gate_.rows, "k4999"), "4999");
}

TEST_F(WriteBehindStore, tells_the_engines_error_and_writes_again_once_it_is_open) {
  gate_.full.store(true);
  ASSERT_TRUE(put(1, 1).ok());
  EXPECT_EQ(store_->flush().code(), Code::kNoSpace);
  EXPECT_EQ(put(2, 2).code(), Code::kNoSpace);
  Status told;
  store_->flush_then([&](const Status& status) { told = status; });
  EXPECT_EQ(told.code(), Code::kNoSpace);
  EXPECT_EQ(value_of(*store_, "k1"), "1");
  EXPECT_EQ(value_of(*store_, "k2"), "none");
  gate_.full.store(false);
  EXPECT_EQ(put(2, 2).code(), Code::kNoSpace);
  ASSERT_TRUE(store_->reopen().ok());
  EXPECT_EQ(gate_.reopened.load(), 1);
  ASSERT_TRUE(put(2, 2).ok());
  ASSERT_TRUE(store_->flush().ok());
  EXPECT_EQ(value_of(*gate_.rows, "k1"), "1");
  EXPECT_EQ(value_of(*gate_.rows, "k2"), "2");
}

TEST_F(WriteBehindStore, flushes_behind_the_writes_before_and_does_not_wait_for_it) {
  gate_.close();
  ASSERT_TRUE(put(1, 1).ok());
  std::atomic<bool> done{false};
  store_->flush_then([&](const Status& status) {
    EXPECT_TRUE(status.ok());
    EXPECT_NE(value_of(*gate_.rows, "k1"), "none");
    done.store(true);
    done.notify_all();
  });
  ASSERT_TRUE(put(1, 2).ok());
  EXPECT_FALSE(done.load());
  EXPECT_EQ(gate_.flushes.load(), 0);
  gate_.open();
  done.wait(false);
  EXPECT_EQ(gate_.flushes.load(), 1);
}

std::shared_ptr<const std::vector<KvWrite>> rows_of(int key, int value) {
  return std::make_shared<const std::vector<KvWrite>>(1, row(key, value));
}

TEST_F(WriteBehindStore, what_is_held_is_seen_and_reaches_the_engine_once_it_is_let_go) {
  ASSERT_TRUE(put(1, 1).ok());
  ASSERT_TRUE(store_->write_held(rows_of(1, 2)).ok());
  const auto then = store_->snapshot();
  ASSERT_TRUE(store_->write_held(rows_of(1, 3)).ok());
  ASSERT_TRUE(put(2, 1).ok());
  EXPECT_EQ(value_of(*then, "k1"), "2");
  EXPECT_EQ(value_of(*store_, "k1"), "3");
  EXPECT_EQ(value_of(*store_, "k2"), "1");
  std::atomic<bool> flushed{false};
  store_->flush_then([&](const Status& status) {
    EXPECT_TRUE(status.ok());
    flushed.store(true);
    flushed.notify_all();
  });
  store_->release(1);
  EXPECT_FALSE(flushed.load());  // behind the second
  store_->release(1);
  flushed.wait(false);
  EXPECT_EQ(value_of(*gate_.rows, "k1"), "3");
  EXPECT_EQ(value_of(*gate_.rows, "k2"), "1");
}

TEST_F(WriteBehindStore, the_end_writes_what_was_let_go_and_forgets_what_was_not) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->write_held(rows_of(i, i)).ok());
  ASSERT_TRUE(put(100, 1).ok());
  store_->release(60);
  std::optional<Status> told;
  store_->flush_then([&](const Status& status) { told = status; });
  store_.reset();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->code(), Code::kAborted);
  int there = 0;
  for (int i = 0; i <= 100; ++i) {
    const std::string at = value_of(*gate_.rows, "k" + std::to_string(i));
    if (at == "none") continue;
    ++there;
    EXPECT_LT(i, 60);
  }
  // What waits grows together, so a part of what was let go may lie with what was not.
  EXPECT_LE(there, 60);
}

TEST_F(WriteBehindStore, a_writer_waits_for_the_engine_and_not_for_what_is_held) {
  store_.reset();
  make(100);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(store_->write_held(rows_of(i, i)).ok());
  EXPECT_EQ(value_of(*store_, "k499"), "499");
  EXPECT_EQ(gate_.writes.load(), 0);
  store_->release(500);
  ASSERT_TRUE(store_->flush().ok());
  EXPECT_EQ(value_of(*gate_.rows, "k499"), "499");
}

TEST_F(WriteBehindStore, what_is_refused_reaches_no_engine_and_nobody_waits_for_it) {
  ASSERT_TRUE(store_->write_held(rows_of(1, 1)).ok());
  std::optional<Status> told;
  store_->flush_then([&](const Status& status) { told = status; });
  store_->refuse_held(Status(Code::kIo, "the log's disk"));
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->code(), Code::kIo);
  EXPECT_EQ(put(2, 2).code(), Code::kIo);
  EXPECT_EQ(store_->flush().code(), Code::kIo);
  EXPECT_EQ(value_of(*store_, "k1"), "1");
  store_.reset();
  EXPECT_EQ(value_of(*gate_.rows, "k1"), "none");
}

TEST_F(WriteBehindStore, gives_all_to_the_engine_before_it_ends) {
  gate_.close();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(i, i).ok());
  std::thread opener([this] {
    gate_.wait_for_one();
    gate_.open();
  });
  store_.reset();
  opener.join();
  EXPECT_EQ(value_of(*gate_.rows, "k99"), "99");
}

TEST_F(WriteBehindStore, gathers_rows_and_hands_over_the_newest_of_each) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(i % 7, i).ok());
  ASSERT_TRUE(store_->write(std::vector<KvWrite>{{"k3", std::nullopt}}, false).ok());
  EXPECT_EQ(gate_.writes.load(), 0) << "a few rows are not worth a write";
  EXPECT_EQ(value_of(*store_, "k3"), "none");
  ASSERT_TRUE(store_->flush().ok());
  EXPECT_EQ(gate_.writes.load(), 1);
  for (int key = 0; key < 7; ++key) {
    const std::string newest = std::to_string(98 - (98 - key) % 7);
    EXPECT_EQ(value_of(*gate_.rows, "k" + std::to_string(key)), key == 3   ? "none"
                                                                : key == 1 ? "99"
                                                                           : newest);
  }
}

TEST_F(WriteBehindStore, hands_over_what_has_gathered_though_nobody_waits_for_it) {
  const Bytes large(100'000, 'x');
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(store_->write(std::vector<KvWrite>{{"k" + std::to_string(i), large}}, false).ok());
  gate_.wait_for_one();
}

TEST_F(WriteBehindStore, scans_merge_what_waits_with_what_the_engine_has) {
  ASSERT_TRUE(store_->write(std::vector<KvWrite>{{"a", "1"}, {"c", "3"}, {"e", "5"}}, true).ok());
  gate_.close();
  ASSERT_TRUE(store_->write(std::vector<KvWrite>{{"d", "4"}, {"c", {}}, {"b", "2"}}, false).ok());
  std::string up, down;
  ASSERT_TRUE(store_
                  ->scan("", "a", 2,
                         [&](BytesView key, BytesView) {
                           up.append(key);
                           return true;
                         })
                  .ok());
  ASSERT_TRUE(store_
                  ->scan_back("", "", 10,
                              [&](BytesView key, BytesView) {
                                down.append(key);
                                return true;
                              })
                  .ok());
  EXPECT_EQ(up, "bd");
  EXPECT_EQ(down, "edba");
  gate_.open();
}

TEST_F(WriteBehindStore, soon_answers_for_rows_that_nobody_has_without_asking_the_engine) {
  constexpr int kRows = 20'000;  // a walk of several steps
  std::vector<KvWrite> before;
  for (int i = 0; i < kRows; ++i) before.push_back(row(i, 1));
  ASSERT_TRUE(gate_.rows->write(before, false).ok());
  make(kMaxWaitingBytes);
  ASSERT_TRUE(put(kRows, 1).ok());
  const std::shared_ptr<const KvReader> early = store_->snapshot();
  // Reads in vain, until the engine hears of hardly any. Rows come in all the time.
  int next = kRows + 1, asked = 0;
  do {
    const int reads = gate_.reads.load();
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(value_of(*store_, "absent" + std::to_string(i)), "none");
      if (i % 100 == 0) {
        EXPECT_TRUE(put(next++, 1).ok());
      }
    }
    asked = gate_.reads.load() - reads;
  } while (asked > 20);
  ASSERT_TRUE(store_->write(std::vector{KvWrite{"k7", std::nullopt}, row(8, 2)}, false).ok());
  for (int i = 0; i < next; ++i) {
    EXPECT_EQ(value_of(*store_, "k" + std::to_string(i)), i == 7 ? "none" : i == 8 ? "2" : "1");
  }
  ASSERT_TRUE(store_->flush().ok());
  for (int i = 0; i < next; ++i) {
    EXPECT_EQ(value_of(*store_->snapshot(), "k" + std::to_string(i)), i == 7   ? "none"
                                                                      : i == 8 ? "2"
                                                                               : "1");
  }
  EXPECT_EQ(value_of(*early, "k7"), "1");
  EXPECT_EQ(value_of(*early, "k" + std::to_string(kRows)), "1");
  EXPECT_EQ(value_of(*early, "k" + std::to_string(kRows + 1)), "none");
}

}  // namespace
}  // namespace blockd
