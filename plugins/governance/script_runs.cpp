#include "plugins/governance/script_runs.hpp"

#include "plugins/governance/common.hpp"
#include "tb/blake3.hpp"

namespace governance {
namespace {

Refusal script_refusal(const ActiveScript& script, std::string_view reason) {
  return {kHookRejected,
          tb::cat("script ", script.header.name, " refused", reason.empty() ? "" : ": ", reason)};
}

bool hears_of(const ActiveScript& script, std::string_view key) {
  return lists(script.header.on, "on_param_change") &&
         (lists(script.header.keys, "*") || lists(script.header.keys, key));
}

// The kernel runs no text but the one of the hash, and calls any other a failure like many. Whether
// that is why this call failed is asked only then, so that a call that goes well pays nothing.
void name_damage(tb::Ctx& ctx, const ActiveScript& script, tb::Answer<RunResult>& answer) {
  const auto source = ctx.get(name_key("source/", script.header.name));
  if (source && tb::blake3(*source) == script.hash) return;
  answer.code = kScriptHashMismatch.code;
  answer.name = kScriptHashMismatch.name;
  answer.text = tb::cat("script ", script.header.name, " was voted with the hash ",
                        script.hash.hex(), ", the stored text is another: this state is damaged");
}

// The first refusal, or the first failure of a script, counts.
Refused ask_at_gate(tb::Ctx& ctx, const tb::Value& argument) {
  for (const ActiveScript& script : active_scripts(ctx).scripts) {
    if (!lists(script.header.on, "on_gate")) continue;
    const auto answer = run_script(ctx, script, "on_gate", argument);
    if (!answer) return refusal_of(answer);
    if (answer->refused) return script_refusal(script, answer->reason);
  }
  return std::nullopt;
}

}  // namespace

tb::Answer<RunResult> run_script(tb::Ctx& ctx, const ActiveScript& script, std::string_view event,
                                 const tb::Value& argument) {
  const std::string& name = script.header.name;
  const tb::Key source = name_key("source/", name), store = sstate_prefix(name);
  auto answer =
      ctx.call(kRun, {name, script.hash, {source.view()}, {store.view()}, event, argument});
  if (!answer.ok() && !ctx.aborted()) name_damage(ctx, script, answer);
  const std::string_view result = !answer.ok()      ? std::string_view(answer.name)
                                  : answer->refused ? "refused"
                                                    : "ok";
  ctx.add(kScriptRuns, 1, {name, event, result});
  ctx.observe(kScriptInstructions, static_cast<std::int64_t>(answer->instructions), {name});
  return answer;
}

Refused run_change_scripts(tb::Ctx& ctx, const Spec& spec, const Wanted& wanted,
                           std::uint64_t* value) {
  const ActiveScripts active = active_scripts(ctx);
  if (active.scripts.empty()) return std::nullopt;
  const std::uint64_t old = value_of(ctx, spec).next;
  for (const ActiveScript& script : active.scripts) {
    if (!hears_of(script, spec.key)) continue;
    Argument argument;
    argument.put("key", spec.key).put("old", old).put("new", *value);
    argument.put("min", spec.min).put("max", spec.max).put("unit", spec.unit);
    argument.put("epoch", ctx.epoch()).put("height", ctx.height());
    argument.put("proposal_id", wanted.proposal_id).put("proposer", wanted.proposer);
    argument.put("kind", wanted.stage == "rollback" ? "rollback" : "activate");
    argument.put("stage", wanted.stage);
    const auto answer = run_script(ctx, script, "on_param_change", argument.value());
    if (!answer) return refusal_of(answer);
    if (answer->refused) return script_refusal(script, answer->reason);
    if (!answer->has_value) continue;
    if (answer->value < 0)
      return Refusal(kOutOfBounds, tb::cat("script ", script.header.name, " answered ",
                                           answer->value, " for ", spec.key));
    *value = static_cast<std::uint64_t>(answer->value);
  }
  return std::nullopt;
}

Refused run_gate_scripts(tb::Ctx& ctx, const GateArgs& gate) {
  Argument argument;
  argument.put_all(gate);
  return ask_at_gate(ctx, argument.value());
}

Refused run_payment_scripts(tb::Ctx& ctx, const PaymentArgs& payment) {
  Argument argument;
  argument.put("gate", kTreasuryGate).put("action", std::string_view("execute"));
  argument.put("epoch", ctx.epoch()).put("height", ctx.height()).put("manual", false);
  argument.put_all(payment);
  return ask_at_gate(ctx, argument.value());
}

}  // namespace governance
