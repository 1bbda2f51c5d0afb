// Fees: pure functions over integers (node-and-cli spec 6, formulas 1 to 4). [any]
#pragma once

#include <cstdint>
#include <span>

namespace ledger {

inline constexpr std::uint64_t kGasTarget = 1'000'000;
inline constexpr std::uint64_t kGasPerByte = 10;
inline constexpr std::uint64_t kFirstBaseFee = 1;

struct FeeSplit {
  std::uint64_t consumer = 0;
  std::uint64_t industrial = 0;
};
// The share `pct` of a fee, rounded up, goes to the consumer pool. REQUIRES: pct <= 100.
FeeSplit split_fee(std::uint64_t fee, std::uint64_t pct);

// What is left of a fee above the base fee of the block: 0 when it is not above.
constexpr std::uint64_t tip_of(std::uint64_t fee, std::uint64_t base_fee) {
  return fee > base_fee ? fee - base_fee : 0;
}

// The base fee of the next block; divisions truncate toward zero. At least 1.
std::uint64_t next_base_fee(std::uint64_t previous, std::uint64_t gas);

// The fee per byte at `percentile` of the samples, which it sorts; at least `minimum`.
std::uint64_t fee_floor(std::span<std::uint64_t> samples, std::uint64_t percentile,
                        std::uint64_t minimum);

// The value at index (n - 1) * p / 100 of ascending values; 0 if there are none.
std::uint64_t percentile_of(std::span<const std::uint64_t> sorted, std::uint64_t percent);

}  // namespace ledger
