// Small plugins that stand for those which use ledger/1: economics, treasury, a market whose escrow
// prefix is not its id, and a registry of verified accounts. Only tests include this.
#pragma once

#include <tb/library.hpp>
#include <tb/sdk.hpp>

namespace outsiders {

// Plugin `economics`: one command that calls a function of ledger/1 by name.
namespace economics {

struct Params {
  std::string_view call;
  std::string_view account;
  std::uint64_t amount = 0;
  std::string_view kind;
};
BOOST_DESCRIBE_STRUCT(Params, (), (call, account, amount, kind))
struct MintArgs {
  std::string_view to;
  std::uint64_t amount = 0;
  std::string_view kind;
};
BOOST_DESCRIBE_STRUCT(MintArgs, (), (to, amount, kind))
struct BurnArgs {
  std::string_view from;
  std::uint64_t amount = 0;
  std::string_view reason;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(BurnArgs, (), (from, amount, reason, consented))
struct ToArgs {
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(ToArgs, (), (to))
struct Amount {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Amount, (), (amount))
struct Stats {
  std::uint64_t tx_count = 0, tx_volume = 0, non_kyc_volume = 0;
};
BOOST_DESCRIBE_STRUCT(Stats, (), (tx_count, tx_volume, non_kyc_volume))
struct LevyArgs {
  std::uint64_t bps_micro = 0;
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(LevyArgs, (), (bps_micro, to))
struct Headroom {
  std::uint64_t headroom = 0;
};
BOOST_DESCRIBE_STRUCT(Headroom, (), (headroom))

inline constexpr tb::Service kLedger{0};
inline constexpr tb::Function<MintArgs> kMint{kLedger, 0};
inline constexpr tb::Function<BurnArgs> kBurn{kLedger, 1};
inline constexpr tb::Function<ToArgs, Amount> kTakeFees{kLedger, 2};
inline constexpr tb::Function<tb::NoArgs, Stats> kStats{kLedger, 3};
inline constexpr tb::Function<LevyArgs> kSetLevy{kLedger, 4};
inline constexpr tb::Function<tb::NoArgs, Headroom> kHeadroom{kLedger, 5};

inline tb::Status apply(tb::Ctx& ctx, const Params& in, tb::Out& out) {
  const auto passed_on = [&](const auto& answer) { return answer ? tb::ok() : ctx.fail(answer); };
  if (in.call == "mint") return passed_on(ctx.call(kMint, {in.account, in.amount, in.kind}));
  if (in.call == "burn") return passed_on(ctx.call(kBurn, {in.account, in.amount, in.kind, true}));
  if (in.call == "levy") return passed_on(ctx.call(kSetLevy, {in.amount, in.account}));
  if (in.call == "take_fees") {
    const auto taken = ctx.call(kTakeFees, {in.account});
    if (taken) out.put("amount", taken->amount);
    return passed_on(taken);
  }
  const auto stats = ctx.ask(kStats, {});
  if (!stats) return ctx.fail(stats);
  out.write(*stats);
  out.put("headroom", ctx.ask(kHeadroom, {})->headroom);
  return tb::ok();
}

// `id` is "economics", or that of a plugin which pretends.
template <const char* id>
void describe(tb::Plugin& p) {
  p.id(id).version("1.0.0").sm(1).schema(1);
  p.requires_service(kLedger, "ledger/1")
      .function(kMint, "mint")
      .function(kBurn, "burn")
      .function(kTakeFees, "take_fees")
      .function(kStats, "block_stats")
      .function(kSetLevy, "set_levy")
      .function(kHeadroom, "headroom");
  p.command(tb::cat(id, ".call"), &apply)
      .role("open")
      .error(-34021, "insufficient_funds")
      .error(-34022, "unknown_account")
      .error(-34024, "not_allowed")
      .error(-34025, "supply_cap")
      .field("account")
      .default_value("")
      .field("amount")
      .default_value(std::uint64_t{0})
      .field("kind")
      .default_value("");
}
inline constexpr char kEconomics[] = "economics";
inline constexpr char kPretender[] = "pretender";

}  // namespace economics

// Plugin `treasury`: watches its account and emits what was paid in at the end of each block.
namespace treasury {

struct WatchArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(WatchArgs, (), (account))
struct Credit {
  std::string from;
  std::uint64_t amount = 0;
  std::string source;
};
BOOST_DESCRIBE_STRUCT(Credit, (), (from, amount, source))
struct Credits {
  std::vector<Credit> credits;
};
BOOST_DESCRIBE_STRUCT(Credits, (), (credits))
struct HoldArgs {
  std::string_view from, escrow;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(HoldArgs, (), (from, escrow, amount, memo))

inline constexpr tb::Service kLedger{0};
inline constexpr tb::Function<WatchArgs> kWatch{kLedger, 0};
inline constexpr tb::Function<WatchArgs, Credits> kTake{kLedger, 1};
inline constexpr tb::Function<HoldArgs> kHold{kLedger, 2};
inline constexpr tb::Event<Credit> kCredited{0};

inline tb::Status end(tb::Ctx& ctx) {
  const auto taken = ctx.call(kTake, {"treasury"});
  if (!taken) return ctx.fail(taken);
  for (const Credit& credit : taken->credits) ctx.emit(kCredited, credit);
  return tb::ok();
}
inline tb::Status watch(tb::Ctx& ctx, const WatchArgs& in, tb::Out&) {
  const auto done = ctx.call(kWatch, in);
  return done ? tb::ok() : ctx.fail(done);
}
struct PayParams {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(PayParams, (), (amount))
inline tb::Status pay(tb::Ctx& ctx, const PayParams& in, tb::Out&) {
  const auto done = ctx.call(kHold, {"treasury", "treasury/pending", in.amount, "disb:1"});
  return done ? tb::ok() : ctx.fail(done);
}

inline void describe(tb::Plugin& p) {
  p.id("treasury").version("1.0.0").sm(1).schema(1).end(&end);
  p.requires_service(kLedger, "ledger/1")
      .function(kWatch, "watch")
      .function(kTake, "take_credits")
      .function(kHold, "hold");
  p.event(kCredited, "treasury.credited");
  p.command("treasury.watch", &watch).role("open").error(-34024, "not_allowed");
  p.command("treasury.pay", &pay).role("open").error(-34021, "insufficient_funds");
}

}  // namespace treasury

// Plugin `storage-market`: its escrows begin with "storage".
namespace market {

struct MoveParams {
  std::string_view kind, from, to;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(MoveParams, (), (kind, from, to, amount))
struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo))
inline constexpr tb::Service kLedger{0};
inline constexpr tb::Function<MoveArgs> kHold{kLedger, 0}, kCapture{kLedger, 1};

inline tb::Status move(tb::Ctx& ctx, const MoveParams& in, tb::Out&) {
  const MoveArgs args{in.from, in.to, in.amount, ""};
  const auto done = in.kind == "hold" ? ctx.call(kHold, args) : ctx.call(kCapture, args);
  return done ? tb::ok() : ctx.fail(done);
}
inline void describe(tb::Plugin& p) {
  p.id("storage-market").version("1.0.0").sm(1).schema(1).escrow_prefix("storage");
  p.requires_service(kLedger, "ledger/1").function(kHold, "hold").function(kCapture, "capture");
  p.command("storage-market.move", &move)
      .role("open")
      .error(-34020, "safe_mode")
      .error(-34024, "not_allowed");
}

}  // namespace market

// Plugin `kyc`: marks accounts as verified.
namespace kyc {

struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))

inline tb::Status verify(tb::Ctx& ctx, const AccountArgs& in, tb::Out&) {
  ctx.put(in.account, "1");
  return tb::ok();
}
inline tb::Status verified(tb::View& view, std::string_view, const AccountArgs& in, tb::Out& out) {
  out.put("verified", view.has(in.account));
  return tb::ok();
}
inline void describe(tb::Plugin& p) {
  p.id("kyc").version("1.0.0").sm(1).schema(1);
  p.command("kyc.verify", &verify).role("open");
  p.provides("kyc/1").function("verified", &verified).help("Whether an account is verified");
}

}  // namespace kyc

// Plugin `governor`: declares the switches of safe mode.
inline void describe_governor(tb::Plugin& p) {
  p.id("governor").version("1.0.0").sm(1).schema(1);
  p.param(tb::Param{0}, "safe_mode_enforced", 0, 0, 1).unit("bool");
  p.param(tb::Param{1}, "launch_operational_flag", 0, 0, 1).unit("bool");
}

}  // namespace outsiders
