#include "plugins/energy/rules/fees.hpp"

#include <algorithm>

namespace energy {
namespace {

constexpr std::int64_t kOne = 1'000'000;

// 1 + 0.3 * cos(pi * d / 12) for a distance of d hours from the peak.
constexpr Ppm kTimeFactor[] = {1'300'000, 1'289'778, 1'259'808, 1'212'132, 1'150'000,
                               1'077'646, 1'000'000, 922'354,   850'000,   787'868,
                               740'192,   710'222,   700'000};

// floor(sqrt(v)) by Newton's method from above. REQUIRES: v < 2^62.
std::uint64_t integer_sqrt(std::uint64_t v) {
  if (v < 2) return v;
  std::uint64_t root = v / 2 + 1;
  for (std::uint64_t next = (root + v / root) / 2; next < root; next = (root + v / root) / 2)
    root = next;
  return root;
}

}  // namespace

std::optional<Ppm> utilization_ppm(const MarketLoad& load) {
  if (load.total_consumed_kwh > load.total_capacity_kwh) return std::nullopt;
  if (load.total_capacity_kwh == 0) return Ppm{0};
  const std::optional<U128> scaled = checked_mul_wide(load.total_consumed_kwh, kPpmOne);
  if (!scaled) return std::nullopt;
  return static_cast<Ppm>(*scaled / load.total_capacity_kwh);
}

std::int64_t tanh_ppm(std::int64_t x) {
  const std::int64_t s = x * x / kOne;
  const std::int64_t q = s * s / kOne;
  // |x| times the numerator stays below 1.1e15; C++ divides toward zero, as the rule asks.
  return x * (945 * kOne + 105 * s + q) / (945 * kOne + 420 * s + 15 * q);
}

Ppm congestion_ppm(std::int64_t tanh, std::uint64_t sensitivity_ppm) {
  const std::int64_t raw = kOne + tanh * kOne / static_cast<std::int64_t>(sensitivity_ppm);
  return static_cast<Ppm>(std::clamp<std::int64_t>(raw, 500'000, 2'000'000));
}

Ppm liquidity_ppm(std::uint64_t providers) {
  // isqrt(9 * 10^10) is the cap of 300 000 already, so more providers change nothing.
  const std::uint64_t counted = std::min<std::uint64_t>(providers, 9);
  const std::uint64_t discount =
      std::min<std::uint64_t>(300'000, integer_sqrt(counted * 10'000'000'000));
  return static_cast<Ppm>(kPpmOne - discount);
}

Ppm time_ppm(std::uint64_t block_time, std::uint64_t peak_hour_utc) {
  const std::uint64_t hour = block_time / 3600 % 24;
  const std::uint64_t apart = hour > peak_hour_utc ? hour - peak_hour_utc : peak_hour_utc - hour;
  return kTimeFactor[apart > 12 ? 24 - apart : apart];
}

std::optional<FeeRate> fee_rate(const Params& params, const MarketLoad& load,
                                std::uint64_t block_time) {
  FeeRate rate;
  if (params.dynamic_fees_enabled == 0) {
    rate.fee_bps = static_cast<Bps>(params.treasury_fee_bps);
    return rate;
  }
  const std::optional<Ppm> utilization = utilization_ppm(load);
  if (!utilization) return std::nullopt;
  rate.utilization_ppm = *utilization;
  rate.tanh_ppm = tanh_ppm(std::int64_t{*utilization} -
                           static_cast<std::int64_t>(params.target_utilization_ppm));
  rate.congestion_ppm = congestion_ppm(rate.tanh_ppm, params.congestion_sensitivity_ppm);
  rate.liquidity_ppm = liquidity_ppm(load.providers);
  rate.time_ppm = time_ppm(block_time, params.peak_hour_utc);

  // At most 5000 * 2e6 * 1e6 * 1.3e6 = 1.3e22: far inside 128 bits.
  const U128 scaled =
      U128{params.treasury_fee_bps} * rate.congestion_ppm * rate.liquidity_ppm * rate.time_ppm;
  const U128 rounded = (scaled + 500'000'000'000'000'000) / 1'000'000'000'000'000'000;
  rate.fee_bps = static_cast<Bps>(std::clamp<U128>(rounded, kMinDynamicFeeBps, kMaxDynamicFeeBps));
  return rate;
}

}  // namespace energy
