// Totals of a market over an epoch (receipts spec 6.6). Sums saturate at 2^64 - 1. [any]
#pragma once

#include "plugins/receipts/rules/receipt.hpp"

namespace receipts {

struct Totals {
  std::uint64_t receipts = 0;
  std::uint64_t slash_receipts = 0;
  std::uint64_t units = 0;
  std::uint64_t settled = 0;
  std::uint64_t slashed = 0;
  std::uint64_t providers = 0;  // distinct; counted by the caller, who knows whom it has seen
  std::uint64_t provider_escrow_sum = 0;  // storage
  std::uint64_t verified = 0;             // compute
  std::uint64_t conversions = 0;          // ad

  std::uint64_t payout_total() const { return settled > slashed ? settled - slashed : 0; }
};

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b);
void add_to(Totals& totals, const Receipt& receipt);

}  // namespace receipts
