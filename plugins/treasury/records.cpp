#include "plugins/treasury/records.hpp"

#include "plugins/treasury/book.hpp"
#include "plugins/treasury/events.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

using enum gov::State;

std::optional<Tally> tally_if_voting(tb::View& view, const Held& held) {
  if (held.progress.at() != kVoting) return std::nullopt;
  return view.load<Tally>(tally_key(held.id));
}

void tell(tb::Ctx& ctx, const Held& held) {
  ctx.emit(kDisbursementEvent,
           shape_of(held.id, held.record, held.progress, tally_if_voting(ctx, held)));
}

tb::Status note(tb::Ctx& ctx, const Held& held, std::optional<gov::State> from) {
  Provenance entry;
  entry.id = held.id;
  if (from) entry.from_state = std::string(gov::state_name(*from));
  entry.to_state = gov::state_name(held.progress.at());
  entry.amount = held.record.amount;
  entry.destination = held.record.destination;
  const Progress& p = held.progress;
  if (p.at() == kRolledBack) entry.reason = p.reason;
  if (!p.tx_hash.empty()) entry.tx_hash = p.tx_hash;
  std::optional<RecordShape> snapshot;
  if (p.at() == kExecuted) snapshot = shape_of(held.id, held.record, p, std::nullopt);
  return note_provenance(ctx, entry, snapshot);
}

void add_timeline(tb::Ctx& ctx, Held& held, const Cause& cause) {
  TimelineEntry entry;
  entry.state = gov::state_name(held.progress.at());
  entry.epoch = cause.epoch;
  entry.height = ctx.height();
  entry.at = ctx.time_s();
  entry.actor = cause.actor;
  entry.reason = cause.reason;
  entry.tx_hash = cause.tx_hash;
  entry.tx_ref = cause.tx_ref;
  entry.nonce = cause.nonce;
  // States are entered once each, so that the list is short by itself.
  if (held.progress.timeline.size() < kTimelineMax) held.progress.timeline.push_back(entry);
}

// Times and texts that a state brings with it.
void stamp(tb::Ctx& ctx, Held& held, const Cause& cause) {
  Progress& p = held.progress;
  const std::uint64_t now = ctx.time_s();
  p.updated_at = p.entered_at = now;
  switch (p.at()) {
    case kVoting:
      p.voting_height = ctx.height();
      break;
    case kQueued:
      p.queued_at = now;
      break;
    case kTimelocked:
      if (p.scheduled_epoch <= cause.epoch) p.matured_at = now;
      break;
    case kExecuted:
      p.executed_at = now;
      p.tx_hash = cause.tx_hash.value_or("");
      break;
    case kFinalized:
      p.finalized_at = now;
      break;
    case kRolledBack:
      p.rolled_back_at = now;
      p.reason = cause.reason.value_or("");
      break;
    case kDraft:
      break;
  }
}

void change_open(tb::Ctx& ctx, const Held& held, bool more) {
  const tb::Key key = open_key(held.record.proposer);
  Open open = ctx.load<Open>(key).value_or(Open{});
  more ? ++open.count : --open.count;
  open.count == 0 ? ctx.erase(key) : ctx.store(key, open);
}

bool is_open(gov::State state) { return state < kExecuted; }

std::uint64_t oldest_terminal(tb::View& view) {
  std::uint64_t oldest = gov::kNever;
  for (gov::State state : {kFinalized, kRolledBack}) {
    const tb::Key prefix = state_key(state);
    view.scan(prefix, {}, 1, [&](std::string_view key, std::string_view) {
      oldest = std::min(oldest, tb::Key::read_u64(key, prefix.view().size()));
    });
  }
  return oldest;
}

void archive(tb::Ctx& ctx, std::uint64_t id) {
  const std::optional<Held> held = hold_record(ctx, id);
  if (!held) return;
  ctx.store(archived_record_key(id), held->record);
  ctx.store(archived_progress_key(id), held->progress);
  ctx.erase(record_key(id));
  ctx.erase(progress_key(id));
  ctx.erase(tally_key(id));
  ctx.erase(state_key(held->progress.at(), id));
}

void count(tb::Ctx& ctx, const Held& held, std::optional<gov::State> from) {
  Counts counts = load_counts(ctx);
  const gov::State to = held.progress.at();
  if (from) --counts.of(*from);
  ++counts.of(to);
  const std::uint64_t kept = counts.of(kFinalized) + counts.of(kRolledBack) - counts.archived;
  if (gov::is_terminal(to) && kept > kTerminalKept) {
    archive(ctx, oldest_terminal(ctx));
    ++counts.archived;
  }
  ctx.store(kCountsKey, counts);
  ctx.add(kEntered, 1, {gov::state_name(to)});
}

}  // namespace

std::optional<Held> hold_record(tb::View& view, std::uint64_t id) {
  auto record = view.load<Record>(record_key(id));
  auto progress = view.load<Progress>(progress_key(id));
  if (!record || !progress) return std::nullopt;
  return Held{id, std::move(*record), std::move(*progress)};
}

std::optional<gov::State> state_of(tb::View& view, std::uint64_t id) {
  auto progress = view.load<Progress>(progress_key(id));
  if (!progress) progress = view.load<Progress>(archived_progress_key(id));
  return progress ? std::optional(progress->at()) : std::nullopt;
}

std::vector<gov::Dependency> dependencies_of(tb::View& view, const Progress& progress) {
  std::vector<gov::Dependency> found;
  found.reserve(progress.deps.size());
  for (std::uint64_t dep : progress.deps) {
    const auto state = state_of(view, dep);
    found.push_back(state ? gov::dependency_of(*state) : gov::Dependency::kMissing);
  }
  return found;
}

void store_progress(tb::Ctx& ctx, const Held& held) {
  ctx.store(progress_key(held.id), held.progress);
}

void set_due(tb::Ctx& ctx, Held& held, std::uint64_t epoch) {
  Progress& p = held.progress;
  if (p.due == epoch) return;
  if (p.due != gov::kNever) ctx.erase(due_key(p.due, held.id));
  if (epoch != gov::kNever) ctx.put(due_key(epoch, held.id), {});
  p.due = epoch;
}

tb::Status add_record(tb::Ctx& ctx, Held& held) {
  Progress& p = held.progress;
  p.created_at = p.updated_at = p.entered_at = ctx.time_s();
  p.amount = held.record.amount;
  p.scheduled_epoch = held.record.scheduled_epoch;
  ctx.store(record_key(held.id), held.record);
  add_timeline(ctx, held, {held.record.proposer, ctx.epoch(), {}, {}, {}, {}});
  set_due(ctx, held, gov::due_epoch(p.rules(), held.record.windows(), ctx.epoch()));
  store_progress(ctx, held);
  ctx.store(state_key(kDraft, held.id), Entered{p.entered_at});
  change_open(ctx, held, true);
  count(ctx, held, std::nullopt);
  write_row(ctx, "queued", held.id, 0);
  tell(ctx, held);
  return note(ctx, held, std::nullopt);
}

tb::Status enter(tb::Ctx& ctx, Held& held, const gov::Progress& next, const Cause& cause) {
  Progress& p = held.progress;
  const gov::State from = p.at();
  p.state = static_cast<std::uint8_t>(next.state);
  p.vote_deadline_epoch = next.vote_deadline_epoch;
  p.activation_epoch = next.activation_epoch;
  p.ready_epoch = next.ready_epoch;
  p.executed_epoch = next.executed_epoch;
  stamp(ctx, held, cause);
  add_timeline(ctx, held, cause);
  std::uint64_t due = gov::due_epoch(p.rules(), held.record.windows(), cause.epoch);
  // The boundary at which its scheduled epoch comes notes the time.
  if (p.at() == kTimelocked && p.matured_at == 0) due = p.scheduled_epoch;
  set_due(ctx, held, due);
  store_progress(ctx, held);
  ctx.erase(state_key(from, held.id));
  ctx.store(state_key(p.at(), held.id), Entered{p.entered_at});
  if (is_open(from) && !is_open(p.at())) change_open(ctx, held, false);
  tell(ctx, held);
  if (auto s = note(ctx, held, from); !s) return s;
  count(ctx, held, from);  // may archive this record itself
  return tb::ok();
}

Counts load_counts(tb::View& view) { return view.load<Counts>(kCountsKey).value_or(Counts{}); }

void show_gauges(tb::Ctx& ctx) {
  const Counts counts = load_counts(ctx);
  ctx.set(kBalanceGauge, static_cast<std::int64_t>(balance_of(ctx)));
  ctx.set(kBalanceIt, 0);
  ctx.set(kBacklog, static_cast<std::int64_t>(counts.backlog()), {""});
  for (std::size_t i = 0; i < gov::kStates; ++i) {
    const auto state = static_cast<gov::State>(i);
    ctx.set(kBacklog, static_cast<std::int64_t>(counts.of(state)), {gov::state_name(state)});
  }
}

}  // namespace treasury
