// Usage that markets report, and what a block pays for it (economics spec 6.7). [machine]
#pragma once

#include "plugins/economics/state.hpp"

namespace economics {

// Adds `units` of a class, or nBLOCK of a claim, to what `recipient` is paid for at the end of this
// block; an epoch hook's report counts in the next one. Sums saturate.
void add_usage(tb::Ctx& ctx, UsageClass usage, std::string_view recipient, std::uint64_t units);
void add_claim(tb::Ctx& ctx, Market market, std::string_view recipient, tb::U128 nblock);

// The claimants of a market in this block, ascending by account.
struct Claims {
  std::vector<std::string> accounts;
  std::vector<U128> weights;  // nBLOCK before the multiplier
  U128 sum = 0;
};

// Takes the reports of a market out of the state, counts their units in `epoch`, and mints within
// the budget: `mint` is what the claims are to receive. Reports beyond the block's budget of rows
// wait for the next block.
Claims take_claims(tb::Ctx& ctx, Market market, const InForce& in_force, OpenEpoch& epoch,
                   std::uint64_t* mint);

// Mints `amount` to the claimants by their weights. An account that the ledger refuses is passed
// over and told in the log. Returns what was minted.
std::uint64_t pay_claims(tb::Ctx& ctx, Market market, const Claims& claims, std::uint64_t amount);

}  // namespace economics
