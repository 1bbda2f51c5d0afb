#include "kernel/rpc/rate_limiter.hpp"

#include "kernel/rpc/replay_nonces.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

class HandClock final : public Clock {
 public:
  std::uint64_t unix_ms() const override { return us / 1000; }
  std::uint64_t monotonic_us() const override { return us; }
  std::uint64_t us = 1'000'000'000;
};

using Verdict = RateLimiter::Verdict;

TEST(ReplayNonces, each_is_taken_once_within_ten_minutes) {
  HandClock clock;
  ReplayNonces nonces(clock);
  EXPECT_TRUE(nonces.take("start_mining", "7"));
  EXPECT_FALSE(nonces.take("start_mining", "7"));
  EXPECT_TRUE(nonces.take("stop_mining", "7"));
  clock.us += ReplayNonces::kKeepUs - 1;
  EXPECT_FALSE(nonces.take("start_mining", "7"));
  clock.us += 1;
  EXPECT_TRUE(nonces.take("start_mining", "7"));
}

TEST(ReplayNonces, of_too_many_the_oldest_are_forgotten) {
  HandClock clock;
  ReplayNonces nonces(clock);
  for (std::size_t i = 0; i < ReplayNonces::kMax; ++i)
    ASSERT_TRUE(nonces.take("m", std::to_string(i)));
  EXPECT_FALSE(nonces.take("m", "0"));
  EXPECT_TRUE(nonces.take("m", "one more"));
  EXPECT_TRUE(nonces.take("m", "0"));
  EXPECT_FALSE(nonces.take("m", "2"));
}

TEST(RateLimiter, refills_by_formula_6_5) {
  HandClock clock;
  RateLimiter limiter(clock);
  limiter.set_limits({100, 0, 300'000});
  std::uint64_t wait = 0;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kLimited);
  clock.us += 25'000;  // 2,500,000 micro-tokens: two requests
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kLimited);
  clock.us += 5'000;  // the half that was left
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
}

TEST(RateLimiter, bans_until_the_time_is_over_and_only_that_client) {
  HandClock clock;
  RateLimiter limiter(clock);
  limiter.set_limits({1, 60'000, 300'000});
  std::uint64_t wait = 0;
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kLimited);
  EXPECT_EQ(wait, 60'000u);
  clock.us += 59'999'000;
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kBanned);
  EXPECT_EQ(limiter.take("b", 1, &wait), Verdict::kPass);
  clock.us += 1'000;
  EXPECT_EQ(limiter.take("a", 1, &wait), Verdict::kPass);
}

TEST(RateLimiter, slides_its_window_and_does_not_count_what_it_refused) {
  HandClock clock;
  RateLimiter limiter(clock);
  std::uint64_t wait = 0;
  EXPECT_TRUE(limiter.window("energy", "a", 2, &wait));
  clock.us += 600'000;
  EXPECT_TRUE(limiter.window("energy", "a", 2, &wait));
  EXPECT_FALSE(limiter.window("energy", "a", 2, &wait));
  EXPECT_TRUE(limiter.window("other", "a", 2, &wait));
  clock.us += 400'000;  // the first has left the window
  EXPECT_TRUE(limiter.window("energy", "a", 2, &wait));
  EXPECT_FALSE(limiter.window("energy", "a", 2, &wait));
}

TEST(RateLimiter, refuses_all_when_a_window_allows_none) {
  HandClock clock;
  RateLimiter limiter(clock);
  std::uint64_t wait = 0;
  EXPECT_FALSE(limiter.window("energy", "a", 0, &wait));
  EXPECT_EQ(wait, 1000u);
}

TEST(RateLimiter, forgets_the_client_that_was_idle_longest) {
  HandClock clock;
  RateLimiter limiter(clock);
  limiter.set_limits({1, 60'000, 300'000});
  std::uint64_t wait = 0;
  for (std::size_t i = 0; i < RateLimiter::kMaxClients + 10; ++i)
    limiter.take(std::to_string(i), 1, &wait);
  EXPECT_EQ(limiter.clients(), RateLimiter::kMaxClients);
}

}  // namespace
}  // namespace blockd
