#include "plugins/ledger/transfer.hpp"

#include <tb/address.hpp>

#include <array>
#include <vector>

#include "plugins/ledger/levy.hpp"
#include "plugins/ledger/outside.hpp"
#include "plugins/ledger/sessions.hpp"

namespace ledger {
namespace {

bool add_overflows(std::uint64_t a, std::uint64_t b) { return a + b < a; }

tb::Status amount_overflow(tb::Ctx& ctx, std::string_view account) {
  return ctx.fail(kAmountOverflow,
                  tb::cat("the balance of ", account, " would pass 2^64 - 1; send less"));
}

tb::Status check_accounts(tb::Ctx& ctx, std::string_view from, std::string_view to) {
  for (std::string_view account : {from, to}) {
    if (!is_account_id(account)) {
      return ctx.fail(kUnknownAccount,
                      "an account id has 1 to 128 printable bytes without blanks; give an address "
                      "or a system account");
    }
  }
  return tb::ok();
}

void note_move(tb::Ctx& ctx, const Move& move) {
  const Moved moved{move.kind, move.from, move.to, move.amount, move.memo, ctx.command_id()};
  ctx.emit(kMovedEvent, moved);
  if (move.from.empty() || move.to.empty() || move.from == kTreasuryPending ||
      move.to == kTreasuryPending) {
    ctx.record(kMovedRecord, moved);
  }
  ctx.add(kMoves, 1, {move.kind});
}

std::uint64_t capped_sum(std::uint64_t a, std::uint64_t b) {
  return add_overflows(a, b) ? ~std::uint64_t{0} : a + b;
}

// Counts what a transfer, a capture or a tip of a command took out of `from` for block_stats().
tb::Status count(tb::Ctx& ctx, std::string_view from, std::uint64_t amount) {
  if (ctx.account().empty()) return tb::ok();
  bool verified = false;
  if (auto s = ask_verified(ctx, from, &verified); !s) return s;
  BlockStats stats = ctx.load<BlockStats>(kStatsKey).value_or(BlockStats{});
  if (stats.height != ctx.height()) stats = BlockStats{ctx.height(), 0, 0, 0, 0, 0};
  if (stats.counted != ctx.caller().index + 1) ++stats.transactions;
  stats.counted = ctx.caller().index + 1;
  stats.volume = capped_sum(stats.volume, amount);
  if (!verified) stats.non_kyc_volume = capped_sum(stats.non_kyc_volume, amount);
  ctx.store(kStatsKey, stats);
  return tb::ok();
}

}  // namespace

tb::Status move(tb::Ctx& ctx, const Move& move) {
  if (move.amount == 0) return tb::ok();
  if (auto s = check_accounts(ctx, move.from, move.to); !s) return s;
  const tb::Key from_key = account_key(move.from);
  std::optional<Account> from = ctx.load<Account>(from_key);
  if (!from) {
    return ctx.fail(kUnknownAccount, tb::cat("account ", move.from,
                                             " does not exist; it comes "
                                             "into being with its first credit"));
  }
  if (from->amount < move.amount) {
    return ctx.fail(kInsufficientFunds,
                    tb::cat(move.from, " holds ", from->amount, " of the ", move.amount, " needed"),
                    [&](tb::Out& data) {
                      data.put("account", move.from);
                      data.put("balance", from->amount);
                      data.put("needed", move.amount);
                    });
  }
  if (move.from != move.to) {
    const tb::Key to_key = account_key(move.to);
    Account to = ctx.load<Account>(to_key).value_or(Account{});
    if (add_overflows(to.amount, move.amount)) return amount_overflow(ctx, move.to);
    from->amount -= move.amount;
    to.amount += move.amount;
    ctx.store(from_key, *from);
    ctx.store(to_key, to);
  }
  note_move(ctx, move);
  const bool counts = move.kind == "transfer" || move.kind == "capture";
  return counts ? count(ctx, move.from, move.amount) : tb::ok();
}

tb::Status mint(tb::Ctx& ctx, std::string_view to, std::uint64_t amount, std::string_view kind) {
  if (amount == 0) return tb::ok();
  if (auto s = check_accounts(ctx, to, to); !s) return s;
  Supply supply = ctx.load<Supply>(kSupplyKey).value_or(Supply{});
  const std::uint64_t cap = ctx.param(kMaxSupply);
  if (supply.issued > cap || amount > cap - supply.issued) {
    return ctx.fail(kSupplyCap, tb::cat("minting ", amount, " on top of ", supply.issued,
                                        " would pass max_supply_block = ", cap));
  }
  const tb::Key key = account_key(to);
  Account account = ctx.load<Account>(key).value_or(Account{});
  if (add_overflows(account.amount, amount)) return amount_overflow(ctx, to);
  supply.issued += amount;
  account.amount += amount;
  ctx.store(kSupplyKey, supply);
  ctx.store(key, account);
  ctx.set(kIssuedGauge, static_cast<std::int64_t>(supply.issued));
  note_move(ctx, {"mint", {}, to, amount, kind});
  return tb::ok();
}

tb::Status burn(tb::Ctx& ctx, std::string_view from, std::uint64_t amount,
                std::string_view reason) {
  if (amount == 0) return tb::ok();
  const tb::Key key = account_key(from);
  std::optional<Account> account = ctx.load<Account>(key);
  if (!account) return ctx.fail(kUnknownAccount, tb::cat("account ", from, " does not exist"));
  if (account->amount < amount) {
    return ctx.fail(kInsufficientFunds,
                    tb::cat(from, " holds ", account->amount, " of the ", amount, " to burn"));
  }
  Supply supply = ctx.load<Supply>(kSupplyKey).value_or(Supply{});
  account->amount -= amount;
  supply.issued -= amount;  // cannot wrap: the account is part of what was issued
  ctx.store(key, *account);
  ctx.store(kSupplyKey, supply);
  ctx.set(kIssuedGauge, static_cast<std::int64_t>(supply.issued));
  note_move(ctx, {"burn", from, {}, amount, reason});
  return tb::ok();
}

namespace {

struct Payment {
  std::uint64_t consumer = 0;
  std::uint64_t industrial = 0;
  std::uint64_t total() const { return consumer + industrial; }
};

tb::Status read_payment(tb::Ctx& ctx, const TransferParams& in, Payment& out) {
  if (in.amount.has_value() == (in.amount_consumer || in.amount_industrial)) {
    return ctx.fail(kInvalidParams,
                    "say either amount or amount_consumer and amount_industrial, not both");
  }
  out.consumer = in.amount.value_or(in.amount_consumer.value_or(0));
  out.industrial = in.amount_industrial.value_or(0);
  if (out.consumer > kMaxAmount || out.industrial > kMaxAmount - out.consumer ||
      ctx.caller().fee > kMaxAmount) {
    return ctx.fail(kAmountOverflow, "amounts, and the fee, are at most 2^63 - 1");
  }
  return tb::ok();
}

tb::Status check_receiver(tb::Ctx& ctx, std::string_view to) {
  if (tb::is_address(to)) return tb::ok();
  if (to == kTreasury) return tb::ok();  // takes donations from the first block on
  if (!is_system_account(to) || !ctx.has(account_key(to))) {
    return ctx.fail(kInvalidParams,
                    tb::cat("'", to.substr(0, kMaxAccountBytes),
                            "' is neither an address with a right checksum nor an existing "
                            "system account; check the spelling"));
  }
  const std::string owner = owner_of(ctx, to);
  if (owner.empty()) return tb::ok();
  return ctx.fail(kNotAllowed,
                  tb::cat(to, " is an escrow: only plugin ", owner, " moves money there"));
}

tb::Status pay_fee(tb::Ctx& ctx) {
  const tb_caller& caller = ctx.caller();
  const FeeSplit split = split_fee(caller.fee, std::min<std::uint32_t>(caller.pct, 100));
  if (auto s = move(ctx, {"fee", ctx.account(), kConsumerFees, split.consumer, {}}); !s) return s;
  if (auto s = move(ctx, {"fee", ctx.account(), kIndustrialFees, split.industrial, {}}); !s)
    return s;
  if (caller.fee > 0) ctx.add(kFeesPaid, static_cast<std::int64_t>(caller.fee));
  return tb::ok();
}

tb::Status take_sample(tb::Ctx& ctx) {
  const tb_caller& caller = ctx.caller();
  if (caller.envelope_bytes == 0) return tb::ok();
  FeeState fees = ctx.load<FeeState>(kFeesKey).value_or(FeeState{});
  const std::uint64_t tip = tip_of(caller.fee, fees.base_fee);
  fees.gas += kGasPerByte * caller.envelope_bytes;
  if (caller.lane == TB_LANE_CONSUMER || caller.lane == TB_LANE_INDUSTRIAL) {
    std::uint64_t& taken =
        caller.lane == TB_LANE_CONSUMER ? fees.consumer_samples : fees.industrial_samples;
    ctx.store(sample_key(caller.lane, taken++), Sample{tip / caller.envelope_bytes});
  }
  ctx.store(kFeesKey, fees);
  return tip == 0 ? tb::ok() : count(ctx, ctx.account(), tip);
}

}  // namespace

tb::Status charge_fee(tb::Ctx& ctx) {
  if (auto s = pay_fee(ctx); !s) return s;
  return take_sample(ctx);
}

tb::Status apply_transfer(tb::Ctx& ctx, const TransferParams& in, tb::Out& out) {
  Payment payment;
  if (auto s = read_payment(ctx, in, payment); !s) return s;
  if (auto s = check_safe_mode(ctx); !s) return s;
  const std::string to = tb::stored_address(in.to).value_or(std::string(in.to));
  if (auto s = check_receiver(ctx, to); !s) return s;
  LevyDue levy;
  if (auto s = levy_due(ctx, payment.total(), &levy); !s) return s;
  const std::uint64_t fee = ctx.caller().fee;
  // Each of the three is below 2^63; only two of them together are sure to fit.
  const std::uint64_t spent = capped_sum(payment.total() + fee, levy.amount);
  if (auto s = spend_session(ctx, spent); !s) return s;
  const std::string_view memo = tb::to_view(ctx.caller().memo);
  if (auto s = move(ctx, {"transfer", ctx.account(), to, payment.total(), memo}); !s) return s;
  note_credit(ctx, to, {std::string(ctx.account()), payment.total(), std::string(kDonation)});
  if (auto s = pay_levy(ctx, levy); !s) return s;
  if (auto s = charge_fee(ctx); !s) return s;
  ctx.record(kTransferRecord,
             {ctx.command_id(), ctx.account(), to, payment.consumer, payment.industrial, fee});
  out.put("from", ctx.account());
  out.put("to", to);
  out.put("amount", payment.total());
  out.put("fee", fee);
  out.put("levy", levy.amount);
  out.put("balance", balance_of(ctx, ctx.account()));
  return tb::ok();
}

namespace {

// The newest samples of a lane, at most `window`.
std::vector<std::uint64_t> read_samples(tb::View& view, std::uint32_t lane, std::uint64_t taken,
                                        std::uint64_t window) {
  std::vector<std::uint64_t> values;
  const std::uint64_t count = std::min({taken, window, kSampleRing});
  values.reserve(count);
  for (std::uint64_t number = taken - count; number < taken; ++number) {
    values.push_back(view.load<Sample>(sample_key(lane, number)).value_or(Sample{}).fee_per_byte);
  }
  return values;
}

void update_floors(tb::Ctx& ctx, FeeState& fees) {
  const std::uint64_t window = ctx.param(kFeeFloorWindow);
  const std::uint64_t percentile = ctx.param(kFeeFloorPercentile);
  auto consumer = read_samples(ctx, TB_LANE_CONSUMER, fees.consumer_samples, window);
  auto industrial = read_samples(ctx, TB_LANE_INDUSTRIAL, fees.industrial_samples, window);
  fees.consumer_floor = fee_floor(consumer, percentile, 0);
  fees.industrial_floor = fee_floor(industrial, percentile, 0);
  ctx.set(kFeeFloorGauge, static_cast<std::int64_t>(fees.consumer_floor), {"consumer"});
  ctx.set(kFeeFloorGauge, static_cast<std::int64_t>(fees.industrial_floor), {"industrial"});
}

}  // namespace

tb::Status end_block(tb::Ctx& ctx) {
  std::optional<FeeState> fees = ctx.load<FeeState>(kFeesKey);
  if (!fees || (fees->gas == 0 && fees->base_fee == kFirstBaseFee)) return tb::ok();
  if (fees->gas > 0) update_floors(ctx, *fees);
  fees->base_fee = next_base_fee(fees->base_fee, fees->gas);
  fees->gas = 0;
  ctx.store(kFeesKey, *fees);
  ctx.set(kBaseFeeGauge, static_cast<std::int64_t>(fees->base_fee));
  return tb::ok();
}

tb::Status params_changed(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  if (changes.find(kFeeFloorWindow) == nullptr && changes.find(kFeeFloorPercentile) == nullptr)
    return tb::ok();
  FeeState fees = ctx.load<FeeState>(kFeesKey).value_or(FeeState{});
  update_floors(ctx, fees);
  ctx.store(kFeesKey, fees);
  ctx.add(kWindowChanged);
  return tb::ok();
}

}  // namespace ledger
