// What governance stores.
//
//   counters                                Counters
//   prop/<id>                               Proposal
//   payload/<id>                            what it asks for: one struct a kind, below
//   due/<deadline>/<id>                     open proposals by the boundary that decides them
//   queue/<epoch>/<id>                      passed ones by the epoch that brings them into force
//   window/<height>/<id>                    activated ones that may still be rolled back
//   fresh/<id>                              activated in this block; begin compares and erases them
//   open/<proposer>                         number of the proposer's open proposals
//   same/<hash>, same-of/<id>               the open proposal that asks for just this, and back
//   box/<kind>/<id>                         Box: the ballot box of a proposal or disbursement
//   ballot/<kind>/<id>/<voter>              Ballot
//   since/<key>                             Since: the newest change of a parameter
//   member/<house>/<account>/<since>        Member; the newest row counts
//   total/<house>/<since>                   Total: sum of the weights from then on
//   role/<account>                          RoleRow
//   keyset/<name>/<key>                     KeyRow; the key in 32 bytes
//   release/<hash>, install/<hash>/<account>
//   switch-at/<epoch>/<hash>                approved releases that switch the roster at that epoch
//   switching/<epoch>/<hash>                handed to the kernel for the first block of that epoch
//   script/<name>, source/<name>            Script, and its text as it is
//   scripts/active                          ActiveScripts: all that run, in the order in which they
//   do sstate/<name>/<k>                       'i' and 8 bytes, or 's' and a text: a script's own
//   store undo/<id>                               Undo: what a script proposal replaced
//   appr/<topic>/<key>                      Approval
//   esc/<id>                                SettlementChange, while it may be rolled back
//   provenance                              ProvenanceTip
//
// Values of parameters lie with the kernel (service chain/1). Numbers in keys are 8 bytes
// big-endian. Invariants: a proposal is open exactly while it has a `due` row, passed exactly while
// it has a `queue` row; counters.open is the number of `due` rows.
#pragma once

#include <tb/sdk.hpp>

#include "plugins/gov-core/proposal.hpp"
#include "plugins/gov-core/tally.hpp"

namespace governance {

using gov::ProposalKind;
using gov::ProposalStatus;

inline constexpr std::uint64_t kMaxOpen = 256, kMaxOpenPerProposer = 32;
inline constexpr std::size_t kMaxDependencies = 100;
inline constexpr std::size_t kMaxReason = 1024;
inline constexpr std::uint64_t kListedProposals = 4096;  // older ones are shown by id only
inline constexpr std::size_t kMaxScripts = 64;
inline constexpr std::uint32_t kFailuresToSuspend = 10;
inline constexpr std::size_t kMaxOwnKeys = 64, kMaxOwnKeyBytes = 128, kMaxOwnValueBytes = 1024;
inline constexpr std::size_t kMaxScriptParams = 16;
inline constexpr std::uint64_t kMaxHouseTotal = std::uint64_t{1} << 63;

struct Counters {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t next_id = 1, open = 0, pending = 0, history_seq = 0;
};
BOOST_DESCRIBE_STRUCT(Counters, (), (next_id, open, pending, history_seq))

// One parameter that a proposal changed.
struct Change {
  std::string key;
  std::uint64_t old_value = 0, new_value = 0, voted_value = 0;
};
BOOST_DESCRIBE_STRUCT(Change, (), (key, old_value, new_value, voted_value))

struct Proposal {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t id = 0;
  std::uint8_t kind = 0, status = 0;  // ProposalKind, ProposalStatus
  std::string subject;                // key, script, account, topic and key, hash, set
  std::string proposer, reason;
  std::uint64_t created_epoch = 0, created_height = 0, created_at = 0, vote_deadline_epoch = 0;
  std::uint64_t quorum_operators_ppm = 0, quorum_builders_ppm = 0;
  std::vector<std::uint64_t> deps;
  std::uint32_t timelock_epochs = 0, rollback_window_epochs = 1;
  std::optional<std::uint64_t> tallied_at, activation_epoch, activated_epoch, activated_height,
      rolled_back_epoch;
  std::vector<Change> changes;
  std::string failure;

  ProposalKind kind_of() const { return static_cast<ProposalKind>(kind); }
  ProposalStatus status_of() const { return static_cast<ProposalStatus>(status); }
};
BOOST_DESCRIBE_STRUCT(Proposal, (),
                      (id, kind, status, subject, proposer, reason, created_epoch, created_height,
                       created_at, vote_deadline_epoch, quorum_operators_ppm, quorum_builders_ppm,
                       deps, timelock_epochs, rollback_window_epochs, tallied_at, activation_epoch,
                       activated_epoch, activated_height, rolled_back_epoch, changes, failure))

struct ParamPayload {
  static constexpr std::uint8_t kLayout = 1;
  std::string key;
  std::uint64_t new_value = 0;
};
BOOST_DESCRIBE_STRUCT(ParamPayload, (), (key, new_value))

struct SettlementPayload {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t mode = 0, activation_epoch = 0, rollback_window_epochs = 1;
  std::string memo;
  std::uint64_t quorum_threshold_ppm = 0, expiry_blocks = 0;
};
BOOST_DESCRIBE_STRUCT(SettlementPayload, (),
                      (mode, activation_epoch, rollback_window_epochs, memo, quorum_threshold_ppm,
                       expiry_blocks))

// What the header of a script says.
struct ScriptHeader {
  std::string name, version;
  std::vector<std::string> on, keys, owns, methods;
  std::int64_t priority = 0;
};
BOOST_DESCRIBE_STRUCT(ScriptHeader, (), (name, version, on, keys, owns, methods, priority))

struct ScriptPayload {
  static constexpr std::uint8_t kLayout = 1;
  ScriptHeader header;
  tb::Hash hash;
  std::string source;
};
BOOST_DESCRIBE_STRUCT(ScriptPayload, (), (header, hash, source))

struct DisablePayload {
  static constexpr std::uint8_t kLayout = 1;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(DisablePayload, (), (name))

struct HousePayload {
  static constexpr std::uint8_t kLayout = 1;
  std::string house, account;
  std::uint64_t weight = 0;
};
BOOST_DESCRIBE_STRUCT(HousePayload, (), (house, account, weight))

struct ApprovalPayload {
  static constexpr std::uint8_t kLayout = 1;
  std::string topic, key, relayer;
  std::uint64_t amount = 0;
  std::optional<std::uint64_t> expires_at;
  std::string memo;
};
BOOST_DESCRIBE_STRUCT(ApprovalPayload, (), (topic, key, relayer, amount, expires_at, memo))

struct KeysetPayload {
  static constexpr std::uint8_t kLayout = 1;
  std::string name;
  std::vector<tb::Hash> add, remove;
};
BOOST_DESCRIBE_STRUCT(KeysetPayload, (), (name, add, remove))

struct SignedBy {
  std::string signer, signature;
};
BOOST_DESCRIBE_STRUCT(SignedBy, (), (signer, signature))

// A release, its own payload. `status` is that of the release, not of its proposal.
struct Release {
  static constexpr std::uint8_t kLayout = 1;
  std::string build_hash, artifact, target;
  std::uint64_t proposal_id = 0;
  std::string proposer;
  std::vector<SignedBy> signatures;
  std::uint64_t signature_threshold = 0;
  std::vector<std::string> signer_set;
  std::optional<std::uint32_t> sm, schema;
  std::optional<tb::Hash> consensus_hash;
  std::uint64_t asked_epoch = 0;
  std::optional<std::uint64_t> activation_epoch, activated_epoch;
  std::string status = "proposed";  // approved, activated, failed, rejected, rolled_back
  std::uint64_t submitted_at = 0;
};
BOOST_DESCRIBE_STRUCT(Release, (),
                      (build_hash, artifact, target, proposal_id, proposer, signatures,
                       signature_threshold, signer_set, sm, schema, consensus_hash, asked_epoch,
                       activation_epoch, activated_epoch, status, submitted_at))

struct Installs {
  static constexpr std::uint8_t kLayout = 1;
  std::vector<std::uint64_t> install_times;  // the newest 64
};
BOOST_DESCRIBE_STRUCT(Installs, (), (install_times))

struct HouseCount {
  std::uint64_t total = 0, yes = 0, no = 0, abstain = 0;
  gov::HouseTally tally() const { return {total, yes, no, abstain}; }
};
BOOST_DESCRIBE_STRUCT(HouseCount, (), (total, yes, no, abstain))

struct Box {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t opened_height = 0, deadline_epoch = 0;
  bool closed = false;
  HouseCount operators, builders;
};
BOOST_DESCRIBE_STRUCT(Box, (), (opened_height, deadline_epoch, closed, operators, builders))

struct Ballot {
  static constexpr std::uint8_t kLayout = 1;
  std::uint8_t choice = 0;  // gov::Choice
  std::uint64_t operators = 0, builders = 0, epoch = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(Ballot, (), (choice, operators, builders, epoch, height))

struct Since {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t proposal_id = 0, epoch = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(Since, (), (proposal_id, epoch, height))

// A change made in block h counts from h + 1 on; the one of the genesis from 0.
struct Member {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t weight = 0;  // 0: removed
  std::string source;        // genesis, proposal, badge
};
BOOST_DESCRIBE_STRUCT(Member, (), (weight, source))
struct Total {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t weight = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (weight))

struct RoleRow {
  static constexpr std::uint8_t kLayout = 1;
  std::string role;  // executor, operator, admin
  std::uint64_t since_height = 0;
};
BOOST_DESCRIBE_STRUCT(RoleRow, (), (role, since_height))
struct KeyRow {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t since_height = 0;
};
BOOST_DESCRIBE_STRUCT(KeyRow, (), (since_height))

struct Script {
  static constexpr std::uint8_t kLayout = 1;
  ScriptHeader header;
  tb::Hash hash;
  std::string status = "active";  // suspended, disabled
  std::uint32_t failures = 0;     // in a row
  std::uint64_t proposal_id = 0, activated_epoch = 0;
};
BOOST_DESCRIBE_STRUCT(Script, (), (header, hash, status, failures, proposal_id, activated_epoch))

struct ActiveScript {
  ScriptHeader header;
  tb::Hash hash;
};
BOOST_DESCRIBE_STRUCT(ActiveScript, (), (header, hash))
struct ActiveScripts {
  static constexpr std::uint8_t kLayout = 1;
  std::vector<ActiveScript> scripts;
};
BOOST_DESCRIBE_STRUCT(ActiveScripts, (), (scripts))

struct Undo {
  static constexpr std::uint8_t kLayout = 1;
  std::optional<Script> script;
  std::string source;
};
BOOST_DESCRIBE_STRUCT(Undo, (), (script, source))

struct Approval {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t proposal_id = 0;  // 0: an admin's direct approval
  std::string relayer;
  std::uint64_t total_amount = 0, remaining_amount = 0;
  std::optional<std::uint64_t> expires_at;
  std::string memo;
  std::optional<std::uint64_t> last_claimed_at;
};
BOOST_DESCRIBE_STRUCT(Approval, (),
                      (proposal_id, relayer, total_amount, remaining_amount, expires_at, memo,
                       last_claimed_at))

struct SettlementChange {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t proposal_id = 0, previous_mode = 0, new_mode = 0, previous_quorum_ppm = 0,
                previous_expiry_blocks = 0, applied_at_epoch = 0, activation_epoch = 0,
                rollback_window_epochs = 0;
  std::string memo;
  std::vector<std::uint64_t> deps;
  std::uint64_t quorum_threshold_ppm = 0, expiry_blocks = 0;
  std::optional<std::uint64_t> rolled_back_at;
};
BOOST_DESCRIBE_STRUCT(SettlementChange, (),
                      (proposal_id, previous_mode, new_mode, previous_quorum_ppm,
                       previous_expiry_blocks, applied_at_epoch, activation_epoch,
                       rollback_window_epochs, memo, deps, quorum_threshold_ppm, expiry_blocks,
                       rolled_back_at))

struct ProvenanceTip {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t seq = 0;
  std::string hash;  // 64 hex digits; of the newest entry
};
BOOST_DESCRIBE_STRUCT(ProvenanceTip, (), (seq, hash))

inline constexpr std::string_view kCountersKey = "counters";
inline constexpr std::string_view kActiveKey = "scripts/active";
inline constexpr std::string_view kProvenanceKey = "provenance";
inline constexpr std::string_view kHouses[] = {"operators", "builders"};
inline constexpr std::string_view kKeysets[] = {"release_signers", "governor_authorities",
                                                "receipt_emitters"};

inline tb::Key id_key(std::string_view prefix, std::uint64_t id) { return tb::Key(prefix).u64(id); }
inline tb::Key place_key(std::string_view prefix, std::uint64_t first, std::uint64_t id) {
  return tb::Key(prefix).u64(first).u64(id);
}
inline tb::Key name_key(std::string_view prefix, std::string_view name) {
  return tb::Key(prefix).raw(name);
}
inline tb::Key box_key(std::string_view kind, std::uint64_t id) {
  return tb::Key("box/").raw(kind).u64(id);
}
inline tb::Key ballot_key(std::string_view kind, std::uint64_t id, std::string_view voter) {
  return tb::Key("ballot/").raw(kind).u64(id).raw(voter);
}
inline tb::Key member_key(std::string_view house, std::string_view account) {
  return tb::Key("member/").text(house).text(account);
}
inline tb::Key sstate_prefix(std::string_view script) {
  return tb::Key("sstate/").raw(script).raw("/");
}

}  // namespace governance
