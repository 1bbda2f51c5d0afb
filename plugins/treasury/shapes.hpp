// How a disbursement looks to clients: the record of queries, of the event `treasury.disbursement`
// and of the provenance log (governance and treasury 3.2, 5.14). Absent members are left out.
#pragma once

#include "plugins/treasury/state.hpp"

namespace treasury {

struct StatusShape {
  std::string state;
  std::optional<std::uint64_t> created_at, vote_deadline_epoch;
  std::optional<Tally> votes;
  std::optional<std::uint64_t> queued_at, activation_epoch, ready_epoch;
  std::optional<std::string> tx_hash;
  std::optional<std::uint64_t> executed_at, executed_epoch, rollback_until_epoch, finalized_at;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> rolled_back_at;
  std::optional<std::string> prior_tx;
};
BOOST_DESCRIBE_STRUCT(StatusShape, (),
                      (state, created_at, vote_deadline_epoch, votes, queued_at, activation_epoch,
                       ready_epoch, tx_hash, executed_at, executed_epoch, rollback_until_epoch,
                       finalized_at, reason, rolled_back_at, prior_tx))

struct ProposalShape {
  std::string title, summary;
  std::vector<std::uint64_t> deps;
  std::vector<Attachment> attachments;
  Quorum quorum;
  std::uint64_t vote_window_epochs = 0, timelock_epochs = 0, rollback_window_epochs = 0;
};
BOOST_DESCRIBE_STRUCT(ProposalShape, (),
                      (title, summary, deps, attachments, quorum, vote_window_epochs,
                       timelock_epochs, rollback_window_epochs))

struct RecordShape {
  std::uint64_t id = 0;
  std::string proposer, destination;
  std::uint64_t amount = 0, amount_ct = 0;
  std::string memo;
  std::uint64_t scheduled_epoch = 0, created_at = 0, updated_at = 0;
  StatusShape status;
  std::string status_label;
  ProposalShape proposal;
  std::vector<std::uint64_t> deps;
  std::vector<Receipt> expected_receipts, receipts;
  std::vector<TimelineEntry> timeline;
};
BOOST_DESCRIBE_STRUCT(RecordShape, (),
                      (id, proposer, destination, amount, amount_ct, memo, scheduled_epoch,
                       created_at, updated_at, status, status_label, proposal, deps,
                       expected_receipts, receipts, timeline))

// `tally` while voting is open.
StatusShape status_of(const Record& record, const Progress& progress,
                      const std::optional<Tally>& tally);
RecordShape shape_of(std::uint64_t id, const Record& record, const Progress& progress,
                     const std::optional<Tally>& tally);
// The record `id`, from the archive too.
std::optional<RecordShape> find_record(tb::View& view, std::uint64_t id);

}  // namespace treasury
