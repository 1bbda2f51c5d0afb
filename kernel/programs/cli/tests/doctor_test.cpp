// What doctor makes of a clock that a test cannot set; the rest is
// tests/integration/test_doctor.py.
#include <gtest/gtest.h>
#include <sys/timex.h>

#include "kernel/programs/cli/doctor.hpp"

namespace blockd::cli {
namespace {

TEST(Doctor, a_clock_that_nobody_keeps_right_is_a_warning_with_a_way_out) {
  EXPECT_EQ(judge_clock(TIME_OK, 20'000).mark, Mark::kOk);
  for (const Finding& bad : {judge_clock(TIME_ERROR, 20'000), judge_clock(TIME_OK, 16'000'000)}) {
    EXPECT_EQ(bad.mark, Mark::kWarn);
    EXPECT_NE(bad.next.find("timesyncd"), std::string::npos) << bad.next;
  }
  EXPECT_EQ(judge_clock(-1, 0).mark, Mark::kWarn);
}

TEST(Doctor, a_chain_may_run_ahead_by_a_moment_only) {
  constexpr std::uint64_t kNow = 1'700'000'000'000;
  EXPECT_EQ(judge_chain_time(kNow - 60'000, kNow).mark, Mark::kOk);
  EXPECT_EQ(judge_chain_time(kNow + 1000, kNow).mark, Mark::kOk);
  const Finding ahead = judge_chain_time(kNow + 90'000, kNow);
  EXPECT_EQ(ahead.mark, Mark::kBad);
  EXPECT_NE(ahead.found.find("90 s ahead"), std::string::npos) << ahead.found;
}

}  // namespace
}  // namespace blockd::cli
