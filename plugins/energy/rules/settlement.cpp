#include "plugins/energy/rules/settlement.hpp"

#include <algorithm>

namespace energy {

std::optional<std::uint64_t> quorum_actual_ppm(std::uint64_t kwh, std::uint64_t capacity_kwh) {
  return fit_u64(U128{kwh} * kPpmOne / std::max<std::uint64_t>(1, capacity_kwh));
}

std::optional<Cost> settlement_cost(std::uint64_t kwh, Amount price_per_kwh,
                                    std::uint64_t treasury_fee_bps,
                                    std::uint64_t jurisdiction_fee_bps) {
  if (treasury_fee_bps > kBpsOne || jurisdiction_fee_bps > kBpsOne - treasury_fee_bps)
    return std::nullopt;
  const std::optional<Amount> paid = fit_u64(U128{kwh} * price_per_kwh);
  if (!paid) return std::nullopt;
  Cost cost;
  cost.price_paid = *paid;
  cost.treasury_fee = static_cast<Amount>(share(*paid, treasury_fee_bps, kBpsOne));
  cost.jurisdiction_fee = static_cast<Amount>(share(*paid, jurisdiction_fee_bps, kBpsOne));
  cost.payout = *paid - cost.treasury_fee - cost.jurisdiction_fee;
  return cost;
}

Amount settlement_slash(Amount cost, std::uint64_t rate_bps, Amount stake) {
  return std::min(static_cast<Amount>(share(cost, rate_bps, kBpsOne)), stake);
}

Amount refused_slash(Amount price_per_kwh, std::uint64_t kwh, std::uint64_t rate_bps,
                     Amount stake) {
  return static_cast<Amount>(
      std::min<U128>(share(U128{price_per_kwh} * kwh, rate_bps, kBpsOne), stake));
}

std::optional<BatchGate> batch_gate(Height height, Height minted, std::uint64_t interval_blocks) {
  const std::uint64_t rest = (height - minted) % interval_blocks;
  if (rest == 0) return BatchGate{.due = true, .next_block = height};
  const std::optional<Height> next = checked_add(height, interval_blocks - rest);
  if (!next) return std::nullopt;
  return BatchGate{.due = false, .next_block = *next};
}

}  // namespace energy
