#include "plugins/economics/rules/laws.hpp"

#include "plugins/economics/rules/snapshot.hpp"

namespace economics {
namespace {

Activity activity_of(const EpochInputs& inputs) {
  Activity out;
  out.tx_count = inputs.tx_count;
  out.tx_volume = inputs.tx_volume;
  out.unique_miners = inputs.unique_miners;
  std::uint64_t sum = 0;
  for (const Metric& metric : inputs.markets) sum += metric.utilization_ppm;
  out.utilization_ppm = sum / kMarkets;
  out.emission = inputs.emission;
  return out;
}

std::int64_t genesis_share(const Params& params, ParamId chosen, ParamId target) {
  const std::uint64_t bps = params[chosen] == kAsTarget ? params[target] : params[chosen];
  return static_cast<std::int64_t>(bps * 100'000);
}

}  // namespace

LawState genesis_state(const Genesis& genesis, const Params& params, std::uint64_t emission) {
  LawState out;
  Activity nothing;
  nothing.emission = emission;
  out.block_reward = block_reward(genesis, params, out.baselines, nothing);
  out.ad = {genesis_share(params, kGenesisAdPlatform, kAdPlatformTarget),
            genesis_share(params, kGenesisAdUser, kAdUserTarget)};
  return out;
}

Snapshot run_laws(const Genesis& genesis, const Params& params, const LawState& state,
                  const EpochInputs& inputs) {
  Snapshot out;
  out.inputs = inputs;
  out.state = state;
  LawState& next = out.state;
  if (!params.frozen(kIssuanceLayer)) {
    const Activity activity = activity_of(inputs);
    next.block_reward = block_reward(genesis, params, state.baselines, activity);
    next.baselines = next_baselines(genesis, params, state.baselines, activity);
  }
  out.issuance = issuance_of(next.block_reward, inputs.emission);
  out.target_inflation_bps = params[kInflationTarget];
  next.fairness = next_fairness(params, state.fairness, inputs.effective_miners_milli,
                                inputs.epoch * genesis.epoch_blocks, genesis.epoch_blocks);
  if (!params.frozen(kSubsidyLayer))
    next.shares_bps = next_shares(params, inputs.markets, state.shares_bps).bps;
  for (std::size_t i = 0; i < kMarkets && !params.frozen(kMultiplierLayer); ++i)
    next.multipliers_ppm[i] = multiplier_ppm(params, static_cast<Market>(i), inputs.markets[i]);
  if (!params.frozen(kAdLayer)) next.ad = drifted(params, state.ad);
  out.ad_split = split_of(next.ad);
  out.tariff = params.frozen(kTariffLayer)
                   ? kept_tariff(state.tariff_micro_bps)
                   : next_tariff(params, state.tariff_micro_bps, inputs.non_kyc_volume,
                                 inputs.treasury_inflow);
  next.tariff_micro_bps = out.tariff.micro_bps;
  out.params_hash = hash_of(params.canonical_json());
  return out;
}

}  // namespace economics
