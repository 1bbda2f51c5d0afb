#include "plugins/receipts/rules/totals.hpp"

namespace receipts {

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a + b < a ? ~std::uint64_t{0} : a + b;
}

void add_to(Totals& totals, const Receipt& receipt) {
  if (receipt.slash()) {
    totals.slash_receipts += 1;
    totals.slashed = saturating_add(totals.slashed, receipt.amount());
    return;
  }
  totals.receipts += 1;
  totals.units = saturating_add(totals.units, receipt.units());
  if (receipt.market() != Market::kRelay)  // relay amounts are USD micros
    totals.settled = saturating_add(totals.settled, receipt.amount());
  totals.provider_escrow_sum =
      saturating_add(totals.provider_escrow_sum, receipt.number("provider_escrow"));
  totals.verified += receipt.number("verified") != 0 ? 1 : 0;
  totals.conversions = saturating_add(totals.conversions, receipt.number("conversions"));
}

}  // namespace receipts
