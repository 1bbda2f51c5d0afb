// Rules beyond the golden vectors: borders, and arithmetic that must not overflow.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "plugins/economics/rules/laws.hpp"
#include "plugins/economics/rules/tuning.hpp"

namespace economics {
namespace {

TEST(Fixed, exp_neg_is_within_a_nano_of_the_real_function) {
  for (std::uint64_t x = 0; x < 40 * kNano; x += 123'456'789) {
    const double real = std::exp(-static_cast<double>(x) / 1e9) * 1e9;
    EXPECT_NEAR(static_cast<double>(exp_neg(x)), real, 1.0) << x;
  }
}

TEST(Fixed, isqrt_is_the_floor) {
  for (U128 value : {U128{0}, U128{1}, U128{3}, U128{4}, U128{99}, ~U128{0}, U128{1} << 100}) {
    const U128 root = isqrt(value);
    EXPECT_TRUE(root * root <= value);
    const U128 next = root + 1;
    EXPECT_TRUE((next >> 64) != 0 || next * next > value);
  }
}

TEST(Fixed, muldiv_of_wide_factors_agrees_with_division_by_parts) {
  const U128 c = (U128{1} << 100) + 12'345;
  const Quotient half = muldiv(kMaxU64, c / 2, c);
  EXPECT_EQ(half.whole, kMaxU64 / 2);
  const Quotient all = muldiv(kMaxU64, c, c);
  EXPECT_EQ(all.whole, kMaxU64);
  EXPECT_TRUE(all.rest == 0);
  EXPECT_EQ(muldiv(10, c / 3, c).whole, 3u);
}

TEST(Reward, of_the_largest_supply_in_one_block_is_exact) {
  Params params;
  params.set(kExpectedTotalBlocks, 1);
  const Genesis genesis{std::uint64_t{1} << 62, 120};
  const Activity busy{1000, 100'000, 40, 0, 0};
  // 0.9 of the supply, twice for activity, once and a half for spread: more than there is.
  EXPECT_EQ(block_reward(genesis, params, {}, busy), std::uint64_t{1} << 62);
  const Activity quiet{0, 0, 0, 0, 0};  // 0.9 * 0.5 * 0.5
  EXPECT_EQ(block_reward(genesis, params, {}, quiet), 1'037'629'354'146'162'279u);
}

TEST(Reward, baselines_stay_where_there_are_no_rewards) {
  Params params;
  const Activity busy{9000, 900'000, 90, 500'000, 0};
  const Baselines old;
  EXPECT_NE(next_baselines({}, params, old, busy), old);
  EXPECT_EQ(next_baselines({0, 120}, params, old, busy), old);
  params.set(kExpectedTotalBlocks, 0);
  EXPECT_EQ(next_baselines({}, params, old, busy), old);
}

TEST(Mint, distribute_gives_out_all_of_it) {
  const std::vector<U128> weights = {U128{1} << 95, U128{1} << 96, 7, 0};
  const auto parts = distribute(1'000'001, weights);
  EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}), 1'000'001u);
  EXPECT_EQ(parts[3], 0u);
  EXPECT_EQ(parts[0], 333'334u);
  EXPECT_EQ(parts[1], 666'667u);
}

TEST(Mint, kill_switch_100_stops_usage_at_once) {
  const UsageMint out = mint_usage(U128{5} * kNano, kPpm, 100, 0, 1000);
  EXPECT_EQ(out.mint, 0u);
  EXPECT_TRUE(out.carry_nano == 0);
  EXPECT_EQ(mint_usage(U128{4} * kNano, kPpm, 50, 0, 1000).mint, 2u);
}

TEST(Mint, fairness_waits_for_hysteresis_and_lock) {
  Params params;
  params.set(kMinerHysteresis, 2);
  const Fairness first = next_fairness(params, {}, 3000, 120, 120);
  EXPECT_EQ(first.last_n_milli, 3000u);
  EXPECT_EQ(first.lock_until_height, 720u);
  EXPECT_EQ(next_fairness(params, first, 9000, 600, 120), first);
  EXPECT_NE(next_fairness(params, first, 9000, 720, 120), first);
  EXPECT_EQ(next_fairness(params, first, 4999, 720, 120), first);
}

TEST(Tuning, rates_move_by_at_most_15_percent) {
  EXPECT_EQ(tuned_rate(UsageClass::kStorage, 50, 100'000, 10'000'000, 120, 0).target, 30u);
  EXPECT_EQ(tuned_rate(UsageClass::kStorage, 50, 100'000, 10'000'000, 120, 0).rate, 42u);
  EXPECT_EQ(tuned_rate(UsageClass::kRead, 20, 0, 10'000'000, 120, 0).rate, 23u);
  EXPECT_EQ(tuned_rate(UsageClass::kCpu, 0, 0, 10'000'000, 120, 0).rate, 0u);
  const TunedRate guarded = tuned_rate(UsageClass::kRead, 20, 0, 10'000'000, 120, 20'001);
  EXPECT_TRUE(guarded.reduced);
  EXPECT_EQ(guarded.rate, 21u);
  EXPECT_EQ(tuned_rate(UsageClass::kRead, 1'000'000, 0, 1, 1, 0).rate, 1'000'000u);
}

TEST(Laws, extremes_of_parameters_and_inputs_stay_inside_their_bounds) {
  Params params;
  params.set(kAllocatorTemperature, 1);
  params.set(kAllocatorAlpha, 10'000);
  params.set(kAllocatorBeta, 10'000);
  params.set(kAllocatorDrift, 1000);
  params.set(kActivityMax, 100 * kNano);
  params.set(kDecentralizationMax, 100 * kNano);
  params.set(kExpectedTotalBlocks, 1);
  EpochInputs inputs;
  inputs.epoch = 1;
  inputs.tx_count = inputs.tx_volume = inputs.unique_miners = kMaxU64;
  inputs.non_kyc_volume = inputs.treasury_inflow = kMaxU64;
  for (Metric& metric : inputs.markets) metric = {kPpm, -2'000'000, kMaxU64, kMaxU64};
  inputs.markets[2] = {0, 2'000'000, kMaxU64, 1001};
  Genesis genesis;
  genesis.max_supply = std::uint64_t{1} << 62;
  const Snapshot out = run_laws(genesis, params, genesis_state(genesis, params, 0), inputs);
  std::uint64_t sum = 0;
  for (std::uint64_t share : out.state.shares_bps) sum += share;
  EXPECT_EQ(sum, kBps);
  EXPECT_LE(out.state.block_reward, genesis.max_supply);
  EXPECT_GT(out.state.block_reward, 1'000'000u);
  EXPECT_LE(out.tariff.bps, 200u);
}

TEST(Laws, the_reward_is_at_least_1_far_from_the_cap_and_0_without_blocks) {
  Params params;
  EXPECT_EQ(genesis_state({}, params, 11'000'000).block_reward, 1u);
  params.set(kExpectedTotalBlocks, 0);
  EXPECT_EQ(genesis_state({}, params, 0).block_reward, 0u);
}

TEST(Laws, groups_of_parameters_have_to_fit) {
  Params params;
  EXPECT_EQ(check_groups(params), "");
  params.set(kTariffMin, 300);
  EXPECT_NE(check_groups(params).find("tariff_min_bps"), std::string::npos);
}

}  // namespace
}  // namespace economics
