#include "plugins/treasury/book.hpp"

#include <limits>

#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/events.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

constexpr std::uint32_t kMaxSources = 64;

Balance load_balance(tb::View& view) { return view.load<Balance>(kBalanceKey).value_or(Balance{}); }

bool is_source(std::string_view source) {
  for (std::string_view known : {"coinbase", "tariff", "energy_fee", "energy_slash", "dns",
                                 "bridge_slash", "bridge_fee", "sla_slash", "donation", "other"}) {
    if (source == known) return true;
  }
  return false;
}

void count_inflow(tb::Ctx& ctx, std::uint64_t amount) {
  Inflow inflow = ctx.load<Inflow>(kInflowKey).value_or(Inflow{ctx.epoch(), 0, 0, 0});
  if (inflow.epoch != ctx.epoch()) inflow = {ctx.epoch(), 0, inflow.epoch, inflow.amount};
  inflow.amount += amount;  // cannot wrap: all of it is part of what was issued
  ctx.store(kInflowKey, inflow);
}

// The balance follows; the row comes later.
void gather(tb::Ctx& ctx, std::string_view source, std::uint64_t amount) {
  Balance balance = load_balance(ctx);
  balance.amount += amount;  // cannot wrap: it is what the ledger holds
  ctx.store(kBalanceKey, balance);
  const tb::Key key = accrual_key(source);
  Accrual row = ctx.load<Accrual>(key).value_or(Accrual{0, ctx.height(), ctx.time_s()});
  row.amount += amount;
  ctx.store(key, row);
  count_inflow(ctx, amount);
  ctx.add(kAccrued, static_cast<std::int64_t>(amount), {source});
}

void append(tb::Ctx& ctx, BalanceRow row) {
  Balance balance = load_balance(ctx);
  row.id = ++balance.rows;
  ctx.store(kBalanceKey, balance);
  ctx.store(kNewestRowKey, row);
  ctx.emit(kBalanceEvent, row);
}

}  // namespace

std::uint64_t balance_of(tb::View& view) { return load_balance(view).amount; }

tb::Status accrue(tb::Ctx& ctx, std::string_view source, std::string_view from,
                  std::uint64_t amount) {
  if (!is_source(source)) {
    return ctx.fail(error("invalid_params"),
                    tb::cat("'", source, "' is no source of accruals; use other"));
  }
  if (amount == 0) return tb::ok();
  if (!from.empty()) {
    if (auto s = move_in(ctx, from, amount, source); !s) return s;
  } else {
    const auto held = ledger_balance(ctx, kAccount);
    const std::uint64_t known = balance_of(ctx);
    if (!held || *held < known || *held - known < amount)
      return ctx.fail(error("insufficient_funds"),
                      "an accrual without an account names money that has not arrived");
  }
  gather(ctx, source, amount);
  return tb::ok();
}

void reconcile(tb::Ctx& ctx) {
  for (const PaidIn& paid : take_credits(ctx)) {
    if (paid.amount != 0) gather(ctx, is_source(paid.source) ? paid.source : "other", paid.amount);
  }
  const auto held = ledger_balance(ctx, kAccount);
  const std::uint64_t known = balance_of(ctx);
  if (held && *held > known) gather(ctx, "other", *held - known);
  if (held && *held < known) {
    ctx.log(TB_LOG_ERROR, tb::cat("treasury: the book says ", known, " and the ledger holds ",
                                  *held, "; run settlement audit"));
  }
}

void flush_accruals(tb::Ctx& ctx) {
  std::vector<std::pair<std::string, Accrual>> rows;
  ctx.scan(kAccruals, {}, kMaxSources, [&](std::string_view key, std::string_view value) {
    rows.emplace_back(key.substr(kAccruals.size()), tb::row_as<Accrual>(value));
  });
  if (rows.empty()) return;
  std::uint64_t before = balance_of(ctx);
  for (const auto& [source, accrual] : rows) before -= accrual.amount;
  for (const auto& [source, accrual] : rows) {
    before += accrual.amount;
    BalanceRow row;
    row.balance = before;
    row.delta = static_cast<std::int64_t>(accrual.amount);
    row.recorded_at = accrual.time;
    row.height = accrual.height;
    row.event = "accrual";
    row.source = source;
    append(ctx, row);
    ctx.erase(accrual_key(source));
  }
}

void write_row(tb::Ctx& ctx, std::string_view event, std::uint64_t id, std::int64_t delta) {
  flush_accruals(ctx);
  Balance balance = load_balance(ctx);
  // Two's complement: a negative delta takes away what check_execution() has found to be there.
  balance.amount += static_cast<std::uint64_t>(delta);
  balance.pending -= static_cast<std::uint64_t>(delta);
  ctx.store(kBalanceKey, balance);
  BalanceRow row;
  row.balance = balance.amount;
  row.delta = delta;
  row.recorded_at = ctx.time_s();
  row.height = ctx.height();
  row.event = event;
  row.disbursement_id = id;
  append(ctx, row);
}

void open_book(tb::Ctx& ctx, std::uint64_t amount) {
  ctx.store(kBalanceKey, Balance{amount, 0, 0});
  if (amount != 0) ctx.store(accrual_key("genesis"), Accrual{amount, 0, ctx.time_s()});
}

std::uint64_t inflow_of(tb::View& view, std::uint64_t epoch) {
  const Inflow inflow = view.load<Inflow>(kInflowKey).value_or(Inflow{});
  if (inflow.epoch == epoch) return inflow.amount;
  return inflow.closed_epoch == epoch ? inflow.closed_amount : 0;
}

}  // namespace treasury
