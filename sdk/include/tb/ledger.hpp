// Calls of ledger/1: money between accounts and escrows. [machine]
//
// A plugin that moves money names the slot of its manifest once, and calls the functions by name:
//
//   using Ledger = tb::Ledger<0>;
//   Ledger::require(p);                                      // in describe()
//   const auto paid = Ledger::transfer(ctx, buyer, seller, price, "rent", tb::Consent::kChecked);
//   if (!paid) return ctx.fail(paid);
//
// A function that is not here follows those that are: require(p).function(kIssued, "issued") with
// kIssued at place Ledger::kFunctions. On error nothing has moved, and the answer carries the
// ledger's own error: insufficient_funds, unknown_account, amount_overflow, not_allowed, safe_mode.
#pragma once

#include <optional>

#include "tb/ctx.hpp"
#include "tb/plugin.hpp"

namespace tb {

// Whether the plugin's own rules have shown that the owner of `from` agrees: somebody whom it
// settles for, a contract that he signed. Without it only the sender of the command pays.
enum class Consent : std::uint8_t { kOfSender, kChecked };

struct LedgerAccount {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(LedgerAccount, (), (account))
struct LedgerAmount {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(LedgerAmount, (), (amount))
struct LedgerMove {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(LedgerMove, (), (from, to, amount, memo, consented))
struct LedgerPayout {
  std::string_view escrow, to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(LedgerPayout, (), (escrow, to, amount, memo))

template <std::uint32_t Slot>
class Ledger {
 public:
  static constexpr Service kService{Slot};
  static constexpr std::uint32_t kFunctions = 5;  // place of the first function beyond these

  static RequireEntry& require(Plugin& p) {
    return p.requires_service(kService, "ledger/1")
        .function(kBalance, "balance")
        .function(kTransfer, "transfer")
        .function(kHold, "hold")
        .function(kRelease, "release")
        .function(kCapture, "capture");
  }

  // What the account or escrow holds; 0 for one that does not exist.
  static Answer<LedgerAmount> balance(View& view, std::string_view account) {
    return view.ask(kBalance, {account});
  }
  // Account to account; makes `to`.
  static Answer<NoArgs> transfer(Ctx& ctx, std::string_view from, std::string_view to,
                                 std::uint64_t amount, std::string_view memo, Consent consent) {
    return ctx.call(kTransfer, {from, to, amount, memo, consent == Consent::kChecked});
  }
  // Account to escrow.
  static Answer<NoArgs> hold(Ctx& ctx, std::string_view from, std::string_view escrow,
                             std::uint64_t amount, std::string_view memo, Consent consent) {
    return ctx.call(kHold, {from, escrow, amount, memo, consent == Consent::kChecked});
  }
  // Escrow back to who paid in.
  static Answer<NoArgs> release(Ctx& ctx, std::string_view escrow, std::string_view to,
                                std::uint64_t amount, std::string_view memo) {
    return ctx.call(kRelease, {escrow, to, amount, memo});
  }
  // Escrow to somebody else: a payout, a slash, a fee.
  static Answer<NoArgs> capture(Ctx& ctx, std::string_view escrow, std::string_view to,
                                std::uint64_t amount, std::string_view memo) {
    return ctx.call(kCapture, {escrow, to, amount, memo});
  }

 private:
  static constexpr Function<LedgerAccount, LedgerAmount> kBalance{kService, 0};
  static constexpr Function<LedgerMove> kTransfer{kService, 1};
  static constexpr Function<LedgerMove> kHold{kService, 2};
  static constexpr Function<LedgerPayout> kRelease{kService, 3};
  static constexpr Function<LedgerPayout> kCapture{kService, 4};
};

}  // namespace tb
