#include "plugins/governance/params.hpp"

#include <algorithm>
#include <map>

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/governance/common.hpp"
#include "plugins/governance/script_runs.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kSpecPage = 256;

Spec from_chain(ChainSpec&& spec) {
  Spec out;
  out.key = std::move(spec.key);
  out.owner = std::move(spec.declared_owner);
  out.plugin = std::move(spec.owner);
  out.unit = std::move(spec.unit);
  out.default_value = spec.default_value;
  out.min = spec.min;
  out.max = spec.max;
  out.timelock_epochs = spec.timelock_epochs;
  out.rollback_epochs = spec.rollback_epochs;
  out.aliases = std::move(spec.aliases);
  return out;
}

Spec from_catalogue(const gov::CatalogueEntry& entry) {
  Spec out;
  out.key = entry.key;
  out.owner = entry.owner;
  out.unit = entry.unit;
  out.default_value = entry.default_value;
  out.min = entry.min;
  out.max = entry.max;
  out.timelock_epochs = entry.timelock_epochs;
  out.rollback_epochs = gov::kRollbackWindowEpochs;
  return out;
}

// The genesis says how long the kill switch waits, whoever declares it.
Spec with_rules(tb::View& view, Spec spec) {
  if (spec.key == gov::kKillSwitch)
    spec.timelock_epochs = static_cast<std::uint32_t>(view.param(kKillSwitchTimelock));
  return spec;
}

}  // namespace

std::optional<Spec> find_spec(tb::View& view, std::string_view name) {
  const std::string key = gov::canonical_key(name);
  for (const std::string_view candidate : {name, std::string_view(key)}) {
    auto declared = view.ask(kSpec, {candidate});
    if (declared) return with_rules(view, from_chain(std::move(declared.value)));
    if (key == name || view.aborted()) break;
  }
  const gov::CatalogueEntry* entry = gov::find_entry(key);
  if (entry == nullptr) return std::nullopt;
  return with_rules(view, from_catalogue(*entry));
}

std::vector<Spec> all_specs(tb::View& view) {
  std::map<std::string, Spec> by_key;
  for (const gov::CatalogueEntry& entry : gov::catalogue())
    by_key.emplace(entry.key, from_catalogue(entry));
  std::string after;
  for (bool more = true; more && !view.aborted();) {
    auto page = view.ask(kSpecs, {after, kSpecPage});
    more = page.ok() && page->specs.size() == kSpecPage;
    if (!page) break;
    for (ChainSpec& spec : page.value.specs) {
      after = spec.key;
      by_key.insert_or_assign(after, from_chain(std::move(spec)));
    }
  }
  std::vector<Spec> specs;
  for (auto& [key, spec] : by_key) specs.push_back(with_rules(view, std::move(spec)));
  return specs;
}

ParamNow value_of(tb::View& view, const Spec& spec) {
  const auto answer = view.ask(kParam, {spec.key});
  if (!answer) return {spec.default_value, spec.default_value};
  return {answer->value.value_or(spec.default_value), answer->next};
}

std::optional<std::uint64_t> next_value(tb::View& view, std::string_view key) {
  const auto answer = view.ask(kParam, {key});
  if (answer) return answer->next;
  const gov::CatalogueEntry* entry = gov::find_entry(key);
  return entry == nullptr ? std::nullopt : std::optional(entry->default_value);
}

Refused check_range(const Spec& spec, std::uint64_t value) {
  if (value < spec.min || value > spec.max) {
    return Refusal(kOutOfBounds, tb::cat(spec.key, ": ", value, " is outside ", spec.min, "..",
                                         spec.max, spec.unit.empty() ? "" : " ", spec.unit));
  }
  if (!gov::mask_holds(spec.key, value))
    return Refusal(kOutOfBounds, tb::cat(spec.key, ": ", value, " has a bit that names nothing"));
  return std::nullopt;
}

Refused check_group(tb::View& view, const Spec& spec, std::uint64_t value) {
  const auto violation = gov::group_violation(
      spec.key, value, [&](std::string_view key) { return next_value(view, key); });
  if (violation) return Refusal(kGroupRule, *violation);
  return std::nullopt;
}

std::string owner_script(tb::View& view, std::string_view key) {
  for (const ActiveScript& script : active_scripts(view).scripts) {
    const auto& owns = script.header.owns;
    if (std::find(owns.begin(), owns.end(), key) != owns.end()) return script.header.name;
  }
  return {};
}

Refused check_change(tb::Ctx& ctx, const Spec& spec, const Wanted& wanted,
                     std::uint64_t* effective) {
  const bool rollback = wanted.stage == "rollback";
  if (auto refused = check_range(spec, wanted.value)) return refused;
  if (auto refused = check_group(ctx, spec, wanted.value)) return refused;
  if (!spec.plugin.empty()) {
    const auto checked = ctx.ask(kCheckParam, {spec.key, wanted.value});
    if (!checked) return refusal_of(checked);
  }
  *effective = wanted.value;
  if (auto refused = run_change_scripts(ctx, spec, wanted, effective); refused && !rollback)
    return refused;
  if (rollback) *effective = wanted.value;  // a hook cannot refuse a rollback, nor transform it
  if (*effective == wanted.value) return std::nullopt;
  if (auto refused = check_range(spec, *effective)) return refused;
  return check_group(ctx, spec, *effective);
}

Refused write_param(tb::Ctx& ctx, const Spec& spec, const Change& change, const Written& why) {
  const auto set = ctx.call(kSetParam, {spec.key, change.new_value});
  if (!set) return refusal_of(set);
  note_history(ctx, change, why);
  ctx.store(name_key("since/", spec.key), Since{why.proposal_id, ctx.epoch(), ctx.height()});
  return std::nullopt;
}

void note_history(tb::Ctx& ctx, const Change& change, const Written& why) {
  Counters counters = load_counters(ctx);
  counters.history_seq += 1;
  ctx.store(kCountersKey, counters);
  ctx.emit(kParamChanged, {counters.history_seq, change.key, why.proposal_id, ctx.epoch(),
                           ctx.height(), ctx.time_s(), change.old_value, change.new_value,
                           change.voted_value, why.event, why.actor, why.script});
  ctx.set(kParamActive, static_cast<std::int64_t>(change.new_value), {change.key});
  show_policy(ctx, change.key, change.new_value);
}

void show_policy(tb::Ctx& ctx, std::string_view key, std::uint64_t mask) {
  const auto options = gov::mask_options(key);
  const std::string_view kind = key.substr(0, key.find('_'));
  for (std::size_t bit = 0; bit < options.size(); ++bit)
    ctx.set(kPolicyAllowed, static_cast<std::int64_t>(mask >> bit & 1), {kind, options[bit]});
}

}  // namespace governance
