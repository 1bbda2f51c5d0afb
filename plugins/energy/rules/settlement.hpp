// The arithmetic of a settlement: quorum, cost and fees, slashes, the clock of a credit. Pure,
// constant time, callable from any thread. Amounts are counts of the smallest BLOCK unit, energy is
// whole kWh, and every division floors. nullopt means that a result does not fit its field; nothing
// wraps.
#pragma once

#include <cstdint>
#include <optional>

#include "plugins/energy/rules/wide.hpp"

namespace energy {

using Amount = std::uint64_t;
using Height = std::uint64_t;

// The share of the capacity that a settlement covers.
std::optional<std::uint64_t> quorum_actual_ppm(std::uint64_t kwh, std::uint64_t capacity_kwh);

// What the buyer pays and who gets it. price_paid = payout + treasury_fee + jurisdiction_fee.
struct Cost {
  Amount price_paid = 0;
  Amount treasury_fee = 0;
  Amount jurisdiction_fee = 0;
  Amount payout = 0;
};

// nullopt: kwh * price is beyond u64, or the two rates together are above 10 000 bps.
std::optional<Cost> settlement_cost(std::uint64_t kwh, Amount price_per_kwh,
                                    std::uint64_t treasury_fee_bps,
                                    std::uint64_t jurisdiction_fee_bps);

// Slash of a settlement that went through: the rate's share of the cost, at most the stake.
// REQUIRES for both slashes: rate_bps <= 10 000.
Amount settlement_slash(Amount cost, std::uint64_t rate_bps, Amount stake);

// Slash of a refused settlement or a lost dispute over `kwh`: exact in 128 bits, at most the stake.
Amount refused_slash(Amount price_per_kwh, std::uint64_t kwh, std::uint64_t rate_bps, Amount stake);

// The kWh that a `quorum` or `expiry` slash counts.
constexpr std::uint64_t slashed_kwh(std::uint64_t asked_kwh, std::uint64_t credit_kwh) {
  return asked_kwh < credit_kwh ? asked_kwh : credit_kwh;
}

// True once a credit minted at `minted` is older than `expiry_blocks`. A height below `minted` is
// age 0.
constexpr bool credit_expired(Height height, Height minted, std::uint64_t expiry_blocks) {
  return height > minted && height - minted > expiry_blocks;
}

// Last height at which the credit can be settled; nullopt beyond u64.
constexpr std::optional<Height> credit_expires_at(Height minted, std::uint64_t expiry_blocks) {
  return checked_add(minted, expiry_blocks);
}

// True once an expired credit may leave the state.
constexpr bool credit_purgeable(Height height, Height minted, std::uint64_t expiry_blocks,
                                std::uint64_t retention_blocks) {
  return height > minted && U128{height - minted} > U128{expiry_blocks} + retention_blocks;
}

// A batch credit can be settled where its age is a multiple of the interval.
struct BatchGate {
  bool due = false;
  Height next_block = 0;  // the next such height, if not due now
};
// REQUIRES: height >= minted, interval_blocks >= 1. nullopt: the next height is beyond u64.
std::optional<BatchGate> batch_gate(Height height, Height minted, std::uint64_t interval_blocks);

// floor(paid / kwh); nullopt while nothing was settled.
constexpr std::optional<U128> average_price(U128 total_price_paid, std::uint64_t total_kwh) {
  if (total_kwh == 0) return std::nullopt;
  return total_price_paid / total_kwh;
}

}  // namespace energy
