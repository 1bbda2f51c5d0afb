// What the treasury stores, and what holds between its rows (governance and treasury 3.2, 3.3).
//
//   bal               Balance: equals the ledger's account `treasury`
//   bhist             BalanceRow: the newest; the list of them is made of events by the face
//   acc/<source>      Accrual: what came in since the newest row, by source
//   inflow            Inflow: sums of the open epoch and of the one before
//   disb/<id>         Record: what was proposed, never changed; arch/<id> when archived
//   prog/<id>         Progress: where it stands; aprog/<id> when archived
//   tally/<id>        Tally: ballots since voting opened      ballot/<id>/<voter>  Ballot
//   idx/<state>/<id>  Entered: every record that is not archived, by state
//   due/<epoch>/<id>  what the boundary of that epoch has to do; also what is left of older ones
//   want/<dep>/<id>   a hint to an id that did not exist when <id> was submitted
//   esc/<id>          Escrowed: executed and not final
//   spent/<epoch>/<destination>  Spent: executed to it in that epoch and not taken back; the row
//                     without a destination is the sum. Rows of the open epoch
//   open/<proposer>   Open: records of a proposer that are not executed nor rolled back
//   counts            Counts            lease  Lease
//
// Invariants, after every block: bal = ledger(treasury) = newest row + sum of acc; sum of esc =
// ledger(treasury/pending); every esc belongs to an executed record; rows chain; no cycle of
// dependencies; at most one `executed` row per id. Numbers in keys are 8 bytes, big-endian.
#pragma once

#include <string>
#include <vector>

#include "plugins/gov-core/disbursement.hpp"
#include "plugins/gov-core/payload.hpp"
#include "tb/sdk.hpp"

namespace treasury {

inline constexpr std::string_view kAccount = "treasury";
inline constexpr std::string_view kPendingAccount = "treasury/pending";
inline constexpr std::size_t kTerminalKept = 1024;  // newest terminal records in the live namespace
inline constexpr std::size_t kTimelineMax = 16;

struct Balance {
  std::uint64_t amount = 0;
  std::uint64_t pending = 0;  // sum of esc
  std::uint64_t rows = 0;     // id of the newest balance row
};
BOOST_DESCRIBE_STRUCT(Balance, (), (amount, pending, rows))

struct BalanceRow {
  std::uint64_t id = 0, balance = 0;
  std::int64_t delta = 0;
  std::uint64_t recorded_at = 0, height = 0;
  std::string event;  // accrual, queued, executed, cancelled
  std::optional<std::uint64_t> disbursement_id;
  std::optional<std::string> source;
};
BOOST_DESCRIBE_STRUCT(BalanceRow, (),
                      (id, balance, delta, recorded_at, height, event, disbursement_id, source))

struct Accrual {
  std::uint64_t amount = 0, height = 0, time = 0;
};
BOOST_DESCRIBE_STRUCT(Accrual, (), (amount, height, time))

struct Inflow {
  std::uint64_t epoch = 0, amount = 0, closed_epoch = 0, closed_amount = 0;
};
BOOST_DESCRIBE_STRUCT(Inflow, (), (epoch, amount, closed_epoch, closed_amount))

struct Attachment {
  std::string name, uri;
};
BOOST_DESCRIBE_STRUCT(Attachment, (), (name, uri))

struct Receipt {
  std::string account;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Receipt, (), (account, amount))

struct Quorum {
  std::uint32_t operators_ppm = 0, builders_ppm = 0;
};
BOOST_DESCRIBE_STRUCT(Quorum, (), (operators_ppm, builders_ppm))

struct Record {
  std::string proposer, destination;
  std::uint64_t amount = 0;
  std::string memo;
  std::uint64_t scheduled_epoch = 0;
  std::string title, summary;
  std::vector<std::uint64_t> explicit_deps;
  std::vector<Attachment> attachments;
  Quorum quorum;
  std::uint64_t vote_window_epochs = 0, timelock_epochs = 0, rollback_window_epochs = 0;
  std::vector<Receipt> expected_receipts;

  gov::Windows windows() const {
    return {vote_window_epochs, timelock_epochs, rollback_window_epochs};
  }
};
BOOST_DESCRIBE_STRUCT(Record, (),
                      (proposer, destination, amount, memo, scheduled_epoch, title, summary,
                       explicit_deps, attachments, quorum, vote_window_epochs, timelock_epochs,
                       rollback_window_epochs, expected_receipts))

struct TimelineEntry {
  std::string state;
  std::uint64_t epoch = 0, height = 0, at = 0;
  std::string actor;
  std::optional<std::string> reason, tx_hash, tx_ref;
  std::optional<std::uint64_t> nonce;
};
BOOST_DESCRIBE_STRUCT(TimelineEntry, (),
                      (state, epoch, height, at, actor, reason, tx_hash, tx_ref, nonce))

// Times are seconds; 0 where a state was never reached.
struct Progress {
  std::uint8_t state = 0;  // gov::State
  std::uint64_t created_at = 0, updated_at = 0, entered_at = 0;
  std::uint64_t amount = 0, scheduled_epoch = 0;  // as in the record
  std::vector<std::uint64_t> deps;                // canonical
  std::uint64_t due = gov::kNever;                // its row in due/
  std::uint64_t vote_deadline_epoch = 0, activation_epoch = 0, ready_epoch = 0;
  std::uint64_t executed_epoch = 0;
  std::uint64_t voting_height = 0, queued_at = 0, matured_at = 0, executed_at = 0;
  std::uint64_t finalized_at = 0, rolled_back_at = 0;
  std::string tx_hash, reason;
  std::vector<Receipt> receipts;
  std::vector<TimelineEntry> timeline;

  gov::State at() const { return static_cast<gov::State>(state); }
  gov::Progress rules() const {
    return {at(), vote_deadline_epoch, activation_epoch, ready_epoch, executed_epoch};
  }
};
BOOST_DESCRIBE_STRUCT(Progress, (),
                      (state, created_at, updated_at, entered_at, amount, scheduled_epoch, deps,
                       due, vote_deadline_epoch, activation_epoch, ready_epoch, executed_epoch,
                       voting_height, queued_at, matured_at, executed_at, finalized_at,
                       rolled_back_at, tx_hash, reason, receipts, timeline))

struct House {
  std::uint64_t total = 0, yes = 0, no = 0, abstain = 0;
};
BOOST_DESCRIBE_STRUCT(House, (), (total, yes, no, abstain))

struct Tally {
  House operators, builders;
};
BOOST_DESCRIBE_STRUCT(Tally, (), (operators, builders))

struct Ballot {
  std::string choice;
  std::uint64_t operators = 0, builders = 0;  // weights
  std::uint64_t epoch = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(Ballot, (), (choice, operators, builders, epoch, height))

struct Entered {
  std::uint64_t at = 0;  // seconds
};
BOOST_DESCRIBE_STRUCT(Entered, (), (at))

struct Escrowed {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Escrowed, (), (amount))

struct Spent {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Spent, (), (amount))

struct Open {
  std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Open, (), (count))

struct Counts {
  std::uint64_t newest_id = 0;
  std::vector<std::uint64_t> by_state = std::vector<std::uint64_t>(gov::kStates);  // ever, now
  std::uint64_t archived = 0;

  std::uint64_t& of(gov::State state) { return by_state.at(static_cast<std::size_t>(state)); }
  std::uint64_t of(gov::State state) const { return by_state.at(static_cast<std::size_t>(state)); }
  // Draft, voting, queued and timelocked.
  std::uint64_t backlog() const {
    using enum gov::State;
    return of(kDraft) + of(kVoting) + of(kQueued) + of(kTimelocked);
  }
};
BOOST_DESCRIBE_STRUCT(Counts, (), (newest_id, by_state, archived))

struct Lease {
  std::string holder, account;
  std::uint64_t expires_at = 0, renewed_at = 0, last_nonce = 0;
  bool released = false;

  bool held_at(std::uint64_t now) const { return !released && !holder.empty() && expires_at > now; }
};
BOOST_DESCRIBE_STRUCT(Lease, (), (holder, account, expires_at, renewed_at, last_nonce, released))

inline constexpr std::string_view kBalanceKey = "bal", kNewestRowKey = "bhist",
                                  kCountsKey = "counts", kLeaseKey = "lease", kInflowKey = "inflow",
                                  kAccruals = "acc/", kRecords = "disb/", kProgress = "prog/",
                                  kArchivedRecords = "arch/", kArchivedProgress = "aprog/",
                                  kDue = "due/", kEscrowed = "esc/", kSpent = "spent/";

inline tb::Key accrual_key(std::string_view source) { return tb::Key(kAccruals).raw(source); }
inline tb::Key record_key(std::uint64_t id) { return tb::Key(kRecords).u64(id); }
inline tb::Key progress_key(std::uint64_t id) { return tb::Key(kProgress).u64(id); }
inline tb::Key archived_record_key(std::uint64_t id) { return tb::Key(kArchivedRecords).u64(id); }
inline tb::Key archived_progress_key(std::uint64_t id) {
  return tb::Key(kArchivedProgress).u64(id);
}
inline tb::Key tally_key(std::uint64_t id) { return tb::Key("tally/").u64(id); }
inline tb::Key ballots_key(std::uint64_t id) { return tb::Key("ballot/").u64(id).raw("/"); }
inline tb::Key ballot_key(std::uint64_t id, std::string_view voter) {
  return ballots_key(id).raw(voter);
}
inline tb::Key state_key(gov::State state) {
  return tb::Key("idx/").raw(gov::state_name(state)).raw("/");
}
inline tb::Key state_key(gov::State state, std::uint64_t id) { return state_key(state).u64(id); }
inline tb::Key due_key(std::uint64_t epoch, std::uint64_t id) {
  return tb::Key(kDue).u64(epoch).raw("/").u64(id);
}
inline tb::Key wants_key(std::uint64_t dep) { return tb::Key("want/").u64(dep).raw("/"); }
inline tb::Key want_key(std::uint64_t dep, std::uint64_t id) { return wants_key(dep).u64(id); }
inline tb::Key escrow_key(std::uint64_t id) { return tb::Key(kEscrowed).u64(id); }
inline tb::Key spent_key(std::uint64_t epoch, std::string_view destination = {}) {
  return tb::Key(kSpent).u64(epoch).raw("/").raw(destination);
}
inline tb::Key open_key(std::string_view proposer) { return tb::Key("open/").raw(proposer); }

}  // namespace treasury
