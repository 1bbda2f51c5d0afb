#include "plugins/economics/rules/markets.hpp"

namespace economics {
namespace {

constexpr std::int64_t kNanoPerBps = 100'000;
constexpr std::uint64_t kMaxShown = 65'535;  // bps

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::int64_t utilization_gap(const Params& p, Market market, const Metric& metric) {
  return signed_of(p.of(kUtilTarget, market)) * 100 -
         signed_of(std::min(metric.utilization_ppm, kPpm));
}

// The step of a value toward its target, truncated.
std::int64_t toward(std::int64_t value, std::int64_t target, std::uint64_t drift_milli) {
  return value + static_cast<std::int64_t>(I128{signed_of(drift_milli)} * (target - value) / 1000);
}

PerMarket<std::int64_t> distress(const Params& p, const PerMarket<Metric>& metrics) {
  PerMarket<std::int64_t> out{};
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Market market = static_cast<Market>(i);
    const std::int64_t margin_gap =
        signed_of(p.of(kMarginTarget, market)) * 100 - metrics[i].margin_ppm;
    out[i] = signed_of(p[kAllocatorAlpha]) * utilization_gap(p, market, metrics[i]) +
             signed_of(p[kAllocatorBeta]) * margin_gap;
  }
  return out;
}

PerMarket<std::uint64_t> softmax(const Params& p, const PerMarket<std::int64_t>& distress_nano) {
  const std::int64_t most = *std::max_element(distress_nano.begin(), distress_nano.end());
  const std::int64_t temperature = std::max<std::int64_t>(1, signed_of(p[kAllocatorTemperature]));
  PerMarket<std::uint64_t> weights{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const I128 x = I128{most - distress_nano[i]} * 1000 / temperature;
    weights[i] = exp_neg(static_cast<std::uint64_t>(std::min<I128>(x, I128{64} * kNano)));
    sum += weights[i];
  }
  for (std::uint64_t& weight : weights)
    weight = static_cast<std::uint64_t>(U128{weight} * kNano / sum);
  return weights;
}

// Whole shares of the exact ones; ad takes what the other three leave.
PerMarket<std::uint64_t> rounded_shares(const PerMarket<std::int64_t>& exact) {
  std::uint64_t sum = 0;
  for (std::int64_t share : exact) sum += static_cast<std::uint64_t>(share);
  PerMarket<std::uint64_t> out{};
  std::uint64_t first_three = 0;
  constexpr std::size_t kLast = kMarkets - 1;
  for (std::size_t i = 0; i < kLast; ++i) {
    out[i] = static_cast<std::uint64_t>(
        rounded_div(U128{static_cast<std::uint64_t>(exact[i])} * kBps, sum));
    first_three += out[i];
  }
  if (first_three > kBps) {
    *std::max_element(out.begin(), out.begin() + kLast) -= first_three - kBps;
    first_three = kBps;
  }
  out[kLast] = kBps - first_three;
  return out;
}

}  // namespace

SubsidyShares next_shares(const Params& p, const PerMarket<Metric>& metrics,
                          const PerMarket<std::uint64_t>& shares_bps) {
  SubsidyShares out;
  out.distress_nano = distress(p, metrics);
  out.target_nano = softmax(p, out.distress_nano);
  PerMarket<std::int64_t> exact{};
  for (std::size_t i = 0; i < kMarkets; ++i) {
    exact[i] = toward(signed_of(shares_bps[i]) * kNanoPerBps, signed_of(out.target_nano[i]),
                      p[kAllocatorDrift]);
  }
  out.bps = rounded_shares(exact);
  return out;
}

std::uint64_t multiplier_ppm(const Params& p, Market market, const Metric& metric) {
  constexpr I128 kOne = kNano;
  const I128 by_use =
      kOne + I128{signed_of(p.of(kUtilResponse, market))} * utilization_gap(p, market, metric);
  I128 by_cost = kOne;
  if (metric.payout_micro > 1000) {
    const U128 cover = U128{metric.cost_micro} * (kBps + p.of(kMarginTarget, market)) * kNano /
                       (U128{kBps} * metric.payout_micro);
    const I128 bounded = static_cast<I128>(std::clamp<U128>(cover, kNano / 10, U128{10} * kNano));
    by_cost = kOne + I128{signed_of(p.of(kCostResponse, market))} * (bounded - kOne) / 1000;
  }
  const I128 floor = I128{signed_of(p.of(kMultiplierFloor, market))} * 1'000'000;
  const I128 ceiling =
      std::max(floor, I128{signed_of(p.of(kMultiplierCeiling, market))} * 1'000'000);
  return static_cast<std::uint64_t>(std::clamp(by_use * by_cost / kOne, floor, ceiling) / 1000);
}

AdState drifted(const Params& p, const AdState& state) {
  return {toward(state.platform_nano, signed_of(p[kAdPlatformTarget]) * kNanoPerBps, p[kAdDrift]),
          toward(state.user_nano, signed_of(p[kAdUserTarget]) * kNanoPerBps, p[kAdDrift])};
}

AdSplit split_of(const AdState& state) {
  const auto whole = [](std::int64_t nano) {
    return static_cast<std::uint64_t>(
        rounded_div(static_cast<std::uint64_t>(nano), static_cast<std::uint64_t>(kNanoPerBps)));
  };
  AdSplit out;
  out.platform_bps = std::min(kBps, whole(state.platform_nano));
  out.user_bps = std::min(kBps - out.platform_bps, whole(state.user_nano));
  out.publisher_bps = kBps - out.platform_bps - out.user_bps;
  return out;
}

AdPayout payout(const AdSplit& split, std::uint64_t amount) {
  AdPayout out;
  out.platform = static_cast<std::uint64_t>(U128{amount} * split.platform_bps / kBps);
  out.user = static_cast<std::uint64_t>(U128{amount} * split.user_bps / kBps);
  out.publisher = amount - out.platform - out.user;
  return out;
}

Tariff kept_tariff(std::uint64_t micro_bps) {
  return {micro_bps, static_cast<std::uint64_t>(rounded_div(micro_bps, kPpm)), 0};
}

Tariff next_tariff(const Params& p, std::uint64_t micro_bps, std::uint64_t volume,
                   std::uint64_t inflow) {
  if (volume == 0 || inflow == 0) return kept_tariff(micro_bps);
  const U128 implied =
      std::min<U128>(kMaxShown, rounded_div(U128{inflow} * p[kTariffRevenueTarget], volume));
  const std::int64_t moved =
      toward(signed_of(micro_bps), static_cast<std::int64_t>(implied * kPpm), p[kTariffDrift]);
  const std::int64_t low = signed_of(p[kTariffMin] * kPpm);
  const std::int64_t high = std::max(low, signed_of(p[kTariffMax] * kPpm));
  Tariff out = kept_tariff(static_cast<std::uint64_t>(std::clamp(moved, low, high)));
  out.contribution_bps = static_cast<std::uint64_t>(
      std::min<U128>(kMaxShown, rounded_div(U128{volume} * out.bps, inflow)));
  return out;
}

std::uint64_t tariff_on(std::uint64_t amount, std::uint64_t tariff_bps) {
  return saturated(U128{amount} * tariff_bps / kBps);
}

}  // namespace economics
