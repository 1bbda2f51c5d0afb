// Places of services, events, metrics, parameters and config keys in the manifest.
#pragma once

#include "plugins/governance/state.hpp"

namespace governance {

// chain/1: parameters, roles and roster, kept by the kernel.
inline constexpr tb::Service kChain{0};
struct KeyArgs {
  std::string_view key;
};
BOOST_DESCRIBE_STRUCT(KeyArgs, (), (key))
struct SetParamArgs {
  std::string_view key;
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(SetParamArgs, (), (key, value))
struct ParamNow {
  std::uint64_t value = 0, next = 0;
};
// As the kernel says it: a key that no plugin declares has no value while its first one waits.
struct ChainParam {
  std::optional<std::uint64_t> value;
  std::uint64_t next = 0;
};
BOOST_DESCRIBE_STRUCT(ChainParam, (), (value, next))
struct ChainSpec {
  std::string key, owner, declared_owner, unit;
  std::uint64_t default_value = 0, min = 0, max = 0;
  std::uint32_t timelock_epochs = 0, rollback_epochs = 0;
  std::vector<std::string> aliases;
};
BOOST_DESCRIBE_STRUCT(ChainSpec, (),
                      (key, owner, declared_owner, unit, default_value, min, max, timelock_epochs,
                       rollback_epochs, aliases))
struct PageArgs {
  std::string_view after;
  std::uint32_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(PageArgs, (), (after, limit))
struct ChainSpecs {
  std::vector<ChainSpec> specs;
};
BOOST_DESCRIBE_STRUCT(ChainSpecs, (), (specs))
struct SetRoleArgs {
  std::string_view account, role;
};
BOOST_DESCRIBE_STRUCT(SetRoleArgs, (), (account, role))
struct SwitchArgs {
  std::string_view id;
  std::uint32_t sm = 0, schema = 0;
  tb::Hash consensus_hash;
  std::uint64_t first_height = 0;
};
BOOST_DESCRIBE_STRUCT(SwitchArgs, (), (id, sm, schema, consensus_hash, first_height))
struct IdArgs {
  std::string_view id;
};
BOOST_DESCRIBE_STRUCT(IdArgs, (), (id))
struct RosterPlugin {
  std::uint32_t sm = 0, schema = 0;
  tb::Hash consensus_hash;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(RosterPlugin, (), (sm, schema, consensus_hash, status))
struct GenesisValidator {
  tb::Hash public_key;
};
BOOST_DESCRIBE_STRUCT(GenesisValidator, (), (public_key))
struct GenesisRole {
  std::string account, role;
};
BOOST_DESCRIBE_STRUCT(GenesisRole, (), (account, role))
struct GenesisFacts {
  std::vector<GenesisValidator> validators;
  std::vector<GenesisRole> roles;
};
BOOST_DESCRIBE_STRUCT(GenesisFacts, (), (validators, roles))

inline constexpr tb::Function<SetParamArgs> kSetParam{kChain, 0};
inline constexpr tb::Function<KeyArgs, ChainParam> kParam{kChain, 1};
inline constexpr tb::Function<SetParamArgs> kCheckParam{kChain, 2};
inline constexpr tb::Function<KeyArgs, ChainSpec> kSpec{kChain, 3};
inline constexpr tb::Function<PageArgs, ChainSpecs> kSpecs{kChain, 4};
inline constexpr tb::Function<SetRoleArgs> kSetRole{kChain, 5};
inline constexpr tb::Function<SwitchArgs> kSwitchPlugin{kChain, 6};
inline constexpr tb::Function<IdArgs, RosterPlugin> kPlugin{kChain, 7};
inline constexpr tb::Function<tb::NoArgs, GenesisFacts> kGenesis{kChain, 8};

// lua/1: the sandbox.
inline constexpr tb::Service kLua{1};
struct SourceArgs {
  std::string_view source;
};
BOOST_DESCRIBE_STRUCT(SourceArgs, (), (source))
struct Checked {
  tb::Hash hash;
  ScriptHeader header;
  std::vector<std::string> unknown_methods;
};
BOOST_DESCRIBE_STRUCT(Checked, (), (hash, header, unknown_methods))
struct RunArgs {
  std::string_view name;
  tb::Hash hash;
  tb::Bytes source_key, state_prefix;
  std::string_view event;
  tb::Value argument;
};
BOOST_DESCRIBE_STRUCT(RunArgs, (), (name, hash, source_key, state_prefix, event, argument))
struct ScriptParam {
  std::string key;
  std::int64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(ScriptParam, (), (key, value))
struct ScriptState {
  std::string key, kind;
  std::int64_t number = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(ScriptState, (), (key, kind, number, text))
struct ScriptEvent {
  std::string name, data;
};
BOOST_DESCRIBE_STRUCT(ScriptEvent, (), (name, data))
struct RunResult {
  bool refused = false;
  std::string reason;
  bool has_value = false;
  std::int64_t value = 0;
  std::vector<ScriptParam> params;
  std::vector<ScriptState> state;
  std::vector<ScriptEvent> events;
  std::uint64_t instructions = 0;
};
BOOST_DESCRIBE_STRUCT(RunResult, (),
                      (refused, reason, has_value, value, params, state, events, instructions))
struct NameArgs {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(NameArgs, (), (name))
struct RunTally {
  bool seen = false, ok_since = false;
  std::uint32_t failed = 0;
};
BOOST_DESCRIBE_STRUCT(RunTally, (), (seen, ok_since, failed))

inline constexpr tb::Function<SourceArgs, Checked> kCheck{kLua, 0};
inline constexpr tb::Function<RunArgs, RunResult> kRun{kLua, 1};
inline constexpr tb::Function<NameArgs, RunTally> kTally{kLua, 2};

// Parameters. Those that begin with `governance.` are set by the genesis and cannot be voted on.
inline constexpr tb::Param kQuorumOperators{0}, kQuorumBuilders{1}, kVoteWindow{2};
inline constexpr tb::Param kKillSwitchTimelock{3}, kDirectApprovals{4}, kBadgeMembership{5};
inline constexpr std::string_view kGenesisParams = "governance.";

// Events.
struct ProposedEvent {
  std::uint64_t id = 0;
  std::string_view kind, subject, proposer;
  std::uint64_t vote_deadline_epoch = 0;
};
BOOST_DESCRIBE_STRUCT(ProposedEvent, (), (id, kind, subject, proposer, vote_deadline_epoch))
struct VotedEvent {
  std::string_view kind;
  std::uint64_t id = 0;
  std::string_view voter, choice;
  std::uint64_t operators = 0, builders = 0;
};
BOOST_DESCRIBE_STRUCT(VotedEvent, (), (kind, id, voter, choice, operators, builders))
struct StatusEvent {
  std::uint64_t id = 0;
  std::string_view kind, status, subject, proposer, failure;
  std::optional<std::uint64_t> activation_epoch, activated_epoch;
  std::uint64_t epoch = 0, height = 0;
  HouseCount operators, builders;
};
BOOST_DESCRIBE_STRUCT(StatusEvent, (),
                      (id, kind, status, subject, proposer, failure, activation_epoch,
                       activated_epoch, epoch, height, operators, builders))
struct ParamEvent {
  std::uint64_t seq = 0;
  std::string_view key;
  std::uint64_t proposal_id = 0, epoch = 0, height = 0, time = 0, old_value = 0, new_value = 0,
                voted_value = 0;
  std::string_view event, actor;
  std::optional<std::string_view> script;
};
BOOST_DESCRIBE_STRUCT(ParamEvent, (),
                      (seq, key, proposal_id, epoch, height, time, old_value, new_value,
                       voted_value, event, actor, script))
struct ReleaseEvent {
  std::string_view build_hash, target, status;
  std::uint64_t proposal_id = 0;
};
BOOST_DESCRIBE_STRUCT(ReleaseEvent, (), (build_hash, target, status, proposal_id))
struct KeysetEvent {
  std::string_view name;
  std::vector<tb::Hash> added, removed;
};
BOOST_DESCRIBE_STRUCT(KeysetEvent, (), (name, added, removed))
struct HouseEvent {
  std::string_view house, account;
  std::uint64_t weight = 0;
  std::string_view source;
};
BOOST_DESCRIBE_STRUCT(HouseEvent, (), (house, account, weight, source))
struct RoleEvent {
  std::string_view account, role, actor;
};
BOOST_DESCRIBE_STRUCT(RoleEvent, (), (account, role, actor))
struct DisabledEvent {
  std::string_view name, status, reason;
};
BOOST_DESCRIBE_STRUCT(DisabledEvent, (), (name, status, reason))
struct EmittedEvent {
  std::string_view script, name, data;
};
BOOST_DESCRIBE_STRUCT(EmittedEvent, (), (script, name, data))
struct ProvenanceEvent {
  std::uint64_t seq = 0;
  std::string_view hash, entry;
  std::optional<std::string> snapshot;
};
BOOST_DESCRIBE_STRUCT(ProvenanceEvent, (), (seq, hash, entry, snapshot))

inline constexpr tb::Event<ProposedEvent> kProposed{0};
inline constexpr tb::Event<VotedEvent> kVoted{1};
inline constexpr tb::Event<StatusEvent> kStatusChanged{2};
inline constexpr tb::Event<ParamEvent> kParamChanged{3};
inline constexpr tb::Event<ReleaseEvent> kReleaseChanged{4};
inline constexpr tb::Event<KeysetEvent> kKeysetChanged{5};
inline constexpr tb::Event<HouseEvent> kHouseChanged{6};
inline constexpr tb::Event<RoleEvent> kRoleChanged{7};
inline constexpr tb::Event<DisabledEvent> kScriptDisabled{8};
inline constexpr tb::Event<EmittedEvent> kScriptEmitted{9};
inline constexpr tb::Event<SettlementChange> kSettlementChanged{10};
inline constexpr tb::Event<ProvenanceEvent> kProvenanceAdded{11};

// Metrics.
inline constexpr tb::Counter kProposals{0};
inline constexpr tb::Gauge kOpenProposals{1}, kPendingProposals{2}, kQuorumRequired{3};
inline constexpr tb::Counter kVotes{4}, kReleaseVotes{5}, kActivations{6}, kRollbacks{7};
inline constexpr tb::Histogram kActivationDelay{8};
inline constexpr tb::Gauge kParamPending{9}, kParamActive{10}, kPolicyAllowed{11};
inline constexpr tb::Counter kInstalls{12}, kReleaseQuorumFail{13}, kBuildValid{14},
    kBuildInvalid{15}, kAttestations{16};
inline constexpr tb::Gauge kAttestationSigners{17}, kAttestationThreshold{18}, kAttestationAge{19},
    kRolledBackRunning{20};
inline constexpr tb::Counter kScriptRuns{21};
inline constexpr tb::Histogram kScriptInstructions{22};
inline constexpr tb::Gauge kScriptDisabledGauge{23};
inline constexpr tb::Counter kFileErrors{24};
inline constexpr tb::Gauge kScriptsDamaged{25};

inline constexpr tb::Config<std::string> kDirectory{0};
inline constexpr tb::Config<std::string> kProvenancePath{1};
inline constexpr tb::Config<std::string> kMirrorFolder{2};  // the node writes there

}  // namespace governance
