#include "plugins/governance/rollback.hpp"

#include "plugins/governance/params.hpp"
#include "plugins/governance/provenance.hpp"
#include "plugins/governance/releases.hpp"
#include "plugins/governance/scripts.hpp"
#include "plugins/governance/settlement.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

Refusal no(std::string_view name, std::string text) {
  return {kRollbackCode, name, std::move(text)};
}

Refused restore_params(tb::Ctx& ctx, const Proposal& p, std::string_view actor) {
  for (const Change& change : p.changes) {
    const auto spec = find_spec(ctx, change.key);
    if (!spec) return no("superseded", tb::cat("there is no parameter ", change.key, " any more"));
    const std::uint64_t now = value_of(ctx, *spec).next;
    if (now != change.new_value)
      return no("superseded", tb::cat(change.key, " is ", now, " now, not ", change.new_value,
                                      " as this proposal set it"));
  }
  for (const Change& change : p.changes) {
    const auto spec = find_spec(ctx, change.key);
    std::uint64_t effective = 0;
    auto refused =
        check_change(ctx, *spec, {change.old_value, p.id, p.proposer, "rollback"}, &effective);
    if (refused) return no("group_rule", refused->text);
    const Change back{change.key, change.new_value, change.old_value, change.old_value};
    if (refused = write_param(ctx, *spec, back, {p.id, "rollback", actor, {}}); refused)
      return refused;
    ctx.add(kRollbacks, 1, {change.key});
  }
  take_back_settlement(ctx, p);
  return std::nullopt;
}

Refused restore(tb::Ctx& ctx, const Proposal& p, std::string_view actor) {
  switch (p.kind_of()) {
    case ProposalKind::kParam:
    case ProposalKind::kEnergySettlement:
      return restore_params(ctx, p, actor);
    case ProposalKind::kScript:
    case ProposalKind::kScriptDisable:
      return roll_back_script(ctx, p);
    case ProposalKind::kRelease:
      return roll_back_release(ctx, p);
    default:
      return no("not_activated",
                "only parameters, scripts and releases are rolled back; propose "
                "the opposite change");
  }
}

// A release that waits for its roster switch can be cancelled until then.
bool waits_for_switch(tb::View& view, const Proposal& p) {
  if (p.kind_of() != ProposalKind::kRelease) return false;
  const auto release = view.load<Release>(name_key("release/", p.subject));
  return release && release->sm && release->status == "approved";
}

Refused roll_back(tb::Ctx& ctx, Proposal& p, std::string_view reason) {
  if (p.status_of() != ProposalStatus::kActivated || !p.activated_epoch)
    return no("not_activated", tb::cat("proposal ", p.id, " is ", gov::status_name(p.status_of())));
  if (reason.size() > kMaxReason)
    return Refusal(kInvalidPayload, "a reason has at most 1024 bytes");
  const bool open = gov::window_is_open(ctx.epoch(), *p.activated_epoch, p.rollback_window_epochs);
  if (!open && !waits_for_switch(ctx, p))
    return no("rollback_window_expired",
              tb::cat("it was activated in epoch ", *p.activated_epoch, ", this is epoch ",
                      ctx.epoch(), "; propose the old value"));
  if (auto refused = restore(ctx, p, ctx.account())) return refused;
  p.rolled_back_epoch = ctx.epoch();
  set_status(ctx, p, ProposalStatus::kRolledBack);
  ctx.erase(place_key("window/", p.activated_height.value_or(0), p.id));
  ctx.erase(id_key("undo/", p.id));
  note_proposal(ctx, p, reason);
  return std::nullopt;
}

void put_restored(const Proposal& p, tb::Out& out) {
  out.put("ok", true);
  out.put("id", p.id);
  out.record("restored", [&](tb::Out& record) {
    for (const Change& change : p.changes) record.put(change.key, change.old_value);
  });
}

struct RollbackParams {
  std::uint64_t id = 0;
  std::optional<std::string_view> reason;
  std::optional<std::uint64_t> timestamp;
};
BOOST_DESCRIBE_STRUCT(RollbackParams, (), (id, reason, timestamp))

Refused roll_back_by_id(tb::Ctx& ctx, const RollbackParams& in, Proposal* done) {
  if (auto refused = require_role(ctx, "admin")) return refused;
  if (auto refused = check_timestamp(ctx, in.timestamp)) return refused;
  auto proposal = load_proposal(ctx, in.id);
  if (!proposal) return Refusal(kUnknownProposal, tb::cat("there is no proposal ", in.id));
  *done = *std::move(proposal);
  return roll_back(ctx, *done, in.reason.value_or(std::string_view()));
}

tb::Status rollback(tb::Ctx& ctx, const RollbackParams& in, tb::Out& out) {
  Proposal done;
  if (const auto refused = roll_back_by_id(ctx, in, &done)) return refused->fail(ctx);
  put_restored(done, out);
  return tb::ok();
}

tb::Status rollback_release(tb::Ctx& ctx, const RollbackParams& in, tb::Out& out) {
  const auto proposal = load_proposal(ctx, in.id);
  if (!proposal || proposal->kind_of() != ProposalKind::kRelease)
    return ctx.fail(kUnknownRelease, tb::cat("proposal ", in.id, " is no release"));
  return rollback(ctx, in, out);
}

struct LastParams {
  std::optional<std::string_view> reason;
  std::optional<std::uint64_t> timestamp;
};
BOOST_DESCRIBE_STRUCT(LastParams, (), (reason, timestamp))

// The newest activation whose window is open.
std::optional<Proposal> newest_activation(tb::Ctx& ctx) {
  std::optional<std::uint64_t> id;
  ctx.scan_back("window/", {}, 1, [&](std::string_view key, std::string_view) {
    id = tb::Key::read_u64(key, std::string_view("window/").size() + 8);
  });
  if (!id) return std::nullopt;
  auto proposal = load_proposal(ctx, *id);
  const bool open =
      proposal && gov::window_is_open(ctx.epoch(), proposal->activated_epoch.value_or(0),
                                      proposal->rollback_window_epochs);
  return open ? proposal : std::nullopt;
}

Refused roll_back_newest(tb::Ctx& ctx, const LastParams& in, Proposal* done) {
  if (auto refused = require_role(ctx, "admin")) return refused;
  if (auto refused = check_timestamp(ctx, in.timestamp)) return refused;
  auto proposal = newest_activation(ctx);
  if (!proposal) return no("nothing_to_roll_back", "no activation is inside its window");
  *done = *std::move(proposal);
  return roll_back(ctx, *done, in.reason.value_or(std::string_view()));
}

tb::Status rollback_last(tb::Ctx& ctx, const LastParams& in, tb::Out& out) {
  Proposal done;
  if (auto refused = roll_back_newest(ctx, in, &done)) {
    if (refused->code == kRollbackCode) refused->code = kRollbackLastCode;
    return refused->fail(ctx);
  }
  put_restored(done, out);
  return tb::ok();
}

tb::Method& with_errors(tb::Method& method, std::int32_t code) {
  method.role("admin").error(kNotAuthorized).error(kOperationExpired).error(kInvalidPayload);
  for (std::string_view name : {"nothing_to_roll_back", "not_activated", "rollback_window_expired",
                                "superseded", "group_rule"})
    method.error(code, name);
  return method;
}

}  // namespace

void describe_rollback(tb::Plugin& p) {
  auto& by_id = with_errors(p.command("gov.rollback", &rollback)
                                .alias("gov_rollback")
                                .summary("Take back what a proposal changed, inside its window"),
                            kRollbackCode)
                    .error(kUnknownProposal)
                    .field("id")
                    .alias("proposal_id")
                    .field("timestamp")
                    .unit("s");
  verb(by_id, "gov param rollback", {"gov rollback", "gov params rollback"})
      .positional("id")
      .flag("id", "--id")
      .now_field("timestamp")
      .example("contract-cli gov param rollback 7 --reason \"fees rose too far\"",
               "restores the values from before proposal 7");
  auto& last = with_errors(p.command("gov.rollback_last", &rollback_last)
                               .alias("gov_rollback_last")
                               .summary("Take back the newest activation inside its window"),
                           kRollbackLastCode)
                   .field("timestamp")
                   .unit("s");
  verb(last, "gov rollback-last").now_field("timestamp");
  auto& release =
      with_errors(
          p.command("gov.rollback_release", &rollback_release).summary("Withdraw a release"),
          kRollbackCode)
          .error(kUnknownRelease)
          .error(kUnknownProposal)
          .field("id")
          .alias("proposal")
          .field("timestamp")
          .unit("s");
  verb(release, "gov release rollback")
      .positional("id")
      .flag("id", "--proposal")
      .now_field("timestamp");
}

}  // namespace governance
