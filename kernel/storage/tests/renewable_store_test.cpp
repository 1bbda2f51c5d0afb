#include "kernel/storage/renewable_store.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace blockd {
namespace {

class Renewable : public testing::Test {
 protected:
  Renewable() {
    char name[] = "/tmp/blockd-renew-XXXXXX";
    dir_ = ::mkdtemp(name);
    open_ = [this]() -> Result<std::unique_ptr<KvStore>> {
      if (refuse_) return Status(Code::kNoSpace, "still full");
      return open_leveldb(dir_ + "/state", {.create_if_missing = true});
    };
    store_ = make_renewable(*open_(), open_);
  }
  ~Renewable() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  std::string value(const KvReader& reader, Status* status) {
    std::optional<Bytes> out;
    *status = reader.get("key", &out);
    return out.value_or("");
  }
  void put(const std::string& text) {
    const KvWrite write{"key", text};
    ASSERT_TRUE(store_->write({&write, 1}, false).ok());
  }

  std::string dir_;
  std::atomic<bool> refuse_{false};
  StoreOpener open_;
  std::unique_ptr<KvStore> store_;
};

TEST_F(Renewable, has_its_rows_after_a_reopen_and_old_snapshots_say_so) {
  put("one");
  auto before = store_->snapshot();
  Status status;
  EXPECT_EQ(value(*before, &status), "one");
  ASSERT_TRUE(store_->reopen().ok());
  EXPECT_EQ(value(*before, &status), "");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(value(*store_, &status), "one");
  put("two");
  auto after = store_->snapshot();
  EXPECT_EQ(value(*after, &status), "two");
}

TEST_F(Renewable, answers_unavailable_until_a_reopen_succeeds) {
  put("one");
  refuse_ = true;
  EXPECT_EQ(store_->reopen().code(), Code::kNoSpace);
  Status status;
  EXPECT_EQ(value(*store_, &status), "");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(value(*store_->snapshot(), &status), "");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  refuse_ = false;
  ASSERT_TRUE(store_->reopen().ok());
  EXPECT_EQ(value(*store_, &status), "one");
  EXPECT_TRUE(status.ok());
}

TEST_F(Renewable, stays_as_it_is_while_there_is_no_room_to_open_it_again) {
  bool room = false;
  store_.reset();
  store_ = make_renewable(*open_(), open_,
                          [&room] { return room ? Status() : Status(Code::kNoSpace, "no room"); });
  put("one");
  auto before = store_->snapshot();
  EXPECT_EQ(store_->reopen().code(), Code::kNoSpace);
  Status status;
  EXPECT_EQ(value(*before, &status), "one");
  EXPECT_TRUE(status.ok());
  room = true;
  ASSERT_TRUE(store_->reopen().ok());
  EXPECT_EQ(value(*store_, &status), "one");
  EXPECT_TRUE(room_to_reopen(dir_).ok());
  EXPECT_FALSE(room_to_reopen(dir_ + "/nothing").ok());
}

TEST_F(Renewable, readers_on_other_threads_get_a_row_or_unavailable) {
  put("one");
  std::atomic<bool> end{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!end.load()) {
        auto snapshot = store_->snapshot();
        for (int n = 0; n < 20; ++n) {
          Status status;
          const std::string got = value(*snapshot, &status);
          EXPECT_TRUE(status.ok() ? got == "one" : status.code() == Code::kUnavailable);
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(store_->reopen().ok());
  end.store(true);
  for (std::thread& reader : readers) reader.join();
}

TEST_F(Renewable, compaction_keeps_every_value_and_can_be_stopped) {
  std::vector<KvWrite> rows;
  for (int i = 0; i < 20'000; ++i) {
    rows.push_back({"s/a" + std::to_string(i % 7) + "/" + std::to_string(i), Bytes(100, 'x')});
  }
  ASSERT_TRUE(store_->write(rows, true).ok() && store_->flush().ok());
  const std::uint64_t before = store_->stats().table_bytes;
  for (KvWrite& row : rows) row.value.reset();
  ASSERT_TRUE(store_->write(std::span(rows).subspan(0, 19'000), true).ok());
  std::size_t ranges = 0;
  ASSERT_EQ(store_
                ->compact([&](std::size_t done, std::size_t total) {
                  ranges = total;
                  return done < 2;
                })
                .code(),
            Code::kAborted);
  EXPECT_GE(ranges, 7u);
  ASSERT_TRUE(store_->compact(nullptr).ok());
  std::size_t left = 0;
  ASSERT_TRUE(
      store_->scan("s/", {}, SIZE_MAX, [&](BytesView, BytesView) { return ++left, true; }).ok());
  EXPECT_EQ(left, 1000u);
  EXPECT_LT(store_->stats().table_bytes, before / 3);
}

}  // namespace
}  // namespace blockd
