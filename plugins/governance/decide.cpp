#include "plugins/governance/decide.hpp"

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/governance/approvals.hpp"
#include "plugins/governance/houses.hpp"
#include "plugins/governance/keysets.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/provenance.hpp"
#include "plugins/governance/releases.hpp"
#include "plugins/governance/scripts.hpp"
#include "plugins/governance/settlement.hpp"

namespace governance {
namespace {

// Rows that one proposal may need, with its box, indexes, scripts and parameters.
constexpr std::uint64_t kRowsOfOne = 256;
constexpr std::uint32_t kDecidePage = 64;
constexpr std::uint64_t kMaxActivations = 256;  // in one block

struct Due {
  std::uint64_t epoch = 0, id = 0;
};

// The first entries of an index whose epoch is at most `epoch`.
std::vector<Due> due_in(tb::View& view, std::string_view prefix, std::uint64_t epoch,
                        std::uint32_t limit) {
  std::vector<Due> found;
  view.scan(prefix, {}, limit, [&](std::string_view key, std::string_view) {
    const Due due{tb::Key::read_u64(key, prefix.size()), tb::Key::read_u64(key, prefix.size() + 8)};
    if (due.epoch > epoch) return false;
    found.push_back(due);
    return true;
  });
  return found;
}

Proposal need(tb::View& view, std::uint64_t id) {
  auto proposal = load_proposal(view, id);
  if (!proposal) throw std::runtime_error("an index names a proposal that is not there");
  return *std::move(proposal);
}

// Runs body() in a savepoint; a refusal takes back what it wrote and is handed on.
template <class Body>
Refused attempt(tb::Ctx& ctx, Body&& body) {
  Refused refused;
  const tb::Status status = ctx.attempt([&] {
    refused = body();
    return refused ? tb::Status(TB_FAILED) : tb::ok();
  });
  if (!status.ok() && !refused) refused = Refusal(tb::kInternalError, "stopped by the host");
  return refused;
}

Refused apply_now(tb::Ctx& ctx, const Proposal& p, std::uint64_t epoch) {
  switch (p.kind_of()) {
    case ProposalKind::kHouse: {
      const auto change = load_payload<HousePayload>(ctx, p.id);
      if (auto refused = check_member(ctx, change)) return refused;
      set_member(ctx, change, ctx.height() + 1, "proposal");
      return std::nullopt;
    }
    case ProposalKind::kApproval:
      return grant(ctx, load_payload<ApprovalPayload>(ctx, p.id), p.id);
    case ProposalKind::kKeyset:
      return change_keyset(ctx, load_payload<KeysetPayload>(ctx, p.id));
    case ProposalKind::kRelease:
      return approve(ctx, p, epoch);
    default:
      return std::nullopt;
  }
}

bool waits(ProposalKind kind) {
  return kind == ProposalKind::kParam || kind == ProposalKind::kEnergySettlement ||
         kind == ProposalKind::kScript || kind == ProposalKind::kScriptDisable;
}

void fail_proposal(tb::Ctx& ctx, Proposal& p, const Refusal& refused) {
  p.failure = tb::cat(refused.name, ": ", refused.text);
  p.changes.clear();
  set_status(ctx, p, ProposalStatus::kFailed);
  ctx.log(TB_LOG_WARN, tb::cat("proposal ", p.id, " failed: ", p.failure));
}

void pass(tb::Ctx& ctx, Proposal& p, std::uint64_t epoch) {
  p.tallied_at = ctx.time_s();
  if (waits(p.kind_of())) {
    p.activation_epoch = gov::activation_epoch(epoch, p.timelock_epochs);
    set_status(ctx, p, ProposalStatus::kPassed);
    ctx.put(place_key("queue/", *p.activation_epoch, p.id), {});
    return;
  }
  set_status(ctx, p, ProposalStatus::kPassed);
  if (const auto refused = attempt(ctx, [&] { return apply_now(ctx, p, epoch); }))
    return fail_proposal(ctx, p, *refused);
  p.activated_epoch = epoch;
  p.activated_height = ctx.height();
  set_status(ctx, p, ProposalStatus::kActivated);
  if (p.kind_of() == ProposalKind::kRelease) {
    ctx.put(place_key("window/", ctx.height(), p.id), {});
    note_proposal(ctx, p, {});
  }
}

void count_votes(tb::Ctx& ctx, std::uint64_t id, std::uint64_t epoch) {
  Proposal p = need(ctx, id);
  auto box = ctx.load<Box>(box_key("prop", id)).value_or(Box{});
  box.closed = true;
  ctx.store(box_key("prop", id), box);
  const gov::Verdict verdict = gov::decide(box.operators.tally(), box.builders.tally(),
                                           {p.quorum_operators_ppm, p.quorum_builders_ppm});
  if (verdict == gov::Verdict::kPassed) return pass(ctx, p, epoch);
  p.failure = gov::verdict_name(verdict);
  set_status(ctx, p, ProposalStatus::kRejected);
  if (p.kind_of() == ProposalKind::kRelease) refuse_release(ctx, p, verdict);
}

void count_due(tb::Ctx& ctx, std::uint64_t epoch) {
  while (!ctx.aborted() && ctx.rows_left() > kRowsOfOne) {
    const std::vector<Due> due = due_in(ctx, "due/", epoch, 1);
    if (due.empty()) return;
    count_votes(ctx, due[0].id, due[0].epoch);
  }
}

// Windows that are over at `epoch`: what they kept for a rollback goes.
void close_windows(tb::Ctx& ctx, std::uint64_t epoch) {
  std::string after;
  while (!ctx.aborted() && ctx.rows_left() > kRowsOfOne) {
    std::vector<Due> page;
    ctx.scan("window/", after, kDecidePage, [&](std::string_view key, std::string_view) {
      constexpr std::size_t kPrefix = std::string_view("window/").size();
      page.push_back({tb::Key::read_u64(key, kPrefix), tb::Key::read_u64(key, kPrefix + 8)});
      after = key;
    });
    for (const Due& entry : page) {
      const Proposal p = need(ctx, entry.id);
      if (gov::window_is_open(epoch, p.activated_epoch.value_or(0), p.rollback_window_epochs))
        continue;
      ctx.erase(place_key("window/", entry.epoch, entry.id));
      ctx.erase(id_key("undo/", entry.id));
      ctx.erase(id_key("esc/", entry.id));
    }
    if (page.size() < kDecidePage) return;
  }
}

Refused activate_param(tb::Ctx& ctx, Proposal& p, std::string_view key, std::uint64_t voted) {
  const auto spec = find_spec(ctx, key);
  if (!spec) return Refusal(kUnknownParam, tb::cat("no parameter '", key, "' any more"));
  if (const std::string script = owner_script(ctx, key); !script.empty())
    return Refusal(kGroupRule, tb::cat(key, " is owned by script ", script));
  Change change{spec->key, value_of(ctx, *spec).next, voted, voted};
  if (auto refused =
          check_change(ctx, *spec, {voted, p.id, p.proposer, "activate"}, &change.new_value))
    return refused;
  if (auto refused = write_param(ctx, *spec, change, {p.id, "activate", p.proposer, {}}))
    return refused;
  ctx.add(kActivations, 1, {spec->key});
  ctx.observe(kActivationDelay,
              static_cast<std::int64_t>(ctx.time_s() - p.tallied_at.value_or(ctx.time_s())),
              {spec->key});
  p.changes.push_back(std::move(change));
  return std::nullopt;
}

// A plain change of the mode leaves the same record, with the other two values as they are.
SettlementPayload plain_settlement(tb::View& view, const Proposal& p) {
  SettlementPayload payload;
  payload.mode = p.changes.front().new_value;
  payload.activation_epoch = p.activation_epoch.value_or(0);
  payload.quorum_threshold_ppm = next_value(view, "energy_settlement_quorum_ppm").value_or(0);
  payload.expiry_blocks = next_value(view, "energy_settlement_expiry_blocks").value_or(0);
  return payload;
}

Refused bring_into_force(tb::Ctx& ctx, Proposal& p) {
  switch (p.kind_of()) {
    case ProposalKind::kParam: {
      const auto payload = load_payload<ParamPayload>(ctx, p.id);
      if (auto refused = activate_param(ctx, p, payload.key, payload.new_value)) return refused;
      if (payload.key == "energy_settlement_mode")
        record_settlement(ctx, p, plain_settlement(ctx, p));
      return std::nullopt;
    }
    case ProposalKind::kEnergySettlement: {
      const auto payload = load_payload<SettlementPayload>(ctx, p.id);
      for (const auto& [key, value] : settlement_values(payload)) {
        if (auto refused = activate_param(ctx, p, key, value)) return refused;
      }
      record_settlement(ctx, p, payload);
      return std::nullopt;
    }
    case ProposalKind::kScript:
      return install_script(ctx, load_payload<ScriptPayload>(ctx, p.id), p.id);
    case ProposalKind::kScriptDisable:
      return disable_script(ctx, load_payload<DisablePayload>(ctx, p.id).name, p.id);
    default:
      return Refusal(tb::kInternalError, "this kind does not wait");
  }
}

void activate(tb::Ctx& ctx, const Due& due) {
  ctx.erase(place_key("queue/", due.epoch, due.id));
  Proposal p = need(ctx, due.id);
  const auto refused = attempt(ctx, [&] { return bring_into_force(ctx, p); });
  if (refused) return fail_proposal(ctx, p, *refused);
  p.activated_epoch = ctx.epoch();
  p.activated_height = ctx.height();
  set_status(ctx, p, ProposalStatus::kActivated);
  ctx.put(place_key("window/", ctx.height(), p.id), {});
  if (!p.changes.empty()) ctx.put(id_key("fresh/", p.id), {});
  note_proposal(ctx, p, {});
}

bool any(tb::View& view, std::string_view prefix) {
  return view.scan(prefix, {}, 1, [](std::string_view, std::string_view) {}) > 0;
}

// A plugin may refuse its new values when it is told of them; then the old ones stay, and the
// proposal has failed although its rules held.
bool came_into_force(tb::View& view, const Proposal& p) {
  for (const Change& change : p.changes) {
    const auto spec = find_spec(view, change.key);
    if (!spec) return false;
    const ParamNow now = value_of(view, *spec);
    // A later proposal of the same block may have set the key again.
    if (now.value != change.new_value && now.value == change.old_value) return false;
  }
  return true;
}

void compare_fresh(tb::Ctx& ctx) {
  std::vector<std::uint64_t> fresh;
  ctx.scan("fresh/", {}, static_cast<std::uint32_t>(kMaxActivations),
           [&](std::string_view key, std::string_view) {
             fresh.push_back(tb::Key::read_u64(key, std::string_view("fresh/").size()));
           });
  for (const std::uint64_t id : fresh) {
    ctx.erase(id_key("fresh/", id));
    Proposal p = need(ctx, id);
    if (came_into_force(ctx, p)) continue;
    ctx.erase(place_key("window/", *p.activated_height, id));
    take_back_settlement(ctx, p);
    for (const Change& change : p.changes)
      note_history(ctx, {change.key, change.new_value, change.old_value, change.old_value},
                   {id, "rollback", "refused by the plugin of the parameter", {}});
    p.activated_epoch.reset();
    p.activated_height.reset();
    fail_proposal(ctx, p, {kGroupRule, "the plugin of the parameter did not take the value"});
  }
}

}  // namespace

tb::Status on_epoch(tb::Ctx& ctx) {
  const std::uint64_t boundary = ctx.epoch() + 1;
  count_due(ctx, boundary);
  switch_releases(ctx, boundary);
  close_windows(ctx, boundary);
  return tb::ok();
}

tb::Status on_begin(tb::Ctx& ctx) {
  compare_fresh(ctx);
  count_due(ctx, ctx.epoch());
  if (any(ctx, "due/") || any(ctx, "queue/") || any(ctx, "window/")) ctx.pending_work();
  return tb::ok();
}

tb::Status activate_due(tb::Ctx& ctx) {
  finish_switches(ctx);
  std::uint64_t done = 0;
  while (!ctx.aborted() && done < kMaxActivations) {
    const std::vector<Due> due = due_in(ctx, "queue/", ctx.epoch(), kDecidePage);
    for (const Due& entry : due) activate(ctx, entry);
    done += due.size();
    if (due.size() < kDecidePage) break;
  }
  return tb::ok();
}

}  // namespace governance
