#include "plugins/governance/propose.hpp"

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/text.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

struct ProposeParams {
  std::string_view key;
  tb::Value new_value;
  std::optional<std::vector<std::uint64_t>> deps;
  std::optional<std::uint64_t> vote_window, vote_deadline, epoch;
  std::optional<std::string_view> reason;
  std::optional<std::int64_t> min, max;
  std::optional<std::string_view> proposer;
};
BOOST_DESCRIBE_STRUCT(ProposeParams, (),
                      (key, new_value, deps, vote_window, vote_deadline, epoch, reason, min, max,
                       proposer))

// A number, digits as text, or the names of a mask (text with commas, or a list).
std::optional<std::uint64_t> read_value(std::string_view key, const tb::Value& given) {
  if (given.type() == TB_TYPE_U64 || given.type() == TB_TYPE_I64) {
    const std::uint64_t none = ~std::uint64_t{0};
    const std::uint64_t value = given.u64(none);
    return value == none ? std::nullopt : std::optional(value);
  }
  if (given.type() == TB_TYPE_BOOL) return given.boolean() ? 1 : 0;
  std::string names(given.text());
  for (std::uint32_t i = 0; i < given.size(); ++i)
    names += tb::cat(i == 0 ? "" : ",", given[i].text());
  if (const auto number = gov::digits_to_u64(names)) return number;
  return gov::mask_value(key, names);
}

Refused check_votable(const Spec& spec) {
  if (spec.key.starts_with(kGenesisParams))
    return Refusal(kUnknownParam, tb::cat(spec.key, " is set by the genesis; no vote changes it"));
  return std::nullopt;
}

// The last step: scripts, with the stage of a submission.
Refused preview_change(tb::Ctx& ctx, const Spec& spec, std::uint64_t value, std::uint64_t id,
                       std::uint64_t* effective) {
  if (auto refused = check_change(ctx, spec, {value, id, ctx.account(), "submit"}, effective))
    return refused;
  if (const std::string script = owner_script(ctx, spec.key); !script.empty())
    return Refusal(kGroupRule, tb::cat(spec.key, " is owned by script ", script,
                                       "; propose to disable the script first"));
  return std::nullopt;
}

Refused find_votable(tb::View& view, std::string_view name, std::optional<Spec>* spec) {
  if (gov::is_retired(name) || gov::is_retired(gov::canonical_key(name)))
    return Refusal(kRetiredParam, tb::cat(name, " tunes a law that this product does not have"));
  *spec = find_spec(view, name);
  if (!*spec)
    return Refusal(kUnknownParam,
                   tb::cat("no parameter '", name, "'; `gov params list` shows all"));
  return check_votable(**spec);
}

Refused propose_param(tb::Ctx& ctx, const ProposeParams& in, Proposal* opened,
                      std::uint64_t* effective, std::uint64_t* value) {
  std::optional<Spec> spec;
  if (auto refused = find_votable(ctx, in.key, &spec)) return refused;
  const auto wanted = read_value(spec->key, in.new_value);
  if (!wanted)
    return Refusal(kOutOfBounds, tb::cat(spec->key, ": not a value of ", spec->min, "..", spec->max,
                                         ", nor names of its options"));
  *value = *wanted;
  if (auto refused = check_range(*spec, *wanted)) return refused;
  Draft draft;
  draft.subject = spec->key;
  draft.same = tb::cat(*wanted);
  draft.deps = in.deps.value_or(std::vector<std::uint64_t>{});
  draft.reason = in.reason.value_or(std::string_view());
  draft.timelock_epochs = spec->timelock_epochs;
  draft.rollback_window_epochs = gov::kRollbackWindowEpochs;
  if (auto refused = check_deps(ctx, draft.deps)) return refused;
  if (auto refused = check_group(ctx, *spec, *wanted)) return refused;
  if (auto refused =
          read_deadline(ctx, {in.vote_window, in.vote_deadline, in.epoch}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  if (auto refused = preview_change(ctx, *spec, *wanted, load_counters(ctx).next_id, effective))
    return refused;
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, ParamPayload{spec->key, *wanted});
  ctx.set(kParamPending, static_cast<std::int64_t>(*wanted), {spec->key});
  return std::nullopt;
}

tb::Status propose(tb::Ctx& ctx, const ProposeParams& in, tb::Out& out) {
  Proposal opened;
  std::uint64_t effective = 0, value = 0;
  if (const auto refused = propose_param(ctx, in, &opened, &effective, &value))
    return refused->fail(ctx);
  put_opened(opened, out);
  out.put("key", opened.subject);
  out.put("new_value", value);
  if (effective != value) out.put("effective_preview", effective);
  return tb::ok();
}

}  // namespace

void describe_propose(tb::Plugin& p) {
  auto& method =
      p.command("gov.propose", &propose)
          .alias("gov_propose")
          .alias("submit_proposal")
          .alias("governance.submit_proposal")
          .role("open")
          .summary("Propose a new value of a parameter")
          .error(kUnknownParam)
          .error(kRetiredParam)
          .error(kOutOfBounds, "outside the range of the parameter, or no option of a mask")
          .error(kMissingDependency)
          .error(kInvalidPayload)
          .error(kGroupRule, "breaks a rule over several parameters, or a script owns the key")
          .error(kTooManyOpen)
          .error(kDuplicateProposal)
          .error(kHookRejected, "a voted script refuses the value");
  lua_errors(method);
  method.field("key")
      .help("parameter, by key or any of its names")
      .max(128)
      .field("new_value")
      .alias("value")
      .help("number, or names of a mask: inhouse,rocksdb")
      .field("deps")
      .help("proposals that must be in force before anybody votes")
      .field("vote_window")
      .alias("vote_window_epochs")
      .unit("epochs")
      .field("vote_deadline")
      .alias("vote_deadline_epoch")
      .unit("epoch")
      .help("instead of a window: the epoch at which votes are counted")
      .field("epoch")
      .help("must not be ahead of the chain's")
      .field("reason")
      .field("min")
      .help("ignored: the range is the parameter's own")
      .field("max")
      .help("ignored")
      .field("proposer")
      .help("ignored: the signing account counts");
  verb(method, "gov param update", {"gov propose param-update", "gov params update"})
      .positional("key")
      .positional("new_value")
      .flag("key", "--key")
      .flag("new_value", "--value")
      .say("parameter proposal {id} submitted")
      .example("contract-cli gov param update treasury_percent 25 --reason \"fund the audit\"",
               "proposes to send a quarter of the coinbase to the treasury")
      .example("contract-cli gov param update storage.engine_policy inhouse,rocksdb",
               "a mask takes names");
}

}  // namespace governance
