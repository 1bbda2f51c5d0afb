// Changes of how the energy market settles: three parameters in one proposal, with a record and a
// rollback window of its own (spec 5.6; energy 5.9).
#include "plugins/governance/settlement.hpp"

#include "plugins/governance/params.hpp"
#include "plugins/governance/propose.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::uint64_t kMaxQuorumPpm = 1'000'000, kMaxExpiry = 100'000, kMaxWindow = 100'000;
constexpr std::size_t kMaxMemo = 1024;

struct SettlementParams {
  std::string_view mode;
  std::optional<std::uint64_t> activation_epoch, rollback_window_epochs;
  std::optional<std::vector<std::uint64_t>> deps;
  std::optional<std::string_view> memo;
  std::optional<std::uint64_t> quorum_threshold_ppm, expiry_blocks, current_epoch;
  std::optional<std::string_view> proposer;
};
BOOST_DESCRIBE_STRUCT(SettlementParams, (),
                      (mode, activation_epoch, rollback_window_epochs, deps, memo,
                       quorum_threshold_ppm, expiry_blocks, current_epoch, proposer))

Refused invalid(std::string text) { return Refusal(kInvalidSettlementChange, std::move(text)); }

Refused read_change(const SettlementParams& in, SettlementPayload* payload) {
  const auto mode = gov::parse_settlement_mode(in.mode);
  if (!mode)
    return Refusal(kUnknownSettlementMode,
                   tb::cat("'", in.mode.substr(0, 64), "' is none of batch, real_time"));
  payload->mode = *mode;
  payload->quorum_threshold_ppm = in.quorum_threshold_ppm.value_or(0);
  payload->expiry_blocks = in.expiry_blocks.value_or(0);
  payload->rollback_window_epochs = in.rollback_window_epochs.value_or(1);
  payload->memo = in.memo.value_or(std::string_view());
  if (payload->quorum_threshold_ppm > kMaxQuorumPpm)
    return invalid(tb::cat("quorum_threshold_ppm is above ", kMaxQuorumPpm));
  if (payload->expiry_blocks > kMaxExpiry)
    return invalid(tb::cat("expiry_blocks is above ", kMaxExpiry));
  if (payload->rollback_window_epochs < 1 || payload->rollback_window_epochs > kMaxWindow)
    return invalid(tb::cat("rollback_window_epochs must be 1..", kMaxWindow));
  if (payload->memo.size() > kMaxMemo)
    return invalid(tb::cat("the memo has more than ", kMaxMemo, " bytes"));
  return std::nullopt;
}

Refused propose_settlement(tb::Ctx& ctx, const SettlementParams& in, Proposal* opened) {
  SettlementPayload payload;
  if (auto refused = read_change(in, &payload)) return refused;
  Draft draft;
  draft.kind = ProposalKind::kEnergySettlement;
  draft.subject = kModeKey;
  draft.same = tb::cat(payload.mode, " ", payload.quorum_threshold_ppm, " ", payload.expiry_blocks);
  draft.deps = in.deps.value_or(std::vector<std::uint64_t>{});
  draft.rollback_window_epochs = static_cast<std::uint32_t>(payload.rollback_window_epochs);
  const std::uint64_t soonest = ctx.epoch() + 2;
  payload.activation_epoch = std::max(in.activation_epoch.value_or(0), soonest);
  if (auto refused = read_deadline(ctx, {{}, payload.activation_epoch, {}}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_deps(ctx, draft.deps)) return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  const std::uint64_t id = load_counters(ctx).next_id;
  for (const auto& [key, value] : settlement_values(payload)) {
    const auto spec = find_spec(ctx, key);
    if (!spec) return Refusal(kUnknownParam, tb::cat("no parameter '", key, "'"));
    std::uint64_t effective = 0;
    if (auto refused = check_change(ctx, *spec, {value, id, ctx.account(), "submit"}, &effective))
      return refused;
    if (const std::string script = owner_script(ctx, key); !script.empty())
      return Refusal(kGroupRule, tb::cat(key, " is owned by script ", script));
  }
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, payload);
  return std::nullopt;
}

tb::Status propose_change(tb::Ctx& ctx, const SettlementParams& in, tb::Out& out) {
  Proposal opened;
  if (const auto refused = propose_settlement(ctx, in, &opened)) return refused->fail(ctx);
  put_opened(opened, out);
  return tb::ok();
}

}  // namespace

std::vector<std::pair<std::string_view, std::uint64_t>> settlement_values(
    const SettlementPayload& payload) {
  return {{kModeKey, payload.mode},
          {kQuorumKey, payload.quorum_threshold_ppm},
          {kExpiryKey, payload.expiry_blocks}};
}

void record_settlement(tb::Ctx& ctx, const Proposal& proposal, const SettlementPayload& asked) {
  SettlementChange record;
  record.proposal_id = proposal.id;
  record.new_mode = asked.mode;
  record.quorum_threshold_ppm = asked.quorum_threshold_ppm;
  record.expiry_blocks = asked.expiry_blocks;
  record.applied_at_epoch = ctx.epoch();
  record.activation_epoch = asked.activation_epoch;
  record.rollback_window_epochs = proposal.rollback_window_epochs;
  record.memo = asked.memo;
  record.deps = proposal.deps;
  record.previous_quorum_ppm = asked.quorum_threshold_ppm;
  record.previous_expiry_blocks = asked.expiry_blocks;
  for (const Change& change : proposal.changes) {
    if (change.key == kModeKey) record.previous_mode = change.old_value;
    if (change.key == kQuorumKey) record.previous_quorum_ppm = change.old_value;
    if (change.key == kExpiryKey) record.previous_expiry_blocks = change.old_value;
  }
  ctx.store(id_key("esc/", proposal.id), record);
  ctx.emit(kSettlementChanged, record);
}

void take_back_settlement(tb::Ctx& ctx, const Proposal& proposal) {
  const tb::Key key = id_key("esc/", proposal.id);
  auto record = ctx.load<SettlementChange>(key);
  if (!record) return;
  record->rolled_back_at = ctx.time_s();
  ctx.emit(kSettlementChanged, *record);
  ctx.erase(key);
}

void describe_settlement(tb::Plugin& p) {
  auto& method = p.command("gov.energy_settlement", &propose_change)
                     .role("open")
                     .summary("Propose how the energy market settles: batch or real time")
                     .error(kUnknownSettlementMode)
                     .error(kInvalidSettlementChange)
                     .error(kMissingDependency)
                     .error(kInvalidPayload)
                     .error(kUnknownParam)
                     .error(kOutOfBounds)
                     .error(kGroupRule)
                     .error(kTooManyOpen)
                     .error(kDuplicateProposal)
                     .error(kHookRejected);
  lua_errors(method);
  method.field("mode")
      .max(64)
      .help("batch or real_time")
      .field("activation_epoch")
      .unit("epoch")
      .help("votes are counted then, two epochs from now at the soonest")
      .field("rollback_window_epochs")
      .alias("rollback_window")
      .unit("epochs")
      .field("memo")
      .field("quorum_threshold_ppm")
      .alias("quorum_ppm")
      .unit("ppm")
      .field("expiry_blocks")
      .unit("blocks")
      .field("current_epoch")
      .alias("epoch")
      .help("ignored: the chain's epoch counts")
      .field("proposer")
      .help("ignored: the signing account counts");
  verb(method, "gov energy-settlement propose", {"gov energy-settlement"})
      .positional("mode")
      .flag("mode", "--mode")
      .flag("rollback_window_epochs", "--rollback-window")
      .flag("quorum_threshold_ppm", "--quorum-ppm")
      .flag("current_epoch", "--epoch")
      .example("contract-cli gov energy-settlement batch --expiry-blocks 10 --memo drill",
               "proposes to settle in batches");
}

}  // namespace governance
