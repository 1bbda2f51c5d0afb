// Small plugins that stand for those around economics: governance with its parameters, the
// treasury, a market that reports usage, and a registry of verified accounts. Only tests include
// this.
#pragma once

#include <tb/library.hpp>
#include <tb/sdk.hpp>

namespace outsiders {

// Brings values into force in the block after `governance.set`, and knows those that it was told.
namespace governance {

struct Value {
  std::string_view key;
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Value, (), (key, value))
struct Key {
  std::string_view key;
};
BOOST_DESCRIBE_STRUCT(Key, (), (key))
struct Held {
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Held, (), (value))
struct WriteArgs {
  std::string_view key;
  std::uint64_t value = 0;
  std::string_view event, actor;
};
BOOST_DESCRIBE_STRUCT(WriteArgs, (), (key, value, event, actor))

inline constexpr tb::Service kChain{0};
inline constexpr tb::Function<Value> kSetParam{kChain, 0};
inline constexpr tb::Function<Key, Held> kParam{kChain, 1};

inline tb::Status set(tb::Ctx& ctx, const Value& in, tb::Out&) {
  ctx.put(tb::cat("due/", in.key), std::to_string(in.value));
  return tb::ok();
}
inline tb::Status activate(tb::Ctx& ctx, std::string_view, const tb::NoArgs&, tb::Out&) {
  std::vector<std::pair<std::string, std::string>> due;
  ctx.scan("due/", {}, 100,
           [&](std::string_view key, std::string_view value) { due.emplace_back(key, value); });
  for (const auto& [row, value] : due) {
    ctx.erase(row);
    const std::string_view name = std::string_view(row).substr(4);
    const tb::Status done = ctx.attempt([&, &text = value] {
      const auto set_to = ctx.call(kSetParam, {name, std::stoull(text)});
      return set_to ? tb::ok() : ctx.fail(set_to);
    });
    if (done.aborted()) return done;
    if (done.failed()) ctx.put(tb::cat("failed/", row), value);
  }
  return tb::ok();
}
inline tb::Status get(tb::View& view, std::string_view, const Key& in, tb::Out& out) {
  const auto held = view.ask(kParam, {in.key});
  if (!held) return view.fail(held);
  out.put("value", held->value);
  return tb::ok();
}
inline tb::Status write(tb::Ctx& ctx, std::string_view plugin, const WriteArgs& in, tb::Out&) {
  if (plugin != in.actor) return ctx.fail(-32097, "not_authorized", "no");
  ctx.put(tb::cat("due/", in.key), std::to_string(in.value));
  return tb::ok();
}
inline void describe(tb::Plugin& p) {
  p.id("governance").version("1.0.0").sm(1).schema(1);
  p.requires_service(kChain, "chain/1").function(kSetParam, "set_param").function(kParam, "param");
  tb::ServiceEntry& params = p.provides("params/1");
  params.function("activate", &activate);
  params.function("get", &get).error(-32060, "unknown_param");
  params.function("write", &write).error(-32097, "not_authorized");
  p.command("governance.set", &set).role("open");
}

}  // namespace governance

namespace treasury {

struct AccrueArgs {
  std::string_view source, from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccrueArgs, (), (source, from, amount))
struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  bool consented = true;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo, consented))
struct Inflow {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Inflow, (), (amount))
struct Epoch {
  std::uint64_t epoch = 0;
};
BOOST_DESCRIBE_STRUCT(Epoch, (), (epoch))

inline constexpr tb::Function<MoveArgs> kTransfer{tb::Service{0}, 0};
inline tb::Key key(std::uint64_t epoch) { return tb::Key("in/").u64(epoch); }

inline tb::Status accrue(tb::Ctx& ctx, std::string_view, const AccrueArgs& in, tb::Out&) {
  const auto done = ctx.call(kTransfer, {in.from, "treasury", in.amount, in.source});
  if (!done) return ctx.fail(done);
  Inflow row = ctx.load<Inflow>(key(ctx.epoch())).value_or(Inflow{});
  row.amount += in.amount;
  ctx.store(key(ctx.epoch()), row);
  return tb::ok();
}
inline tb::Status inflow(tb::View& view, std::string_view, const Epoch& in, tb::Out& out) {
  out.put("amount", view.load<Inflow>(key(in.epoch)).value_or(Inflow{}).amount);
  return tb::ok();
}
inline void describe(tb::Plugin& p) {
  p.id("treasury").version("1.0.0").sm(1).schema(1).escrow_prefix("treasury");
  p.requires_service(tb::Service{0}, "ledger/1").function(kTransfer, "transfer");
  tb::ServiceEntry& service = p.provides("treasury/1");
  service.function("accrue", &accrue).error(-34021, "insufficient_funds");
  service.function("inflow", &inflow);
}

}  // namespace treasury

// Reports usage, claims, and hands in the sample that it was last told.
namespace market {

struct UsageArgs {
  std::string_view usage_class, recipient;
  std::uint64_t units = 0;
};
BOOST_DESCRIBE_STRUCT(UsageArgs, (), (usage_class, recipient, units))
struct ClaimArgs {
  std::string_view market, recipient;
  tb::U128 nblock = 0;
};
BOOST_DESCRIBE_STRUCT(ClaimArgs, (), (market, recipient, nblock))
struct LoadArgs {
  std::uint64_t backlog = 0, matched = 0;
};
BOOST_DESCRIBE_STRUCT(LoadArgs, (), (backlog, matched))
struct Amount {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Amount, (), (amount))
struct Name {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(Name, (), (name))
struct Number {
  std::int64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Number, (), (value))
struct Shares {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> weights;
};
BOOST_DESCRIBE_STRUCT(Shares, (), (total, weights))
struct Parts {
  std::vector<std::uint64_t> allocations;
};
BOOST_DESCRIBE_STRUCT(Parts, (), (allocations))

inline constexpr tb::Service kEconomics{0};
inline constexpr tb::Function<UsageArgs> kUsage{kEconomics, 0};
inline constexpr tb::Function<ClaimArgs> kClaim{kEconomics, 1};
inline constexpr tb::Function<LoadArgs> kLoad{kEconomics, 2};
inline constexpr tb::Function<Amount> kAdSpent{kEconomics, 3};
inline constexpr tb::Function<Name, Number> kFigure{kEconomics, 4};
inline constexpr tb::Function<Shares, Parts> kDistribute{kEconomics, 5};

struct Sample {
  std::string market;
  std::uint64_t epoch = 0;
  bool rehearsal = false;
  std::uint64_t capacity_units = 0, used_units = 0, payout_total = 0, cost_total = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (),
                      (market, epoch, rehearsal, capacity_units, used_units, payout_total,
                       cost_total))
inline constexpr tb::Function<Sample> kSample{tb::Service{1}, 0};

inline tb::Status use(tb::Ctx& ctx, const UsageArgs& in, tb::Out&) {
  const auto done = ctx.call(kUsage, in);
  return done ? tb::ok() : ctx.fail(done);
}
inline tb::Status claim(tb::Ctx& ctx, const ClaimArgs& in, tb::Out&) {
  const auto done = ctx.call(kClaim, in);
  return done ? tb::ok() : ctx.fail(done);
}
inline tb::Status spend(tb::Ctx& ctx, const Amount& in, tb::Out&) {
  const auto done = ctx.call(kAdSpent, in);
  return done ? tb::ok() : ctx.fail(done);
}
inline tb::Status look(tb::Ctx& ctx, const Name& in, tb::Out& out) {
  const auto found = ctx.ask(kFigure, in);
  if (!found) return ctx.fail(found);
  out.put("value", found->value);
  return tb::ok();
}
inline tb::Status share(tb::Ctx& ctx, const Shares& in, tb::Out& out) {
  const auto parts = ctx.ask(kDistribute, in);
  if (!parts) return ctx.fail(parts);
  out.put("allocations", parts->allocations);
  return tb::ok();
}
inline tb::Status tell(tb::Ctx& ctx, const Sample& in, tb::Out&) {
  ctx.store("sample", in);
  return tb::ok();
}
inline tb::Status tell_load(tb::Ctx& ctx, const LoadArgs& in, tb::Out&) {
  ctx.store("load", in);
  return tb::ok();
}
inline tb::Status end(tb::Ctx& ctx) {
  if (!ctx.last_of_epoch()) return tb::ok();
  if (const auto load = ctx.load<LoadArgs>("load")) {
    const auto done = ctx.call(kLoad, *load);
    if (!done) return ctx.fail(done);
  }
  auto sample = ctx.load<Sample>("sample");
  if (!sample) return tb::ok();
  sample->epoch = ctx.epoch();
  const auto done = ctx.call(kSample, *sample);
  return done ? tb::ok() : ctx.fail(done);
}
inline void describe(tb::Plugin& p) {
  p.id("market").version("1.0.0").sm(1).schema(1);
  p.requires_service(kEconomics, "economics/1")
      .function(kUsage, "add_usage")
      .function(kClaim, "claim_subsidy")
      .function(kLoad, "industrial_load")
      .function(kAdSpent, "ad_spent")
      .function(kFigure, "figure")
      .function(kDistribute, "distribute");
  p.requires_service(tb::Service{1}, "receipts/1").function(kSample, "market_sample");
  p.command("market.use", &use).role("open").error(-32602, "invalid_params");
  p.command("market.claim", &claim).role("open").error(-32602, "invalid_params");
  p.command("market.spend", &spend).role("open");
  p.command("market.look", &look)
      .role("open")
      .error(-32001, "unknown_epoch")
      .error(-32602, "invalid_params");
  p.command("market.share", &share).role("open").error(-32602, "invalid_params");
  p.command("market.tell", &tell).role("open");
  p.command("market.tell_load", &tell_load).role("open");
  p.end(&end);
}

}  // namespace market

namespace kyc {

struct Account {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(Account, (), (account))
inline tb::Status verify(tb::Ctx& ctx, const Account& in, tb::Out&) {
  ctx.put(in.account, "1");
  return tb::ok();
}
inline tb::Status verified(tb::View& view, std::string_view, const Account& in, tb::Out& out) {
  out.put("verified", view.has(in.account));
  return tb::ok();
}
inline void describe(tb::Plugin& p) {
  p.id("kyc").version("1.0.0").sm(1).schema(1);
  p.command("kyc.verify", &verify).role("open");
  p.provides("kyc/1").function("verified", &verified);
}

}  // namespace kyc
}  // namespace outsiders
