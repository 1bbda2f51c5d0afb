#include "plugins/treasury/hooks.hpp"

#include "plugins/treasury/book.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/records.hpp"
#include "plugins/treasury/services.hpp"
#include "plugins/treasury/spent.hpp"

namespace treasury {
namespace {

// A plugin that joins a running chain finds its account as it is; reconcile() takes that in.
void open_if_new(tb::Ctx& ctx) {
  if (!ctx.has(kBalanceKey)) open_book(ctx, 0);
  if (ctx.has(kCountsKey)) return;
  ctx.store(kCountsKey, Counts{});
  watch_account(ctx);
}

// Each record in one of these states is due at a boundary; the counts tell it at once, where a scan
// of a block's own changes has to sort them first.
bool has_due(const Counts& counts) {
  using enum gov::State;
  return counts.of(kDraft) + counts.of(kVoting) + counts.of(kQueued) + counts.of(kExecuted) != 0;
}

bool something_waits(tb::Ctx& ctx) {
  if (has_due(load_counts(ctx))) return true;
  bool waits = false;
  ctx.scan(kDue, {}, 1, [&](std::string_view, std::string_view) { waits = true; });
  if (waits) return true;
  const Lease lease = ctx.load<Lease>(kLeaseKey).value_or(Lease{});
  return lease.held_at(ctx.time_s());
}

struct AccrueArgs {
  std::string_view source, from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccrueArgs, (), (source, from, amount))

tb::Status serve_accrue(tb::Ctx& ctx, std::string_view, const AccrueArgs& in, tb::Out&) {
  return accrue(ctx, in.source, in.from, in.amount);
}

tb::Status serve_balance(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  out.put("amount", balance_of(view));
  return tb::ok();
}

struct EpochArgs {
  std::uint64_t epoch = 0;
};
BOOST_DESCRIBE_STRUCT(EpochArgs, (), (epoch))

tb::Status serve_inflow(tb::View& view, std::string_view, const EpochArgs& in, tb::Out& out) {
  out.put("amount", inflow_of(view, in.epoch));
  return tb::ok();
}

}  // namespace

tb::Status genesis(tb::Ctx& ctx, std::span<const tb::Allocation> accounts) {
  std::uint64_t amount = 0;
  for (const tb::Allocation& allocation : accounts) {
    if (allocation.account == kAccount) amount += allocation.amount;
  }
  open_book(ctx, amount);
  return tb::ok();
}

tb::Status begin_block(tb::Ctx& ctx) {
  open_if_new(ctx);
  reconcile(ctx);
  flush_accruals(ctx);
  prune_spent(ctx, ctx.epoch());
  work_due(ctx, ctx.epoch());
  return tb::ok();
}

tb::Status end_block(tb::Ctx& ctx) {
  reconcile(ctx);
  show_gauges(ctx);
  if (something_waits(ctx)) ctx.pending_work();
  return tb::ok();
}

tb::Status end_epoch(tb::Ctx& ctx) {
  work_due(ctx, ctx.epoch() + 1);
  show_gauges(ctx);
  return tb::ok();
}

void describe_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("treasury/1");
  service.function("accrue", &serve_accrue)
      .help(
          "Moves money of an account into the treasury; without `from`, books what the caller "
          "has moved there itself")
      .error(error("invalid_params"), "unknown source")
      .error(error("insufficient_funds"), "also the errors of ledger/1 transfer");
  service.function("balance", &serve_balance).help("Balance of the treasury");
  service.function("inflow", &serve_inflow)
      .help("Sum of what came in during an epoch: the open one or the one before");
}

}  // namespace treasury
