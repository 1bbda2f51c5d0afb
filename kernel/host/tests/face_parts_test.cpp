// The parts behind a face: its thread, its local store, the index of images.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "kernel/base/clock.hpp"
#include "kernel/host/face_thread.hpp"
#include "kernel/host/local_store.hpp"
#include "kernel/host/plugin_store.hpp"

namespace blockd {
namespace {

TEST(FaceThread, a_timer_that_is_always_due_does_not_starve_tasks) {
  FaceThread thread(system_clock());
  std::atomic<std::uint64_t> ticks{0};
  // Longer than its interval: due again when it ends.
  const std::uint64_t id = thread.add_timer(1, [&] {
    const std::uint64_t until = system_clock().monotonic_us() + 3000;
    while (system_clock().monotonic_us() < until) ++ticks;
  });
  for (int i = 0; i < 20; ++i) thread.drain();
  thread.remove_timer(id);
  const std::uint64_t after = ticks;
  thread.drain();
  EXPECT_EQ(ticks, after);
}

TEST(FaceThread, runs_what_is_queued_before_it_ends_and_nothing_after) {
  FaceThread thread(system_clock());
  std::promise<void> entered, go;
  std::future<void> may_go = go.get_future();
  int order = 0, seen = 0;
  ASSERT_TRUE(thread.post([&] {
    entered.set_value();
    may_go.wait();
    order = 1;
  }));
  ASSERT_TRUE(thread.post([&] { seen = order; }));
  entered.get_future().wait();
  go.set_value();
  thread.stop();
  EXPECT_EQ(seen, 1);
  EXPECT_FALSE(thread.post([] {}));
}

class LocalStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = (std::filesystem::temp_directory_path() /
            ("store-" + std::to_string(::getpid()) + "-" +
             testing::UnitTest::GetInstance()->current_test_info()->name()))
               .string();
    store_ = std::make_unique<LocalStore>(dir_);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  std::string get(BytesView key) {
    std::optional<Bytes> value;
    EXPECT_TRUE(store_->get(key, &value).ok());
    return value.value_or("-");
  }
  std::string keys(BytesView prefix, BytesView edge, std::size_t limit, bool backwards) {
    std::string out;
    EXPECT_TRUE(store_
                    ->scan(prefix, edge, limit, backwards,
                           [&](BytesView key, BytesView value) {
                             out.append(key).append("=").append(value).append(" ");
                             return true;
                           })
                    .ok());
    return out;
  }
  void put(BytesView key, std::optional<Bytes> value) {
    EXPECT_TRUE(store_->put(key, std::move(value)).ok());
  }

  std::string dir_;
  std::unique_ptr<LocalStore> store_;
};

TEST_F(LocalStoreTest, a_batch_and_its_cursor_are_kept_or_dropped_together) {
  EXPECT_FALSE(store_->cursor()->has_value());
  store_->begin_batch();
  put("a", "1");
  EXPECT_EQ(get("a"), "1");
  ASSERT_TRUE(store_->commit_batch(5).ok());
  store_->begin_batch();
  put("a", "2");
  put("b", "2");
  store_->drop_batch();
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "-");
  EXPECT_EQ(store_->cursor()->value(), 5u);
  store_ = nullptr;
  store_ = std::make_unique<LocalStore>(dir_);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(store_->cursor()->value(), 5u);
}

TEST_F(LocalStoreTest, writes_of_other_threads_do_not_join_a_batch) {
  store_->begin_batch();
  put("mine", "1");
  std::thread([&] {
    EXPECT_EQ(get("mine"), "-");
    put("other", "1");
  }).join();
  store_->drop_batch();
  EXPECT_EQ(get("mine"), "-");
  EXPECT_EQ(get("other"), "1");
}

TEST_F(LocalStoreTest, scans_see_the_batch_in_order) {
  for (const char* key : {"p1", "p3", "p5", "q"}) put(key, "old");
  store_->begin_batch();
  put("p2", "new");
  put("p3", std::nullopt);
  put("p5", "new");
  EXPECT_EQ(keys("p", "", 10, false), "p1=old p2=new p5=new ");
  EXPECT_EQ(keys("p", "p1", 1, false), "p2=new ");
  EXPECT_EQ(keys("p", "", 2, true), "p5=new p2=new ");
  EXPECT_EQ(keys("p", "p5", 10, true), "p2=new p1=old ");
  store_->drop_batch();
  EXPECT_EQ(keys("p", "", 10, false), "p1=old p3=old p5=old ");
}

TEST_F(LocalStoreTest, a_batch_is_bounded) {
  store_->begin_batch();
  Status status;
  for (int i = 0; status.ok() && i < 100; ++i)
    status = store_->put("k" + std::to_string(i), Bytes(1u << 20, 'x'));
  EXPECT_EQ(status.code(), Code::kLimit);
  store_->drop_batch();
}

}  // namespace
}  // namespace blockd
