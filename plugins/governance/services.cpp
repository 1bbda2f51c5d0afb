#include "plugins/governance/services.hpp"

#include "plugins/governance/approvals.hpp"
#include "plugins/governance/decide.hpp"
#include "plugins/governance/houses.hpp"
#include "plugins/governance/keysets.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/provenance.hpp"
#include "plugins/governance/script_runs.hpp"

namespace governance {
namespace {

tb::Status activate(tb::Ctx& ctx, std::string_view caller, const tb::NoArgs&, tb::Out&) {
  if (caller != "chain") return ctx.fail(kNotAuthorized, "only the kernel activates parameters");
  return activate_due(ctx);
}

tb::Status get(tb::View& view, std::string_view, const KeyArgs& in, tb::Out& out) {
  const auto spec = find_spec(view, in.key);
  if (!spec) return view.fail(kUnknownParam, tb::cat("no parameter '", in.key, "'"));
  out.put("value", value_of(view, *spec).value);
  return tb::ok();
}

tb::Status spec_of(tb::View& view, std::string_view, const KeyArgs& in, tb::Out& out) {
  const auto spec = find_spec(view, in.key);
  if (!spec) return view.fail(kUnknownParam, tb::cat("no parameter '", in.key, "'"));
  out.put("key", spec->key);
  out.put("owner", spec->owner);
  out.put("default_value", spec->default_value);
  out.put("min", spec->min);
  out.put("max", spec->max);
  out.put("unit", spec->unit);
  out.put("timelock_epochs", spec->timelock_epochs);
  return tb::ok();
}

struct WriteArgs {
  std::string_view key;
  std::uint64_t value = 0;
  std::string_view event, actor;
};
BOOST_DESCRIBE_STRUCT(WriteArgs, (), (key, value, event, actor))

// The launch governor may write its own keys and the rehearsal flags, economics what it tunes.
bool may_write(std::string_view caller, const Spec& spec) {
  if (caller == "economics") return spec.owner == "economics";
  return caller == "governor" && (spec.owner == "governor" || spec.key == "dns_rehearsal_enabled" ||
                                  spec.key.starts_with("ad_rehearsal_"));
}

Refused write_value(tb::Ctx& ctx, std::string_view caller, const WriteArgs& in) {
  const auto spec = find_spec(ctx, in.key);
  if (!spec) return Refusal(kUnknownParam, tb::cat("no parameter '", in.key, "'"));
  if (!may_write(caller, *spec))
    return Refusal(kNotAuthorized, tb::cat("plugin ", caller, " may not write ", spec->key));
  if (auto refused = check_range(*spec, in.value)) return refused;
  if (auto refused = check_group(ctx, *spec, in.value)) return refused;
  const std::uint64_t old = value_of(ctx, *spec).next;
  return write_param(ctx, *spec, {spec->key, old, in.value, in.value}, {0, in.event, in.actor, {}});
}

tb::Status write(tb::Ctx& ctx, std::string_view caller, const WriteArgs& in, tb::Out&) {
  if (const auto refused = write_value(ctx, caller, in)) return refused->fail(ctx);
  return tb::ok();
}

struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))

tb::Status role(tb::View& view, std::string_view, const AccountArgs& in, tb::Out& out) {
  out.put("role", role_of(view, in.account));
  return tb::ok();
}

struct WeightArgs {
  std::string_view account, house;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(WeightArgs, (), (account, house, height))

tb::Status weight(tb::View& view, std::string_view, const WeightArgs& in, tb::Out& out) {
  out.put("weight", weight_at(view, in.house, in.account, in.height));
  return tb::ok();
}

struct HeightArgs {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeightArgs, (), (height))

tb::Status totals(tb::View& view, std::string_view, const HeightArgs& in, tb::Out& out) {
  const Weights sums = totals_at(view, in.height);
  out.put("operators", sums.operators);
  out.put("builders", sums.builders);
  return tb::ok();
}

struct BadgeArgs {
  std::string_view account;
  bool held = false;
};
BOOST_DESCRIBE_STRUCT(BadgeArgs, (), (account, held))

tb::Status badge(tb::Ctx& ctx, std::string_view caller, const BadgeArgs& in, tb::Out&) {
  if (caller != "badges") return ctx.fail(kNotAuthorized, "only the plugin badges knows of badges");
  if (const auto refused = take_badge(ctx, in.account, in.held)) return refused->fail(ctx);
  return tb::ok();
}

struct TopicArgs {
  std::string_view topic, payload;
};
BOOST_DESCRIBE_STRUCT(TopicArgs, (), (topic, payload))

tb::Status approved(tb::View& view, std::string_view, const TopicArgs& in, tb::Out& out) {
  const auto approval = view.load<Approval>(approval_key(in.topic, in.payload));
  out.put("approved",
          approval && (!approval->expires_at || view.time_s() <= *approval->expires_at));
  return tb::ok();
}

struct AllowanceArgs {
  std::string_view topic, key;
};
BOOST_DESCRIBE_STRUCT(AllowanceArgs, (), (topic, key))

tb::Status allowance(tb::View& view, std::string_view, const AllowanceArgs& in, tb::Out& out) {
  const auto approval = view.load<Approval>(approval_key(in.topic, in.key));
  if (!approval) return view.fail(kUnknownApproval, tb::cat("nothing was approved for ", in.key));
  out.write(*approval);
  return tb::ok();
}

tb::Status consume_allowance(tb::Ctx& ctx, std::string_view, const ConsumeArgs& in, tb::Out& out) {
  std::uint64_t remaining = 0;
  if (const auto refused = consume(ctx, in, &remaining)) return refused->fail(ctx);
  out.put("remaining", remaining);
  return tb::ok();
}

tb::Status keys_of(tb::View& view, std::string_view, const NameArgs& in, tb::Out& out) {
  if (!is_keyset(in.name))
    return view.fail(kUnknownKeyset, tb::cat("there is no set '", in.name, "'"));
  out.put("keys", keyset(view, in.name));
  return tb::ok();
}

struct HasKeyArgs {
  std::string_view name;
  tb::Hash key;
};
BOOST_DESCRIBE_STRUCT(HasKeyArgs, (), (name, key))

tb::Status holds_key(tb::View& view, std::string_view, const HasKeyArgs& in, tb::Out& out) {
  out.put("has", is_keyset(in.name) && has_key(view, in.name, in.key));
  return tb::ok();
}

void put_verdict(const Refused& refused, tb::Out& out) {
  out.put("refused", refused.has_value());
  out.put("reason", refused ? refused->text : std::string());
  out.put("name", refused ? refused->name : std::string());
}

tb::Status gate(tb::Ctx& ctx, std::string_view caller, const GateArgs& in, tb::Out& out) {
  if (caller != "governor") return ctx.fail(kNotAuthorized, "only the governor opens gates");
  put_verdict(run_gate_scripts(ctx, in), out);
  return tb::ok();
}

tb::Status payment(tb::Ctx& ctx, std::string_view caller, const PaymentArgs& in, tb::Out& out) {
  if (caller != "treasury") return ctx.fail(kNotAuthorized, "only the treasury pays");
  put_verdict(run_payment_scripts(ctx, in), out);
  return tb::ok();
}

struct ProvenanceArgs {
  std::string_view kind;
  std::optional<std::uint64_t> disbursement_id;
  std::optional<std::string> from_state, to_state;
  std::optional<std::uint64_t> amount;
  std::optional<std::string> destination, reason, tx_hash, subject;
  tb::Value data;
};
BOOST_DESCRIBE_STRUCT(ProvenanceArgs, (),
                      (kind, disbursement_id, from_state, to_state, amount, destination, reason,
                       tx_hash, subject, data))

tb::Status provenance(tb::Ctx& ctx, std::string_view caller, const ProvenanceArgs& in,
                      tb::Out& out) {
  if (caller != "treasury") return ctx.fail(kNotAuthorized, "only the treasury adds entries");
  gov::ProvenanceEntry entry;
  entry.kind = in.kind;
  entry.disbursement_id = in.disbursement_id;
  entry.from_state = in.from_state;
  entry.to_state = in.to_state;
  entry.amount = in.amount;
  entry.destination = in.destination;
  entry.reason = in.reason;
  entry.tx_hash = in.tx_hash;
  entry.subject = in.subject;
  std::optional<std::string> snapshot;
  if (!in.data.absent()) {
    if (in.kind == "disbursement") {
      snapshot = canonical(in.data);
    } else {
      entry.data_json = canonical(in.data);
    }
  }
  const ProvenanceTip tip = add_provenance(ctx, std::move(entry), std::move(snapshot));
  out.put("seq", tip.seq);
  out.put("hash", tip.hash);
  return tb::ok();
}

void describe_requires(tb::Plugin& p) {
  p.requires_service(kChain, "chain/1")
      .function(kSetParam, "set_param")
      .function(kParam, "param")
      .function(kCheckParam, "check_param")
      .function(kSpec, "spec")
      .function(kSpecs, "specs")
      .function(kSetRole, "set_role")
      .function(kSwitchPlugin, "switch_plugin")
      .function(kPlugin, "plugin")
      .function(kGenesis, "genesis");
  p.requires_service(kLua, "lua/1")
      .optional()
      .function(kCheck, "check")
      .function(kRun, "run")
      .function(kTally, "tally");
}

void describe_params_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("params/1");
  service.function("activate", &activate)
      .help("Brings what is due into force; called by the kernel in each block")
      .error(kNotAuthorized);
  service.function("get", &get).help("Value of a parameter in this block").error(kUnknownParam);
  service.function("spec", &spec_of).help("What a parameter is").error(kUnknownParam);
  service.function("write", &write)
      .help("A value for the next block; governor and economics, for their keys")
      .error(kUnknownParam)
      .error(kNotAuthorized)
      .error(kOutOfBounds)
      .error(kGroupRule);
}

void describe_roles_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("roles/1");
  service.function("role", &role).help("none, executor, operator or admin");
  service.function("weight", &weight).help("Weight of a member of a house after that block; or 0");
  service.function("totals", &totals).help("Weight of both houses after that block");
  service.function("badge", &badge)
      .help("A badge was issued or revoked; its holder is an operator if the genesis says so")
      .error(kNotAuthorized)
      .error(kInvalidPayload);
}

void describe_gov_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("gov/1");
  service.function("approved", &approved).help("Whether a payload was approved");
  service.function("allowance", &allowance)
      .help("An allowance as it stands")
      .error(kUnknownApproval);
  service.function("consume", &consume_allowance)
      .help("Uses up part of an allowance")
      .error(kInvalidPayload)
      .error(kUnknownApproval)
      .error(kApprovalExpired)
      .error(kWrongRelayer)
      .error(kInsufficientAllowance);
  service.function("keyset", &keys_of).help("Keys of a set").error(kUnknownKeyset);
  service.function("has_key", &holds_key).help("Whether a set has a key");
  service.function("gate", &gate)
      .help("Asks the scripts before a gate is opened or closed; governor only")
      .error(kNotAuthorized);
  service.function("payment", &payment)
      .help("Asks the scripts before a disbursement is executed; treasury only")
      .error(kNotAuthorized);
  service.function("provenance", &provenance)
      .help("Adds an entry to the provenance log; treasury only")
      .error(kNotAuthorized);
}

}  // namespace

void describe_services(tb::Plugin& p) {
  describe_requires(p);
  describe_params_service(p);
  describe_roles_service(p);
  describe_gov_service(p);
  describe_scripts_service(p);
}

}  // namespace governance
