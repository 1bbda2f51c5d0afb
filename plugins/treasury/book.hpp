// The treasury's book: the balance and its rows (governance and treasury 3.2, 5.15). [machine]
//
// Money that comes in raises the balance at once and is gathered by source; the row is written in
// the next block, or before any other row, so that rows close with what stands before them. The
// book follows the ledger: what arrived in another way is taken in by reconcile().
#pragma once

#include "plugins/treasury/state.hpp"

namespace treasury {

std::uint64_t balance_of(tb::View& view);

// Moves `amount` from an account or from an escrow of the caller's that the ledger lets go, and
// gathers it. With an empty `from` the money has been moved already, by the caller, in this step:
// it must lie in the account beyond what the book knows. Amount 0 does nothing.
tb::Status accrue(tb::Ctx& ctx, std::string_view source, std::string_view from,
                  std::uint64_t amount);

// Takes in what `ledger.transfer` paid in, and what reached the account in any other way (`other`).
void reconcile(tb::Ctx& ctx);

// Writes the rows of what was gathered, sources in byte order.
void flush_accruals(tb::Ctx& ctx);

// A row of a disbursement; flushes before. The balance changes by `delta`.
void write_row(tb::Ctx& ctx, std::string_view event, std::uint64_t id, std::int64_t delta);

// Sets what is gathered at genesis, at height 0; the first block writes the row.
void open_book(tb::Ctx& ctx, std::uint64_t amount);

// Σ accruals of the blocks of `epoch`: the open one and the one before it are kept.
std::uint64_t inflow_of(tb::View& view, std::uint64_t epoch);

}  // namespace treasury
