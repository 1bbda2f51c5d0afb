// The worked example of the rules, its borders, and weights near the end of u64.
#include "plugins/gov-core/tally.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace gov {
namespace {

constexpr Quorum kTwoThirds{670'000, 670'000};
constexpr std::uint64_t kMostTally = std::numeric_limits<std::uint64_t>::max();

TEST(Tally, both_houses_reach_the_quorum_exactly) {
  EXPECT_EQ(decide({100, 67, 10, 0}, {10, 7, 0, 0}, kTwoThirds), Verdict::kPassed);
}

TEST(Tally, one_house_below_its_quorum_decides_nothing) {
  EXPECT_EQ(decide({100, 66, 0, 0}, {10, 7, 0, 0}, kTwoThirds), Verdict::kQuorumNotReached);
  EXPECT_EQ(decide({100, 67, 0, 0}, {10, 0, 0, 0}, kTwoThirds), Verdict::kQuorumNotReached);
}

TEST(Tally, a_house_without_members_passes) {
  EXPECT_EQ(decide({1, 1, 0, 0}, {0, 0, 0, 0}, kTwoThirds), Verdict::kPassed);
}

TEST(Tally, no_yes_at_all_is_no_quorum_also_with_quorum_zero) {
  EXPECT_EQ(decide({5, 0, 0, 5}, {5, 0, 0, 0}, {0, 0}), Verdict::kQuorumNotReached);
}

TEST(Tally, ties_fail) {
  EXPECT_EQ(decide({2, 1, 1, 0}, {2, 1, 1, 0}, {0, 0}), Verdict::kVoteRejected);
  EXPECT_EQ(decide({3, 2, 1, 0}, {2, 1, 1, 0}, {0, 0}), Verdict::kPassed);
}

TEST(Tally, the_largest_weights_do_not_wrap) {
  EXPECT_EQ(decide({kMostTally, kMostTally, 0, 0}, {kMostTally, kMostTally, 0, 0}, {kPpm, kPpm}),
            Verdict::kPassed);
  EXPECT_EQ(
      decide({kMostTally, kMostTally - 1, 0, 0}, {kMostTally, kMostTally, 0, 0}, {kPpm, kPpm}),
      Verdict::kQuorumNotReached);
  EXPECT_EQ(decide({kMostTally, kMostTally, kMostTally, 0}, {kMostTally, kMostTally, kMostTally, 0},
                   {0, 0}),
            Verdict::kVoteRejected);
}

TEST(Tally, verdicts_have_the_names_of_the_reasons) {
  EXPECT_EQ(verdict_name(Verdict::kQuorumNotReached), "quorum_not_reached");
  EXPECT_EQ(verdict_name(Verdict::kVoteRejected), "vote_rejected");
}

}  // namespace
}  // namespace gov
