// The transition function at work: at the boundary of an epoch for every record that is due, and
// for one record where an operator asks (5.11, 6.3, 7.2 step 5c).
#include "plugins/treasury/book.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

constexpr std::uint32_t kMaxMovesPerHook = 1000;  // below the limits of a step: events, calls
// Rows that one move may touch with room to spare: the record's own, indexes, counts, balance,
// provenance, the ledger, and what goes to the archive.
constexpr std::uint64_t kRowsPerMove = 64;

gov::HouseTally house(const House& h) { return {h.total, h.yes, h.no, h.abstain}; }

gov::Verdict verdict_of(tb::Ctx& ctx, const Held& held) {
  if (held.progress.at() != gov::State::kVoting) return gov::Verdict::kPassed;
  const Tally tally = ctx.load<Tally>(tally_key(held.id)).value_or(Tally{});
  const Quorum& q = held.record.quorum;
  return gov::decide(house(tally.operators), house(tally.builders),
                     {q.operators_ppm, q.builders_ppm});
}

// What goes with a transition beside the record itself.
tb::Status side_effects(tb::Ctx& ctx, const Held& held, const gov::Step& step) {
  switch (step.next.state) {
    case gov::State::kVoting: {
      Totals totals;
      if (auto s = house_totals(ctx, &totals); !s) return s;
      Tally tally;
      tally.operators.total = totals.operators;
      tally.builders.total = totals.builders;
      ctx.store(tally_key(held.id), tally);
      return tb::ok();
    }
    case gov::State::kRolledBack:
      write_row(ctx, "cancelled", held.id, 0);
      return tb::ok();
    case gov::State::kFinalized: {
      if (auto s = pay_out(ctx, held.id, held.record.amount, held.record.destination); !s) return s;
      ctx.erase(escrow_key(held.id));
      Balance balance = ctx.load<Balance>(kBalanceKey).value_or(Balance{});
      balance.pending -= held.record.amount;
      ctx.store(kBalanceKey, balance);
      return tb::ok();
    }
    default:
      return tb::ok();
  }
}

struct Due {
  std::uint64_t epoch = 0, id = 0;
};

std::vector<Due> find_due(tb::Ctx& ctx, std::uint64_t epoch) {
  std::vector<Due> found;
  ctx.scan(kDue, {}, kMaxMovesPerHook, [&](std::string_view key, std::string_view) {
    const std::uint64_t at = tb::Key::read_u64(key, kDue.size());
    if (at > epoch) return false;
    found.push_back({at, tb::Key::read_u64(key, kDue.size() + 9)});
    return true;
  });
  return found;
}

tb::Status work_one(tb::Ctx& ctx, const Due& due) {
  std::optional<Held> held = hold_record(ctx, due.id);
  if (!held || held->progress.due != due.epoch) {
    ctx.erase(due_key(due.epoch, due.id));
    return tb::ok();
  }
  if (held->progress.at() == gov::State::kTimelocked) {
    held->progress.matured_at = ctx.time_s();
    set_due(ctx, *held, gov::kNever);
    store_progress(ctx, *held);
    return tb::ok();
  }
  Advanced advanced;
  return advance_record(ctx, *held, due.epoch, "boundary", &advanced);
}

// A record that cannot move on, such as a payment that the ledger refuses, is tried again at the
// next boundary and holds up nobody.
void postpone(tb::Ctx& ctx, const Due& due) {
  std::optional<Held> held = hold_record(ctx, due.id);
  if (!held) return;
  ctx.log(TB_LOG_ERROR,
          tb::cat("treasury DisbursementError error=ledger_unavailable disbursement_id=", due.id,
                  " state=", gov::state_name(held->progress.at()), ": tried again in epoch ",
                  due.epoch + 1));
  set_due(ctx, *held, due.epoch + 1);
  store_progress(ctx, *held);
}

struct QueueParams {
  std::uint64_t id = 0;
  std::optional<std::uint64_t> current_epoch;
};
BOOST_DESCRIBE_STRUCT(QueueParams, (), (id, current_epoch))

tb::Status queue(tb::Ctx& ctx, const QueueParams& in, tb::Out& out) {
  if (auto s = need_operator(ctx); !s) return s;
  if (in.current_epoch.value_or(0) > ctx.epoch()) {
    return refuse(ctx, "epoch_mismatch",
                  tb::cat("the chain is in epoch ", ctx.epoch(), "; leave the epoch out"));
  }
  std::optional<Held> held = hold_record(ctx, in.id);
  if (!held && !state_of(ctx, in.id)) return unknown(ctx, in.id);
  Advanced advanced;
  if (held) {
    const tb::Status moved = advance_record(ctx, *held, ctx.epoch(), ctx.account(), &advanced);
    if (!moved) return moved;
  }
  if (!advanced.error.empty()) {
    const Progress& p = held->progress;
    const bool voting = advanced.error == "vote_window_open";
    return refuse(ctx, advanced.error,
                  tb::cat("disbursement ", in.id, " waits for epoch ",
                          voting ? p.vote_deadline_epoch : p.activation_epoch,
                          "; its boundary does this by itself"));
  }
  const RecordShape shape = *find_record(ctx, in.id);
  out.put("ok", true);
  out.put("message", tb::cat("disbursement ", in.id, advanced.changed ? " advanced to " : " stays ",
                             shape.status.state));
  out.put("status", shape.status);
  return tb::ok();
}

}  // namespace

tb::Status advance_record(tb::Ctx& ctx, Held& held, std::uint64_t epoch, std::string_view actor,
                          Advanced* out) {
  const gov::Step step =
      gov::advance(held.progress.rules(), held.record.windows(), verdict_of(ctx, held), epoch);
  *out = {step.error, step.changed};
  if (!step.changed) return tb::ok();
  if (auto s = side_effects(ctx, held, step); !s) return s;
  Cause cause{std::string(actor), epoch, {}, {}, {}, {}};
  if (!step.reason.empty()) cause.reason = std::string(step.reason);
  return enter(ctx, held, step.next, cause);
}

void work_due(tb::Ctx& ctx, std::uint64_t epoch) {
  for (const Due& due : find_due(ctx, epoch)) {
    if (ctx.aborted() || ctx.rows_left() < kRowsPerMove) return;
    if (!ctx.attempt([&] { return work_one(ctx, due); })) postpone(ctx, due);
  }
}

tb::Status check_timestamp(tb::Ctx& ctx, const std::optional<std::uint64_t>& timestamp) {
  constexpr std::uint64_t kMaxAgeSecs = 600;
  if (!timestamp || *timestamp + kMaxAgeSecs >= ctx.time_s() ||
      *timestamp + kMaxAgeSecs < *timestamp)
    return tb::ok();
  return refuse(ctx, "operation_expired",
                tb::cat("the command was made at ", *timestamp, ", more than ", kMaxAgeSecs,
                        " s before this block; send it again"));
}

void describe_queue(tb::Plugin& p) {
  p.command("gov.treasury.queue_disbursement", &queue)
      .role("operator")
      .summary("Move a disbursement on by one state, where its time has come")
      .error(error("unknown_disbursement"))
      .error(error("epoch_mismatch"), "current_epoch is ahead of the chain")
      .error(error("vote_window_open"))
      .error(error("timelock_active"))
      .error(error("not_authorized"))
      .field("id")
      .help("disbursement")
      .field("current_epoch")
      .help("at most the chain's epoch; 0 or absent is the chain's")
      .cli("gov disburse queue")
      .positional("id")
      .flag("id", "--id")
      .flag("current_epoch", "--epoch")
      .say("{message}")
      .alias("gov treasury queue-remote")
      .example("contract-cli gov disburse queue --id 12", "opens the vote on a draft at once");
}

}  // namespace treasury
