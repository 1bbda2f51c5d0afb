// What is done with a reading, and what follows from the node's answers.
#include <gtest/gtest.h>

#include <tb/detail/handlers.hpp>

#include "plugins/oracle-adapter/policy.hpp"

namespace oracle_adapter {
namespace {

tb::Fetched refused(std::int64_t code, tb::detail::Tree& tree, bool would_be_ok = false) {
  tb::Out out(tree.out());
  out.record("error", [&](tb::Out& error) {
    error.put("code", code);
    error.put("message", "why");
    error.record("data", [&](tb::Out& data) {
      data.put("name", "Name");
      data.record("would_be", [&](tb::Out& would) {
        would.record(would_be_ok ? "ok" : "error", [](tb::Out&) {});
      });
    });
  });
  tb::Fetched got;
  got.status = 200;
  got.json = tb::Value(tree.finish());
  return got;
}

Verdict verdict_of(std::int64_t code, bool would_be_ok = false) {
  tb::detail::Tree tree;
  return judge(refused(code, tree, would_be_ok));
}

TEST(Policy, takes_the_ages_that_are_within_its_bounds) {
  const std::uint64_t now = 1'710'000'000;
  EXPECT_EQ(check_time(now - 240, now * 1000, 240, 60), Trouble::kNone);
  EXPECT_EQ(check_time(now - 241, now * 1000, 240, 60), Trouble::kStaleReading);
  EXPECT_EQ(check_time(now + 60, now * 1000, 240, 60), Trouble::kNone);
  EXPECT_EQ(check_time(now + 61, now * 1000, 240, 60), Trouble::kFutureSkew);
  EXPECT_EQ(check_time(UINT64_MAX, now * 1000, 240, 60), Trouble::kFutureSkew);
}

TEST(Policy, follows_each_error_of_the_market_as_the_specification_says) {
  for (std::int64_t again : {-33010, -32001, -32002, -34004, -34005})
    EXPECT_EQ(verdict_of(again), Verdict::kRetry) << again;
  for (std::int64_t drop : {-33007, -33003, -33008, -33006, -32602})
    EXPECT_EQ(verdict_of(drop), Verdict::kDrop) << drop;
  for (std::int64_t stop : {-33001, -33009, -34000, -34003})
    EXPECT_EQ(verdict_of(stop), Verdict::kStopMeter) << stop;
}

TEST(Policy, counts_a_rehearsal_that_would_have_taken_the_reading_as_delivered) {
  EXPECT_EQ(verdict_of(-33020, true), Verdict::kRehearsal);
  EXPECT_EQ(verdict_of(-33020, false), Verdict::kDrop);
}

TEST(Policy, tries_again_when_the_node_does_not_answer_or_answers_no_json) {
  EXPECT_EQ(judge({}), Verdict::kRetry);
  EXPECT_EQ(judge({.status = 429}), Verdict::kRetry);
  EXPECT_EQ(judge({.status = 502}), Verdict::kRetry);
}

TEST(Policy, waits_longer_after_each_failure_up_to_half_a_minute) {
  EXPECT_EQ(retry_delay_ms(1, 200), 500u);
  EXPECT_EQ(retry_delay_ms(2, 200), 1000u);
  EXPECT_EQ(retry_delay_ms(6, 200), 16'000u);
  EXPECT_EQ(retry_delay_ms(7, 200), 30'000u);
  EXPECT_EQ(retry_delay_ms(1'000'000, 200), 30'000u);
  EXPECT_EQ(retry_delay_ms(1, 0), 400u);
  EXPECT_EQ(retry_delay_ms(1, 400), 600u);
}

}  // namespace
}  // namespace oracle_adapter
