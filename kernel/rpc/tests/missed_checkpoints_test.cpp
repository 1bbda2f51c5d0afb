#include "kernel/rpc/missed_checkpoints.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

using Heights = std::vector<std::uint64_t>;

TEST(MissedCheckpoints, are_tried_again_after_pauses_that_double_up_to_a_bound) {
  MissedCheckpoints missed;
  EXPECT_FALSE(missed.due(1'000'000)) << "nothing was missed";
  missed.missed(99);
  missed.tried(100, 0);
  Heights tries;
  for (std::uint64_t head = 101; head <= 400; ++head) {
    if (!missed.due(head)) continue;
    tries.push_back(head);
    ASSERT_EQ(missed.take(head), Heights{99});
    missed.missed(99);
    missed.tried(head, 0);
  }
  EXPECT_EQ(tries, (Heights{101, 103, 107, 115, 131, 163, 227, 291, 355}));
}

TEST(MissedCheckpoints, begin_anew_once_all_are_written) {
  MissedCheckpoints missed;
  missed.missed(9);
  missed.tried(10, 0);
  EXPECT_TRUE(missed.take(10).empty()) << "not yet";
  EXPECT_EQ(missed.take(11), Heights{9});
  missed.missed(9);
  missed.tried(11, 0);
  EXPECT_EQ(missed.take(13), Heights{9});
  missed.tried(13, 0);
  EXPECT_FALSE(missed.due(1'000'000));
  missed.missed(29);
  missed.tried(30, 0);
  EXPECT_TRUE(missed.due(31)) << "the first pause again";
}

TEST(MissedCheckpoints, another_one_meanwhile_puts_nothing_off) {
  MissedCheckpoints missed;
  missed.missed(9);
  missed.tried(10, 0);
  missed.take(11);
  missed.missed(9);
  missed.tried(11, 0);
  missed.missed(11);
  missed.tried(12, 0);
  EXPECT_FALSE(missed.due(12));
  EXPECT_EQ(missed.take(13), (Heights{9, 11}));
}

TEST(MissedCheckpoints, are_few_and_not_kept_for_ever) {
  MissedCheckpoints missed;
  for (std::uint64_t height = 0; height < 20; ++height) missed.missed(height);
  missed.tried(20, 0);
  EXPECT_EQ(missed.take(21), (Heights{12, 13, 14, 15, 16, 17, 18, 19}));
  missed.missed(18);
  missed.missed(19);
  missed.tried(21, 19);
  EXPECT_EQ(missed.take(23), Heights{19});
  missed.missed(19);
  missed.tried(23, 20);
  EXPECT_FALSE(missed.due(1'000'000)) << "given up";
}

}  // namespace
}  // namespace blockd
