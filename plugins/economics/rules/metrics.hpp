// Utilisation, margin, cost and payout of a market in an epoch (economics spec 6.11). Pure. [any]
#pragma once

#include "plugins/economics/rules/fixed.hpp"

namespace economics {

struct Metric {
  std::uint64_t utilization_ppm = 0;  // 0 to 1,000,000
  std::int64_t margin_ppm = 0;        // -2,000,000 to 2,000,000
  std::uint64_t cost_micro = 0;
  std::uint64_t payout_micro = 0;
  bool operator==(const Metric&) const = default;
};

// What a market measured of itself: the proper source.
struct MarketSample {
  std::uint64_t capacity_units = 0, used_units = 0, payout_total = 0, cost_total = 0;
};
Metric metric_of(const MarketSample& sample);

// The sums over a market's settlement receipts: a proxy, where no sample was handed in.
struct ReceiptTotals {
  std::uint64_t receipts = 0;
  std::uint64_t revenue = 0;
  std::uint64_t units = 0;  // bytes, compute units, energy units, impressions
  std::uint64_t provider_escrow = 0;
  std::uint64_t conversions = 0;
};
Metric metric_of(Market market, const ReceiptTotals& totals);

}  // namespace economics
