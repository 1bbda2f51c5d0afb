#include "plugins/economics/outside.hpp"

namespace economics {
namespace {

constexpr tb::Service kLedger{0};
constexpr tb::Service kParams{1};
constexpr tb::Service kTreasury{2};
constexpr tb::Service kReceipts{3};
constexpr tb::Service kChain{4};
constexpr tb::Service kKyc{5};

constexpr std::string_view kTreasuryAccount = "treasury";

struct Issued {
  std::uint64_t issued = 0;
};
BOOST_DESCRIBE_STRUCT(Issued, (), (issued))
struct Headroom {
  std::uint64_t headroom = 0;
};
BOOST_DESCRIBE_STRUCT(Headroom, (), (headroom))
struct Amount {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Amount, (), (amount))
struct MintArgs {
  std::string_view to;
  std::uint64_t amount = 0;
  std::string_view kind;
};
BOOST_DESCRIBE_STRUCT(MintArgs, (), (to, amount, kind))
struct To {
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(To, (), (to))
struct LevyArgs {
  std::uint64_t bps_micro = 0;
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(LevyArgs, (), (bps_micro, to))
struct KeyArgs {
  std::string_view key;
};
BOOST_DESCRIBE_STRUCT(KeyArgs, (), (key))
struct ParamValue {
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(ParamValue, (), (value))
struct WriteArgs {
  std::string_view key;
  std::uint64_t value = 0;
  std::string_view event, actor;
};
BOOST_DESCRIBE_STRUCT(WriteArgs, (), (key, value, event, actor))
struct AccrueArgs {
  std::string_view source, from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccrueArgs, (), (source, from, amount))
struct EpochArgs {
  std::uint64_t epoch = 0;
};
BOOST_DESCRIBE_STRUCT(EpochArgs, (), (epoch))
struct Account {
  std::string account;
};
BOOST_DESCRIBE_STRUCT(Account, (), (account))
struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))
struct Verified {
  bool verified = false;
};
BOOST_DESCRIBE_STRUCT(Verified, (), (verified))

struct Totals {
  std::uint64_t receipts = 0, units = 0, settled = 0, provider_escrow_sum = 0, conversions = 0;
};
BOOST_DESCRIBE_STRUCT(Totals, (), (receipts, units, settled, provider_escrow_sum, conversions))
struct FourTotals {
  Totals storage, compute, energy, ad;
};
BOOST_DESCRIBE_STRUCT(FourTotals, (), (storage, compute, energy, ad))
struct Sample {
  std::string market;
  bool rehearsal = false;
  std::uint64_t capacity_units = 0, used_units = 0, payout_total = 0, cost_total = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (),
                      (market, rehearsal, capacity_units, used_units, payout_total, cost_total))
struct EpochTotals {
  FourTotals markets, rehearsal;
  std::vector<Sample> samples;
};
BOOST_DESCRIBE_STRUCT(EpochTotals, (), (markets, rehearsal, samples))

constexpr tb::Function<tb::NoArgs, Issued> kIssued{kLedger, 0};
constexpr tb::Function<tb::NoArgs, Headroom> kHeadroom{kLedger, 1};
constexpr tb::Function<MintArgs> kMint{kLedger, 2};
constexpr tb::Function<To, Amount> kTakeFees{kLedger, 3};
constexpr tb::Function<tb::NoArgs, BlockStats> kBlockStats{kLedger, 4};
constexpr tb::Function<LevyArgs> kSetLevy{kLedger, 5};
constexpr tb::Function<KeyArgs, ParamValue> kGetParam{kParams, 0};
constexpr tb::Function<WriteArgs> kWriteParam{kParams, 1};
constexpr tb::Function<AccrueArgs> kAccrue{kTreasury, 0};
constexpr tb::Function<EpochArgs, Amount> kInflow{kTreasury, 1};
constexpr tb::Function<EpochArgs, EpochTotals> kEpochTotals{kReceipts, 0};
constexpr tb::Function<tb::NoArgs, Account> kProposer{kChain, 0};
constexpr tb::Function<AccountArgs, Verified> kVerified{kKyc, 0};

ReceiptTotals receipt_totals(const Totals& t) {
  return {t.receipts, t.settled, t.units, t.provider_escrow_sum, t.conversions};
}

const Totals& of_market(const FourTotals& totals, std::size_t market) {
  const Totals* const all[kMarkets] = {&totals.storage, &totals.compute, &totals.energy,
                                       &totals.ad};
  return *all[market];
}

// The last sample of a market counts; without one its receipts, those of a rehearsal where it
// settled nothing else.
void measure(const EpochTotals& totals, std::size_t i, Measured* out) {
  const Totals& real = of_market(totals.markets, i);
  const Totals& rehearsed = of_market(totals.rehearsal, i);
  out->rehearsal[i] = real.receipts == 0 && rehearsed.receipts > 0;
  out->metrics[i] =
      metric_of(static_cast<Market>(i), receipt_totals(out->rehearsal[i] ? rehearsed : real));
  for (const Sample& sample : totals.samples) {
    if (sample.market != kMarketNames[i]) continue;
    out->rehearsal[i] = sample.rehearsal;
    out->metrics[i] = metric_of(MarketSample{sample.capacity_units, sample.used_units,
                                             sample.payout_total, sample.cost_total});
  }
}

}  // namespace

tb::Status ask_supply(tb::View& view, Supply* out) {
  const auto issued = view.ask(kIssued, {});
  if (!issued) return view.fail(issued);
  const auto headroom = view.ask(kHeadroom, {});
  if (!headroom) return view.fail(headroom);
  *out = {issued->issued, saturating_add(issued->issued, headroom->headroom)};
  return tb::ok();
}

tb::Status ask_block_stats(tb::View& view, BlockStats* out) {
  const auto stats = view.ask(kBlockStats, {});
  if (!stats) return view.fail(stats);
  *out = *stats;
  return tb::ok();
}

tb::Status ask_producer(tb::View& view, std::string* out) {
  const auto answer = view.ask(kProposer, {});
  if (!answer) return view.fail(answer);
  *out = answer->account;
  return tb::ok();
}

tb::Status mint(tb::Ctx& ctx, std::string_view to, std::uint64_t amount, std::string_view kind) {
  if (amount == 0) return tb::ok();
  const auto done = ctx.call(kMint, {to, amount, kind});
  return done ? tb::ok() : ctx.fail(done);
}

tb::Status take_fees(tb::Ctx& ctx, std::string_view to, std::uint64_t* amount) {
  const auto taken = ctx.call(kTakeFees, {to});
  if (!taken) return ctx.fail(taken);
  *amount = taken->amount;
  return tb::ok();
}

tb::Status set_levy(tb::Ctx& ctx, std::uint64_t tariff_bps) {
  const auto done = ctx.call(kSetLevy, {tariff_bps * kPpm, kTreasuryAccount});
  return done ? tb::ok() : ctx.fail(done);
}

tb::Status accrue(tb::Ctx& ctx, std::string_view producer, std::uint64_t amount) {
  if (amount == 0) return tb::ok();
  const auto done = ctx.call(kAccrue, {"coinbase", producer, amount});
  return done ? tb::ok() : ctx.fail(done);
}

tb::Status ask_inflow(tb::View& view, std::uint64_t epoch, std::uint64_t* out) {
  const auto answer = view.ask(kInflow, {epoch});
  if (!answer) return view.fail(answer);
  *out = answer->amount;
  return tb::ok();
}

tb::Status measure_markets(tb::View& view, std::uint64_t epoch, Measured* out) {
  const auto totals = view.ask(kEpochTotals, {epoch});
  if (!totals) return view.fail(totals);
  for (std::size_t i = 0; i < kMarkets; ++i) measure(*totals, i, out);
  return tb::ok();
}

tb::Status ask_param(tb::View& view, std::string_view key, std::optional<std::uint64_t>* out) {
  const auto answer = view.ask(kGetParam, {key});
  if (answer.status.aborted()) return answer.status;
  out->reset();
  if (answer) *out = answer->value;
  return tb::ok();
}

tb::Status write_param(tb::Ctx& ctx, std::string_view key, std::uint64_t value) {
  const auto done = ctx.call(kWriteParam, {key, value, "script", "economics"});
  return done ? tb::ok() : ctx.fail(done);
}

tb::Status ask_tariff(tb::View& view, std::string_view from, std::uint64_t amount,
                      std::uint64_t tariff_bps, std::uint64_t* out) {
  const auto known = view.ask(kVerified, {from});
  if (!known && !known.absent) return view.fail(known);
  const bool verified = known.ok() && known->verified;
  *out = verified ? 0 : tariff_on(amount, tariff_bps);
  return tb::ok();
}

void describe_outside(tb::Plugin& p) {
  p.requires_service(kLedger, "ledger/1")
      .function(kIssued, "issued")
      .function(kHeadroom, "headroom")
      .function(kMint, "mint")
      .function(kTakeFees, "take_fees")
      .function(kBlockStats, "block_stats")
      .function(kSetLevy, "set_levy");
  p.requires_service(kParams, "params/1").function(kGetParam, "get").function(kWriteParam, "write");
  p.requires_service(kTreasury, "treasury/1")
      .function(kAccrue, "accrue")
      .function(kInflow, "inflow");
  p.requires_service(kReceipts, "receipts/1").function(kEpochTotals, "epoch_totals");
  p.requires_service(kChain, "chain/1").function(kProposer, "proposer");
  p.requires_service(kKyc, "kyc/1").optional().function(kVerified, "verified");
}

}  // namespace economics
