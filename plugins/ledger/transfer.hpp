// Moves of money: the one place where balances and the supply change. [machine]
//
// Every function checks all it needs before it writes, so that a refusal leaves nothing. An amount
// of 0 does nothing and succeeds. Each move emits `ledger.moved`; mint, burn and what touches
// `treasury/pending` issue the record of that name too.
#pragma once

#include "plugins/ledger/errors.hpp"
#include "plugins/ledger/state.hpp"

namespace ledger {

inline std::uint64_t balance_of(tb::View& view, std::string_view account) {
  return view.load<Account>(account_key(account)).value_or(Account{}).amount;
}

struct Move {
  std::string_view kind;  // transfer, hold, release, capture, fee, fees, levy
  std::string_view from;
  std::string_view to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
// Errors: unknown_account, insufficient_funds, amount_overflow.
tb::Status move(tb::Ctx& ctx, const Move& move);
// Errors: supply_cap, amount_overflow.
tb::Status mint(tb::Ctx& ctx, std::string_view to, std::uint64_t amount, std::string_view kind);
// Errors: unknown_account, insufficient_funds.
tb::Status burn(tb::Ctx& ctx, std::string_view from, std::uint64_t amount, std::string_view reason);

struct TransferParams {
  std::string_view to;
  std::optional<std::uint64_t> amount, amount_consumer, amount_industrial;
};
BOOST_DESCRIBE_STRUCT(TransferParams, (), (to, amount, amount_consumer, amount_industrial))
// Command ledger.transfer.
tb::Status apply_transfer(tb::Ctx& ctx, const TransferParams& in, tb::Out& out);

// The fee of the command that runs, out of its sender's account into the fee pools, and its sample
// for the floor of its lane. Every command of the ledger pays so, last of all it does.
tb::Status charge_fee(tb::Ctx& ctx);

// Hook `end`: base fee and fee floors of the next block.
tb::Status end_block(tb::Ctx& ctx);
tb::Status params_changed(tb::Ctx& ctx, const tb::ParamChanges& changes);

}  // namespace ledger
