#include "plugins/economics/rules/issuance.hpp"

namespace economics {
namespace {

constexpr U128 kLeastRatio = 10'000'000;             // 0.01
constexpr U128 kRatioScale = 1'000'000'000'000'000;  // 1e15: the largest ratio, too
constexpr std::uint64_t kLeastBaseline = 1'000'000;  // one unit
constexpr std::uint64_t kMaxInflation = 65'535;

U128 ratio(std::uint64_t observed, std::uint64_t baseline_micro) {
  const U128 raw = U128{observed} * kRatioScale / std::max(baseline_micro, kLeastBaseline);
  return std::clamp<U128>(raw, kLeastRatio, kRatioScale);
}

// Bounds that a genesis gives in the wrong order are taken as their lower one.
U128 within(U128 value, std::uint64_t low, std::uint64_t high) {
  return std::max<U128>(std::min<U128>(value, std::max(low, high)), low);
}

// reward * factor_nano / kNano without the product, which may need more than 128 bits: a reward is
// below 2^106 (cap * 0.9 * 100 * 100 in nano) and a factor at most 100, so that both terms fit.
U128 scaled(U128 reward, U128 factor_nano) {
  return reward / kNano * factor_nano + reward % kNano * factor_nano / kNano;
}

std::uint64_t smoothed(std::uint64_t alpha, std::uint64_t observed, std::uint64_t baseline,
                       std::uint64_t low, std::uint64_t high) {
  const U128 next =
      (U128{alpha} * observed * kPpm + U128{kPpm - alpha} * baseline + kPpm / 2) / kPpm;
  return saturated(within(next, low * kPpm, high * kPpm));
}

}  // namespace

std::uint64_t block_reward(const Genesis& genesis, const Params& params, const Baselines& baselines,
                           const Activity& in) {
  const std::uint64_t cap = genesis.max_supply, blocks = params[kExpectedTotalBlocks];
  const std::uint64_t remaining = cap > in.emission ? cap - in.emission : 0;
  if (blocks == 0 || remaining == 0) return 0;
  const U128 base = U128{cap} * 900'000'000 / blocks;
  const U128 trade = isqrt(ratio(in.tx_count, baselines.tx_count_micro) *
                           ratio(in.tx_volume, baselines.tx_volume_micro));
  const U128 activity = within(trade * (kPpm + in.utilization_ppm) / kPpm, params[kActivityMin],
                               params[kActivityMax]);
  const U128 spread = within(isqrt(ratio(in.unique_miners, baselines.miners_micro) * kNano),
                             params[kDecentralizationMin], params[kDecentralizationMax]);
  const U128 left = U128{remaining} * kNano / cap;
  const U128 reward = scaled(scaled(scaled(base, activity), spread), left * left / kNano);
  const U128 whole = remaining > cap / 100 ? std::max<U128>(1, ceil_div(reward, kNano))
                                           : rounded_div(reward, kNano);
  return static_cast<std::uint64_t>(std::min<U128>(whole, remaining));
}

Issuance issuance_of(std::uint64_t reward, std::uint64_t emission) {
  Issuance out;
  out.annual_issuance = saturated(U128{reward} * kBlocksPerYear);
  if (emission == 0) return out;
  const U128 bps = rounded_div(U128{out.annual_issuance} * kBps, emission);
  out.realized_inflation_bps = static_cast<std::uint64_t>(std::min<U128>(kMaxInflation, bps));
  return out;
}

Baselines next_baselines(const Genesis& genesis, const Params& p, const Baselines& old,
                         const Activity& in) {
  const bool rewards = p[kExpectedTotalBlocks] != 0 && genesis.max_supply != 0;
  if (p[kAdaptiveBaselines] == 0 || !rewards) return old;
  const std::uint64_t alpha = p[kEmaAlpha];
  Baselines next;
  next.tx_count_micro = smoothed(alpha, in.tx_count, old.tx_count_micro, p[kBaselineMinTxCount],
                                 p[kBaselineMaxTxCount]);
  next.tx_volume_micro = smoothed(alpha, in.tx_volume, old.tx_volume_micro, p[kBaselineMinTxVolume],
                                  p[kBaselineMaxTxVolume]);
  next.miners_micro = smoothed(alpha, in.unique_miners, old.miners_micro, p[kBaselineMinMiners],
                               p[kBaselineMaxMiners]);
  return next;
}

LegacyInflation legacy_inflation(const Params& p, std::uint64_t issuance, std::uint64_t emission) {
  const std::uint64_t low = p[kMinAnnualIssuance], high = std::max(low, p[kMaxAnnualIssuance]);
  LegacyInflation out;
  if (emission == 0) {
    out.annual_issuance = low;
  } else {
    const U128 rate = std::min<U128>(U128{1000} * kNano, U128{issuance} * kNano / emission);
    const I128 error = I128{p[kInflationTarget]} * 100'000 - static_cast<I128>(rate);
    constexpr I128 kOne = 1'000'000'000'000;
    const I128 factor = kOne + I128{p[kInflationGain]} * error;
    const U128 scaled_issuance = factor <= 0 ? 0 : U128{issuance} * static_cast<U128>(factor);
    out.annual_issuance = static_cast<std::uint64_t>(
        std::clamp<U128>(rounded_div(scaled_issuance, static_cast<U128>(kOne)), low, high));
    out.realized_inflation_bps =
        static_cast<std::uint64_t>(std::min<U128>(kMaxInflation, rounded_div(rate, 100'000)));
  }
  out.block_reward = out.annual_issuance / kBlocksPerYear;
  return out;
}

}  // namespace economics
