#include "kernel/bus/bus.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <thread>

namespace blockd {
namespace {

// Runs tasks when the test says so.
struct ManualExecutor {
  std::deque<std::function<void()>> tasks;
  BusExecutor executor() {
    return [this](std::function<void()> t) { tasks.push_back(std::move(t)); };
  }
  void run_all() {
    while (!tasks.empty()) {
      auto task = std::move(tasks.front());
      tasks.pop_front();
      task();
    }
  }
};

TEST(Bus, patterns_match_whole_words) {
  EXPECT_TRUE(topic_matches("energy.*", "energy.reading"));
  EXPECT_TRUE(topic_matches("energy.*", "energy.reading.late"));
  EXPECT_TRUE(topic_matches("*", "anything.at.all"));
  EXPECT_TRUE(topic_matches("energy.reading", "energy.reading"));
  EXPECT_FALSE(topic_matches("energy.*", "energyx.reading"));
  EXPECT_FALSE(topic_matches("energy.*", "energy"));
  EXPECT_FALSE(topic_matches("energy.reading", "energy.reading.late"));
}

TEST(Bus, delivers_in_order_what_the_patterns_want) {
  Bus bus;
  ManualExecutor pool;
  std::vector<std::string> got;
  auto sub =
      *bus.subscribe({"energy.*", "block"}, 10, pool.executor(),
                     [&](const BusMessage& m, std::uint64_t) { got.push_back(m.topic + *m.json); });
  for (const char* t : {"energy.a", "ledger.b", "block", "energy.c"})
    ASSERT_TRUE(bus.publish(t, "{}").ok());
  EXPECT_TRUE(got.empty());  // nothing runs on the publisher's thread
  pool.run_all();
  EXPECT_EQ(got, (std::vector<std::string>{"energy.a{}", "block{}", "energy.c{}"}));
}

TEST(Bus, a_full_queue_drops_the_oldest_and_tells_the_subscriber) {
  Bus bus;
  ManualExecutor slow;
  std::vector<std::uint64_t> sequences;
  std::uint64_t lost = 0;
  auto sub =
      *bus.subscribe({"*"}, 3, slow.executor(), [&](const BusMessage& m, std::uint64_t dropped) {
        sequences.push_back(m.sequence);
        lost += dropped;
      });
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(bus.publish("t", "1").ok());
  EXPECT_EQ(sub.queued(), 3u);
  slow.run_all();
  EXPECT_EQ(sequences, (std::vector<std::uint64_t>{8, 9, 10}));
  EXPECT_EQ(lost, 7u);
  EXPECT_EQ(sub.dropped(), 7u);
  EXPECT_EQ(bus.dropped(), 7u);
}

TEST(Bus, a_slow_subscriber_does_not_hold_back_another) {
  Bus bus;
  ManualExecutor slow;
  ManualExecutor quick;
  int count = 0;
  auto a = *bus.subscribe({"*"}, 1, slow.executor(), [](const BusMessage&, std::uint64_t) {});
  auto b = *bus.subscribe({"*"}, 100, quick.executor(),
                          [&](const BusMessage&, std::uint64_t) { ++count; });
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(bus.publish("t", "1").ok());
  quick.run_all();
  EXPECT_EQ(count, 50);
  EXPECT_EQ(b.dropped(), 0u);
}

TEST(Bus, subscribers_are_bounded_and_closing_makes_room) {
  Bus bus(2);
  ManualExecutor pool;
  auto nothing = [](const BusMessage&, std::uint64_t) {};
  auto a = *bus.subscribe({"*"}, 1, pool.executor(), nothing);
  auto b = *bus.subscribe({"*"}, 1, pool.executor(), nothing);
  auto refused = bus.subscribe({"*"}, 1, pool.executor(), nothing);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kLimit);
  a.close();
  EXPECT_TRUE(bus.subscribe({"*"}, 1, pool.executor(), nothing).ok());
}

TEST(Bus, bad_input_is_refused) {
  Bus bus;
  ManualExecutor pool;
  auto nothing = [](const BusMessage&, std::uint64_t) {};
  EXPECT_FALSE(bus.publish("", "1").ok());
  EXPECT_FALSE(bus.publish("a b", "1").ok());
  EXPECT_FALSE(bus.publish("a.*", "1").ok());
  EXPECT_EQ(bus.publish("a", std::string(kMaxBusMessageBytes + 1, 'x')).code(), Code::kLimit);
  EXPECT_FALSE(bus.subscribe({}, 1, pool.executor(), nothing).ok());
  EXPECT_FALSE(bus.subscribe({"a*"}, 1, pool.executor(), nothing).ok());
  EXPECT_FALSE(bus.subscribe({"a"}, 0, pool.executor(), nothing).ok());
  EXPECT_FALSE(bus.subscribe({"a"}, kMaxBusQueue + 1, pool.executor(), nothing).ok());
}

TEST(Bus, nothing_is_called_after_close) {
  Bus bus;
  ManualExecutor pool;
  int count = 0;
  auto sub = *bus.subscribe({"*"}, 10, pool.executor(),
                            [&](const BusMessage&, std::uint64_t) { ++count; });
  ASSERT_TRUE(bus.publish("t", "1").ok());
  sub.close();
  pool.run_all();
  ASSERT_TRUE(bus.publish("t", "1").ok());
  pool.run_all();
  EXPECT_EQ(count, 0);
}

TEST(Bus, a_callback_may_close_its_own_subscription) {
  Bus bus;
  ManualExecutor pool;
  int count = 0;
  BusSubscription sub;
  sub = *bus.subscribe({"*"}, 10, pool.executor(), [&](const BusMessage&, std::uint64_t) {
    ++count;
    sub.close();
  });
  ASSERT_TRUE(bus.publish("t", "1").ok());
  ASSERT_TRUE(bus.publish("t", "2").ok());
  pool.run_all();
  EXPECT_EQ(count, 1);
}

TEST(Bus, concurrent_publishers_keep_one_order_for_all) {
  Bus bus;
  std::mutex mutex;
  ManualExecutor pool;
  BusExecutor safe = [&](std::function<void()> t) {
    std::lock_guard lock(mutex);
    pool.tasks.push_back(std::move(t));
  };
  std::vector<std::uint64_t> a;
  std::vector<std::uint64_t> b;
  auto sa = *bus.subscribe({"*"}, 10'000, safe,
                           [&](const BusMessage& m, std::uint64_t) { a.push_back(m.sequence); });
  auto sb = *bus.subscribe({"*"}, 10'000, safe,
                           [&](const BusMessage& m, std::uint64_t) { b.push_back(m.sequence); });
  std::vector<std::thread> publishers;
  for (int t = 0; t < 3; ++t) {
    publishers.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bus.publish("t", "1").ok());
    });
  }
  for (auto& p : publishers) p.join();
  pool.run_all();
  ASSERT_EQ(a.size(), 3000u);
  EXPECT_TRUE(std::is_sorted(a.begin(), a.end()));
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace blockd
