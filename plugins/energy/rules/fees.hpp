// The treasury fee rate of a settlement, in integers only. Pure, constant time, callable from any
// thread.
//
// The rate is a base times three factors: congestion (how far the market's utilisation is from its
// target, as a rational tanh), liquidity (more providers, lower fee) and the hour of the day. It
// stays within 1 bps of the floating-point formula that it replaces.
#pragma once

#include <cstdint>
#include <optional>

#include "plugins/energy/rules/params.hpp"
#include "plugins/energy/rules/wide.hpp"

namespace energy {

// The market before the settlement, deactivated providers included.
struct MarketLoad {
  U128 total_capacity_kwh = 0;
  U128 total_consumed_kwh = 0;  // sum of capacity - available; REQUIRES: <= total_capacity_kwh
  std::uint64_t providers = 0;
};

inline constexpr Bps kMinDynamicFeeBps = 100;
inline constexpr Bps kMaxDynamicFeeBps = 1000;

// The rate and what it was made of. With dynamic fees off only fee_bps is set.
struct FeeRate {
  Ppm utilization_ppm = 0;
  std::int64_t tanh_ppm = 0;
  Ppm congestion_ppm = 0;
  Ppm liquidity_ppm = 0;
  Ppm time_ppm = 0;
  Bps fee_bps = 0;
};

// `block_time` in Unix seconds; `params` within the ranges of the table. nullopt: the load is
// outside its contract or its totals are beyond 128 bits.
std::optional<FeeRate> fee_rate(const Params& params, const MarketLoad& load,
                                std::uint64_t block_time);

// The factors one by one, in ppm.
std::optional<Ppm> utilization_ppm(const MarketLoad& load);
std::int64_t tanh_ppm(std::int64_t x_ppm);  // REQUIRES: |x_ppm| <= 1 000 000
Ppm congestion_ppm(std::int64_t tanh, std::uint64_t sensitivity_ppm);
Ppm liquidity_ppm(std::uint64_t providers);
Ppm time_ppm(std::uint64_t block_time, std::uint64_t peak_hour_utc);

}  // namespace energy
