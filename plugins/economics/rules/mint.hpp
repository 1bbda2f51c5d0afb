// What a block mints and who gets it: budgets, usage subsidies, the fairness factor and the
// coinbase (economics spec 6.7, 6.8). Pure. [any]
#pragma once

#include <span>
#include <vector>

#include "plugins/economics/rules/params.hpp"

namespace economics {

// `total` shared by `weights`: floors, then one by one to the largest remainders, ties by index.
// REQUIRES: the sum of the weights is below 2^127.
std::vector<std::uint64_t> distribute(std::uint64_t total, std::span<const U128> weights);

PerMarket<std::uint64_t> subsidy_budgets(std::uint64_t block_reward, std::uint64_t epoch_blocks,
                                         const PerMarket<std::uint64_t>& shares_bps);

// Rate times units of one market in one block, in nBLOCK, is at most this; more saturates.
inline constexpr U128 kMaxUsage = U128{1} << 96;
U128 usage_nano(std::uint64_t rate, std::uint64_t units);

struct UsageMint {
  std::uint64_t mint = 0;
  U128 carry_nano = 0;
  std::uint64_t budget_left = 0;
};
UsageMint mint_usage(U128 usage, std::uint64_t multiplier, std::uint64_t kill_switch_percent,
                     U128 carry_nano, std::uint64_t budget_left);
// A carry as it enters an epoch: below one BLOCK.
inline constexpr U128 carry_of_epoch(U128 carry) { return std::min<U128>(carry, kNano - 1); }

struct Fairness {
  std::uint64_t nano = kNano;
  std::uint64_t last_n_milli = 0;
  std::uint64_t lock_until_height = 0;
  bool operator==(const Fairness&) const = default;
};
// Effective producers, in milli, from the sums of their blocks and of the squares of them; 0 of
// none.
std::uint64_t effective_producers(std::uint64_t blocks, U128 squares);
std::uint64_t fairness_factor(std::uint64_t n_milli, std::uint64_t target,
                              std::uint64_t slope_milli);
// At the boundary in front of `height`.
Fairness next_fairness(const Params& params, const Fairness& state, std::uint64_t n_milli,
                       std::uint64_t height, std::uint64_t epoch_blocks);

struct CoinbaseInput {
  std::uint64_t max_supply = 0, emission = 0;
  std::uint64_t block_reward = 0, fairness_nano = kNano;
  PerMarket<std::uint64_t> subsidies{};
  std::uint64_t fees = 0, treasury_percent = 0;
};
struct Coinbase {
  std::uint64_t reward = 0;
  PerMarket<std::uint64_t> subsidies{};
  std::uint64_t treasury_cut = 0, producer = 0, minted = 0;
};
Coinbase coinbase(const CoinbaseInput& in);

}  // namespace economics
