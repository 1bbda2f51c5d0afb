#include "plugins/economics/rules/metrics.hpp"

namespace economics {
namespace {

constexpr std::int64_t kMaxMargin = 2'000'000;
constexpr std::uint64_t kProxyMargin = 800'000;  // no proxy claims more

std::uint64_t share_ppm(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return static_cast<std::uint64_t>(std::min<U128>(kPpm, U128{part} * kPpm / whole));
}

std::int64_t margin_of_sample(const MarketSample& sample) {
  if (sample.cost_total == 0) return sample.payout_total == 0 ? 0 : kMaxMargin;
  const I128 gain = I128{sample.payout_total} - I128{sample.cost_total};
  const I128 margin = gain * I128{kPpm} / I128{sample.cost_total};
  return static_cast<std::int64_t>(std::clamp<I128>(margin, -kMaxMargin, kMaxMargin));
}

// Revenue of a receipt, taken as margin: hundredths of a BLOCK are a ppm of 10,000.
std::uint64_t revenue_margin(const ReceiptTotals& t) {
  return saturated(U128{t.revenue} * 10'000 / t.receipts);
}

std::uint64_t margin_of_receipts(Market market, const ReceiptTotals& t) {
  if (market == Market::kAd) {
    return t.receipts == 0 ? 600'000
                           : std::clamp<std::uint64_t>(revenue_margin(t), 200'000, kProxyMargin);
  }
  if (market == Market::kStorage && t.provider_escrow > 0)
    return share_ppm(t.revenue, t.provider_escrow);
  if (t.revenue == 0 || t.receipts == 0) return 500'000;
  return std::min(kProxyMargin, revenue_margin(t));
}

std::uint64_t utilization_of_receipts(Market market, const ReceiptTotals& t) {
  switch (market) {
    case Market::kStorage:
      return share_ppm(t.revenue, t.units);
    case Market::kAd:
      return share_ppm(t.conversions, t.units);
    case Market::kCompute:
    case Market::kEnergy:
      break;
  }
  return share_ppm(t.receipts, t.units);
}

}  // namespace

Metric metric_of(const MarketSample& sample) {
  Metric out;
  out.utilization_ppm = share_ppm(sample.used_units, sample.capacity_units);
  out.margin_ppm = margin_of_sample(sample);
  out.cost_micro = saturated(U128{sample.cost_total} * kPpm);
  out.payout_micro = saturated(U128{sample.payout_total} * kPpm);
  return out;
}

Metric metric_of(Market market, const ReceiptTotals& totals) {
  Metric out;
  out.utilization_ppm = utilization_of_receipts(market, totals);
  const std::uint64_t margin = margin_of_receipts(market, totals);
  out.margin_ppm = static_cast<std::int64_t>(margin);
  if (totals.receipts == 0) return out;
  out.payout_micro = saturated(U128{totals.revenue} * kPpm / totals.receipts);
  out.cost_micro = saturated(U128{totals.revenue} * (kPpm - margin) / totals.receipts);
  return out;
}

}  // namespace economics
