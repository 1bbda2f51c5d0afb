#include "kernel/storage/key_filter.hpp"

#include <gtest/gtest.h>

#include <string>

#include "kernel/storage/write_layers.hpp"

namespace blockd::internal {
namespace {

std::uint64_t hash_of(std::size_t row) { return Layer::hash_of("key/" + std::to_string(row)); }

TEST(KeyFilterTest, knows_every_key_and_takes_few_others_for_one) {
  constexpr std::size_t kRows = 300'000;  // three parts
  KeyFilter filter(1u << 14);
  for (std::size_t i = 0; i < kRows; ++i) ASSERT_TRUE(filter.add(hash_of(i)));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE(filter.may_hold(hash_of(i))) << i;
    wrong += filter.may_hold(hash_of(kRows + i)) ? 1 : 0;
  }
  EXPECT_LT(wrong, kRows / 100);
}

TEST(KeyFilterTest, does_not_count_a_key_twice_and_says_when_it_is_full) {
  constexpr std::size_t kFirst = 64;
  constexpr std::size_t kRoom = kFirst * (1 + 4 + 16 + 64);
  KeyFilter filter(kFirst);
  for (int again = 0; again < 1000; ++again) {
    for (std::size_t i = 0; i < kFirst; ++i) ASSERT_TRUE(filter.add(hash_of(i)));
  }
  std::size_t taken = 0;
  while (filter.add(hash_of(taken))) ASSERT_LT(++taken, 2 * kRoom);
  EXPECT_GE(taken, kRoom);  // a few count as known already
  EXPECT_TRUE(filter.may_hold(hash_of(0)));
  EXPECT_TRUE(filter.may_hold(hash_of(taken - 1)));
}

}  // namespace
}  // namespace blockd::internal
