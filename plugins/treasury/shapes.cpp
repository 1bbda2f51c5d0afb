#include "plugins/treasury/shapes.hpp"

namespace treasury {
namespace {

void put_execution(const Record& record, const Progress& p, StatusShape& out) {
  out.tx_hash = p.tx_hash;
  out.executed_at = p.executed_at;
  if (p.at() != gov::State::kExecuted) return;
  out.executed_epoch = p.executed_epoch;
  out.rollback_until_epoch = p.executed_epoch + record.rollback_window_epochs;
}

}  // namespace

StatusShape status_of(const Record& record, const Progress& p, const std::optional<Tally>& tally) {
  StatusShape out;
  out.state = gov::state_name(p.at());
  switch (p.at()) {
    case gov::State::kDraft:
      out.created_at = p.created_at;
      break;
    case gov::State::kVoting:
      out.vote_deadline_epoch = p.vote_deadline_epoch;
      out.votes = tally;
      break;
    case gov::State::kQueued:
      out.queued_at = p.queued_at;
      out.activation_epoch = p.activation_epoch;
      break;
    case gov::State::kTimelocked:
      out.ready_epoch = p.ready_epoch;
      break;
    case gov::State::kExecuted:
      put_execution(record, p, out);
      break;
    case gov::State::kFinalized:
      put_execution(record, p, out);
      out.finalized_at = p.finalized_at;
      break;
    case gov::State::kRolledBack:
      out.reason = p.reason;
      out.rolled_back_at = p.rolled_back_at;
      if (!p.tx_hash.empty()) out.prior_tx = p.tx_hash;
      break;
  }
  return out;
}

RecordShape shape_of(std::uint64_t id, const Record& record, const Progress& progress,
                     const std::optional<Tally>& tally) {
  RecordShape out;
  out.id = id;
  out.proposer = record.proposer;
  out.destination = record.destination;
  out.amount = out.amount_ct = record.amount;
  out.memo = record.memo;
  out.scheduled_epoch = record.scheduled_epoch;
  out.created_at = progress.created_at;
  out.updated_at = progress.updated_at;
  out.status = status_of(record, progress, tally);
  out.status_label = gov::state_label(progress.at());
  out.proposal = {record.title,           record.summary,
                  record.explicit_deps,   record.attachments,
                  record.quorum,          record.vote_window_epochs,
                  record.timelock_epochs, record.rollback_window_epochs};
  out.deps = progress.deps;
  out.expected_receipts = record.expected_receipts;
  out.receipts = progress.receipts;
  out.timeline = progress.timeline;
  return out;
}

std::optional<RecordShape> find_record(tb::View& view, std::uint64_t id) {
  auto record = view.load<Record>(record_key(id));
  auto progress = view.load<Progress>(progress_key(id));
  if (!record) record = view.load<Record>(archived_record_key(id));
  if (!progress) progress = view.load<Progress>(archived_progress_key(id));
  if (!record || !progress) return std::nullopt;
  return shape_of(id, *record, *progress, view.load<Tally>(tally_key(id)));
}

}  // namespace treasury
