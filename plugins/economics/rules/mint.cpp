#include "plugins/economics/rules/mint.hpp"

#include <numeric>

namespace economics {

std::vector<std::uint64_t> distribute(std::uint64_t total, std::span<const U128> weights) {
  std::vector<std::uint64_t> parts(weights.size(), 0);
  U128 sum = 0;
  for (U128 weight : weights) sum += weight;
  if (total == 0 || sum == 0) return parts;
  std::vector<U128> rests(weights.size());
  std::uint64_t left = total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Quotient part = muldiv(total, weights[i], sum);
    parts[i] = part.whole;
    rests[i] = part.rest;
    left -= part.whole;
  }
  // The floors leave fewer than there are weights, so that one round is enough.
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rests[a] > rests[b]; });
  for (std::size_t i = 0; i < order.size() && left > 0; ++i, --left) parts[order[i]] += 1;
  return parts;
}

PerMarket<std::uint64_t> subsidy_budgets(std::uint64_t block_reward, std::uint64_t epoch_blocks,
                                         const PerMarket<std::uint64_t>& shares_bps) {
  const std::uint64_t budget = saturated(U128{block_reward} * epoch_blocks);
  PerMarket<std::uint64_t> out{};
  for (std::size_t i = 0; i < kMarkets; ++i)
    out[i] = static_cast<std::uint64_t>(U128{budget} * shares_bps[i] / kBps);
  return out;
}

U128 usage_nano(std::uint64_t rate, std::uint64_t units) {
  return std::min(U128{rate} * units, kMaxUsage);
}

UsageMint mint_usage(U128 usage, std::uint64_t multiplier, std::uint64_t kill_switch_percent,
                     U128 carry_nano, std::uint64_t budget_left) {
  const U128 weighed = std::min(usage, kMaxUsage) * multiplier / kPpm;
  const U128 total =
      carry_nano + weighed * (100 - std::min<std::uint64_t>(100, kill_switch_percent)) / 100;
  UsageMint out;
  out.mint = static_cast<std::uint64_t>(std::min<U128>(total / kNano, budget_left));
  out.carry_nano = total - U128{out.mint} * kNano;
  out.budget_left = budget_left - out.mint;
  return out;
}

std::uint64_t effective_producers(std::uint64_t blocks, U128 squares) {
  if (squares == 0) return 0;
  return saturated(U128{blocks} * blocks * 1000 / squares);
}

std::uint64_t fairness_factor(std::uint64_t n_milli, std::uint64_t target,
                              std::uint64_t slope_milli) {
  const I128 x = I128{slope_milli} * (I128{n_milli} - I128{target} * 1000) * 1000;
  const I128 size = std::min<I128>(x < 0 ? -x : x, I128{64} * kNano);
  const std::uint64_t e = exp_neg(static_cast<std::uint64_t>(size));
  const U128 part = x >= 0 ? U128{e} * kNano : U128{kNano} * kNano;
  return static_cast<std::uint64_t>(part / (kNano + e));
}

Fairness next_fairness(const Params& p, const Fairness& state, std::uint64_t n_milli,
                       std::uint64_t height, std::uint64_t epoch_blocks) {
  const std::uint64_t change =
      n_milli > state.last_n_milli ? n_milli - state.last_n_milli : state.last_n_milli - n_milli;
  if (height < state.lock_until_height || change < p[kMinerHysteresis] * 1000) return state;
  return {fairness_factor(n_milli, p[kLogisticTarget], p[kLogisticSlope]), n_milli,
          height + 5 * epoch_blocks};
}

Coinbase coinbase(const CoinbaseInput& in) {
  Coinbase out;
  const std::uint64_t remaining = in.max_supply > in.emission ? in.max_supply - in.emission : 0;
  out.reward = saturated(rounded_div(U128{in.block_reward} * in.fairness_nano, kNano));
  if (out.reward == 0 && in.block_reward > 0 && remaining > in.max_supply / 100) out.reward = 1;
  out.subsidies = in.subsidies;
  U128 wanted = 0;
  for (std::uint64_t subsidy : in.subsidies) wanted += subsidy;
  if (wanted > remaining) {
    for (std::uint64_t& subsidy : out.subsidies)
      subsidy = static_cast<std::uint64_t>(U128{subsidy} * remaining / wanted);
    out.reward = 0;
  } else {
    out.reward = std::min(out.reward, remaining - static_cast<std::uint64_t>(wanted));
  }
  const std::uint64_t base = saturating_add(out.reward, in.fees);
  const std::uint64_t percent = std::min<std::uint64_t>(100, in.treasury_percent);
  out.treasury_cut =
      static_cast<std::uint64_t>(std::min<U128>(base, ceil_div(U128{base} * percent, 100)));
  out.producer = base - out.treasury_cut;
  out.minted = out.reward;
  for (std::uint64_t subsidy : out.subsidies) out.minted += subsidy;
  return out;
}

}  // namespace economics
