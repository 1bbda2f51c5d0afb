// Layer 1: the block reward of the next epoch, its baselines, and the legacy inflation series that
// only monitoring reads (economics spec 6.2, 6.9). Pure. [any]
#pragma once

#include "plugins/economics/rules/params.hpp"

namespace economics {

struct Baselines {
  std::uint64_t tx_count_micro = 100 * kPpm;
  std::uint64_t tx_volume_micro = 10'000 * kPpm;
  std::uint64_t miners_micro = 10 * kPpm;
  bool operator==(const Baselines&) const = default;
};

// What the genesis fixes.
struct Genesis {
  std::uint64_t max_supply = 40'000'000;
  std::uint64_t epoch_blocks = 120;
};

struct Activity {
  std::uint64_t tx_count = 0;
  std::uint64_t tx_volume = 0;        // BLOCK
  std::uint64_t unique_miners = 0;    // distinct producers
  std::uint64_t utilization_ppm = 0;  // mean of the four markets
  std::uint64_t emission = 0;
};

struct Issuance {
  std::uint64_t annual_issuance = 0;
  std::uint64_t realized_inflation_bps = 0;  // at most 65,535
};

// Of the genesis values in `params` only those of layer 1 are read.
std::uint64_t block_reward(const Genesis& genesis, const Params& params, const Baselines& baselines,
                           const Activity& activity);
Issuance issuance_of(std::uint64_t block_reward, std::uint64_t emission);
// They stay where the genesis pays no rewards at all.
Baselines next_baselines(const Genesis& genesis, const Params& params, const Baselines& baselines,
                         const Activity& activity);

struct LegacyInflation {
  std::uint64_t annual_issuance = 0;
  std::uint64_t realized_inflation_bps = 0;
  std::uint64_t block_reward = 0;
};
LegacyInflation legacy_inflation(const Params& params, std::uint64_t annual_issuance,
                                 std::uint64_t emission);

}  // namespace economics
