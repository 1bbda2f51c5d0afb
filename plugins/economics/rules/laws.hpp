// The control laws at the boundary of an epoch: all layers in their order (economics spec 7). The
// plugin runs them, `economics replay` and `economics simulate` run them again. Pure. [any]
#pragma once

#include <string>

#include "plugins/economics/rules/issuance.hpp"
#include "plugins/economics/rules/markets.hpp"
#include "plugins/economics/rules/mint.hpp"

namespace economics {

// What the laws carry from epoch to epoch.
struct LawState {
  Baselines baselines;
  std::uint64_t block_reward = 0;
  PerMarket<std::uint64_t> shares_bps = {1500, 3000, 2000, 3500};
  PerMarket<std::uint64_t> multipliers_ppm = {kPpm, kPpm, kPpm, kPpm};
  AdState ad;
  std::uint64_t tariff_micro_bps = 0;
  Fairness fairness;
  std::string prev_hash = std::string(64, '0');  // hexadecimal
};

// As the genesis has it, with all counters 0.
LawState genesis_state(const Genesis& genesis, const Params& params, std::uint64_t emission);

// What the closed epoch leaves to the laws.
struct EpochInputs {
  std::uint64_t epoch = 0;  // number of the boundary: the closed epoch is the one before
  std::uint64_t emission = 0;
  std::uint64_t tx_count = 0, tx_volume = 0;
  std::uint64_t unique_miners = 0;
  std::uint64_t effective_miners_milli = 0;
  PerMarket<Metric> markets{};
  std::uint64_t ad_spend = 0, non_kyc_volume = 0, treasury_inflow = 0;
  bool operator==(const EpochInputs&) const = default;
};

struct Snapshot {
  EpochInputs inputs;
  Issuance issuance;
  std::uint64_t target_inflation_bps = 0;
  AdSplit ad_split;
  Tariff tariff;
  LawState state;  // after the laws; its prev_hash is the one that this snapshot names
  std::string params_hash;
};

// Runs the laws with the parameters that were in force in the closed epoch. `state.prev_hash` is
// the hash of the snapshot before.
Snapshot run_laws(const Genesis& genesis, const Params& params, const LawState& state,
                  const EpochInputs& inputs);

}  // namespace economics
