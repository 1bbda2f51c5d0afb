#include "plugins/ledger/service.hpp"

#include <algorithm>

#include "plugins/ledger/levy.hpp"
#include "plugins/ledger/outside.hpp"
#include "plugins/ledger/transfer.hpp"

namespace ledger {
namespace {

tb::Status check_debit(tb::Ctx& ctx, std::string_view plugin, std::string_view from,
                       bool consented) {
  const std::string owner = owner_of(ctx, from, plugin);
  if (may_debit({from, owner, plugin, ctx.account(), consented})) return tb::ok();
  return ctx.fail(kNotAllowed,
                  tb::cat("plugin ", plugin, " may not take money out of ", from,
                          ": it is neither the sender's account nor one of the plugin's own, and "
                          "no consent was asserted"));
}

tb::Status check_escrow(tb::Ctx& ctx, std::string_view plugin, std::string_view escrow) {
  if (owner_of(ctx, escrow, plugin) == plugin) return tb::ok();
  return ctx.fail(kNotAllowed, tb::cat(escrow, " is not an escrow of plugin ", plugin));
}

struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))

tb::Status balance(tb::View& view, std::string_view, const AccountArgs& in, tb::Out& out) {
  out.put("amount", balance_of(view, in.account));
  return tb::ok();
}
tb::Status exists(tb::View& view, std::string_view, const AccountArgs& in, tb::Out& out) {
  out.put("exists", view.has(account_key(in.account)));
  return tb::ok();
}

constexpr std::uint32_t kMaxPage = 1000;

struct PageArgs {
  std::string_view after;
  std::uint32_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(PageArgs, (), (after, limit))

tb::Status accounts(tb::View& view, std::string_view, const PageArgs& in, tb::Out& out) {
  const tb::Key after = account_key(in.after);
  out.list("accounts", [&](tb::Out& list) {
    view.scan(kAccounts, in.after.empty() ? std::string_view() : after.view(),
              std::min(in.limit, kMaxPage), [&](std::string_view key, std::string_view row) {
                list.record({}, [&](tb::Out& item) {
                  item.put("account", key.substr(kAccounts.size()));
                  item.put("amount", tb::row_as<Account>(row).amount);
                });
              });
  });
  return tb::ok();
}

struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  std::optional<bool> consented;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo, consented))

tb::Status transfer(tb::Ctx& ctx, std::string_view plugin, const MoveArgs& in, tb::Out&) {
  if (auto s = check_safe_mode(ctx); !s) return s;
  if (auto s = check_debit(ctx, plugin, in.from, in.consented.value_or(false)); !s) return s;
  return move(ctx, {"transfer", in.from, in.to, in.amount, in.memo});
}

struct HoldArgs {
  std::string_view from, escrow;
  std::uint64_t amount = 0;
  std::string_view memo;
  std::optional<bool> consented;
};
BOOST_DESCRIBE_STRUCT(HoldArgs, (), (from, escrow, amount, memo, consented))

tb::Status hold(tb::Ctx& ctx, std::string_view plugin, const HoldArgs& in, tb::Out&) {
  if (auto s = check_safe_mode(ctx); !s) return s;
  if (auto s = check_escrow(ctx, plugin, in.escrow); !s) return s;
  if (auto s = check_debit(ctx, plugin, in.from, in.consented.value_or(false)); !s) return s;
  return move(ctx, {"hold", in.from, in.escrow, in.amount, in.memo});
}

struct PayoutArgs {
  std::string_view escrow, to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(PayoutArgs, (), (escrow, to, amount, memo))

tb::Status release(tb::Ctx& ctx, std::string_view plugin, const PayoutArgs& in, tb::Out&) {
  if (auto s = check_escrow(ctx, plugin, in.escrow); !s) return s;
  return move(ctx, {"release", in.escrow, in.to, in.amount, in.memo});
}
tb::Status capture(tb::Ctx& ctx, std::string_view plugin, const PayoutArgs& in, tb::Out&) {
  if (auto s = check_escrow(ctx, plugin, in.escrow); !s) return s;
  return move(ctx, {"capture", in.escrow, in.to, in.amount, in.memo});
}

struct MintArgs {
  std::string_view to;
  std::uint64_t amount = 0;
  std::string_view kind;
};
BOOST_DESCRIBE_STRUCT(MintArgs, (), (to, amount, kind))

bool may_mint(std::string_view plugin, std::string_view kind) {
  if (plugin == "light-client") return kind == "proof_rebate";
  if (plugin != "economics") return false;
  return kind == "reward" || kind == "storage" || kind == "compute" || kind == "energy" ||
         kind == "ad";
}
tb::Status serve_mint(tb::Ctx& ctx, std::string_view plugin, const MintArgs& in, tb::Out&) {
  if (may_mint(plugin, in.kind)) return mint(ctx, in.to, in.amount, in.kind);
  return ctx.fail(kNotAllowed,
                  tb::cat("plugin ", plugin, " may not mint '", in.kind,
                          "': economics mints reward, storage, compute, energy and ad, "
                          "light-client mints proof_rebate"));
}

struct BurnArgs {
  std::string_view from;
  std::uint64_t amount = 0;
  std::string_view reason;
  std::optional<bool> consented;
};
BOOST_DESCRIBE_STRUCT(BurnArgs, (), (from, amount, reason, consented))

tb::Status serve_burn(tb::Ctx& ctx, std::string_view plugin, const BurnArgs& in, tb::Out&) {
  if (auto s = check_debit(ctx, plugin, in.from, in.consented.value_or(false)); !s) return s;
  return burn(ctx, in.from, in.amount, in.reason);
}

std::uint64_t issued_of(tb::View& view) {
  return view.load<Supply>(kSupplyKey).value_or(Supply{}).issued;
}
tb::Status issued(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  out.put("issued", issued_of(view));
  return tb::ok();
}
tb::Status headroom(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  const std::uint64_t supply = issued_of(view), cap = view.param(kMaxSupply);
  out.put("headroom", cap > supply ? cap - supply : std::uint64_t{0});
  return tb::ok();
}

struct TakeFeesArgs {
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(TakeFeesArgs, (), (to))

tb::Status take_fees(tb::Ctx& ctx, std::string_view plugin, const TakeFeesArgs& in, tb::Out& out) {
  if (plugin != "economics")
    return ctx.fail(kNotAllowed, "only the plugin economics empties the fee pools");
  std::uint64_t sum = 0;
  for (std::string_view pool : {kConsumerFees, kIndustrialFees}) {
    const std::uint64_t amount = balance_of(ctx, pool);
    if (auto s = move(ctx, {"fees", pool, in.to, amount, {}}); !s) return s;
    sum += amount;  // cannot wrap: both are part of what was issued
  }
  out.put("amount", sum);
  return tb::ok();
}

tb::Status block_stats(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  BlockStats stats = view.load<BlockStats>(kStatsKey).value_or(BlockStats{});
  if (stats.height != view.height()) stats = BlockStats{};
  out.put("tx_count", stats.transactions);
  out.put("tx_volume", stats.volume);
  out.put("non_kyc_volume", stats.non_kyc_volume);
  out.put("levy", stats.levy);
  return tb::ok();
}

tb::Status fee_state(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  const FeeState fees = view.load<FeeState>(kFeesKey).value_or(FeeState{});
  out.put("base_fee", fees.base_fee);
  out.put("consumer_floor", fees.consumer_floor);
  out.put("industrial_floor", fees.industrial_floor);
  return tb::ok();
}

struct SessionArgs {
  std::string_view account;
  tb::Hash key;
};
BOOST_DESCRIBE_STRUCT(SessionArgs, (), (account, key))

tb::Status session(tb::View& view, std::string_view, const SessionArgs& in, tb::Out& out) {
  const auto row = view.load<Session>(session_key(in.account, in.key.view()));
  if (!row) return view.fail(kUnknownSession, "the account has no open session with this key");
  out.write(*row);
  return tb::ok();
}

void describe_moves(tb::ServiceEntry& service) {
  service.function("transfer", &transfer)
      .help("Moves money from account to account; creates the receiver")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kAmountOverflow)
      .error(kNotAllowed)
      .error(kSafeMode);
  service.function("hold", &hold)
      .help("Moves money of an account into an escrow of the calling plugin")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kAmountOverflow)
      .error(kNotAllowed)
      .error(kSafeMode);
  service.function("release", &release)
      .help("Gives money of an escrow back to who paid it in")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kAmountOverflow)
      .error(kNotAllowed);
  service.function("capture", &capture)
      .help("Pays money of an escrow to somebody else: payout, slash, fee")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kAmountOverflow)
      .error(kNotAllowed);
}

void describe_supply(tb::ServiceEntry& service) {
  service.function("mint", &serve_mint)
      .help("Issues money within max_supply_block; economics and light-client only")
      .error(kSupplyCap)
      .error(kAmountOverflow)
      .error(kUnknownAccount)
      .error(kNotAllowed);
  service.function("burn", &serve_burn)
      .help("Takes money out of the supply")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kNotAllowed);
  service.function("issued", &issued).help("What was issued and not burned");
  service.function("headroom", &headroom).help("What may still be minted");
  service.function("take_fees", &take_fees)
      .help("Empties both fee pools into an account; economics only")
      .error(kNotAllowed)
      .error(kAmountOverflow)
      .error(kUnknownAccount)
      .error(kInsufficientFunds);
}

}  // namespace

void describe_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("ledger/1");
  service.function("balance", &balance).help("Balance of an account, 0 if it does not exist");
  service.function("exists", &exists).help("Whether an account was ever credited");
  service.function("accounts", &accounts)
      .help("Balances of up to `limit` accounts behind `after`, ascending");
  describe_moves(service);
  describe_supply(service);
  service.function("set_levy", &set_levy)
      .help("What each ledger.transfer of an unverified sender pays on top; economics only")
      .error(kNotAllowed)
      .error(kUnknownAccount);
  service.function("watch", &watch)
      .help("From now on, credits of the caller's account by ledger.transfer are kept for it")
      .error(kNotAllowed);
  service.function("take_credits", &take_credits)
      .help("Credits of a watched account since the last call, at most 64 and one sum a source")
      .error(kNotAllowed);
  service.function("block_stats", &block_stats)
      .help("Commands that moved money in this block so far, and their volume");
  service.function("fee_state", &fee_state).help("Base fee and fee floors of the next block");
  service.function("session", &session)
      .help("An open session key of an account")
      .error(kUnknownSession);
}

}  // namespace ledger
