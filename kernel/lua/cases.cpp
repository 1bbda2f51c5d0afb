#include "kernel/lua/cases.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <ostream>

namespace blockd::lua {
namespace {

constexpr std::string_view kInputMembers[] = {"fn",       "script",      "change", "event",
                                              "argument", "params",      "state",  "econ",
                                              "treasury", "repeat_calls"};
constexpr std::uint64_t kMaxRepeats = 10'000;

Status wrong(const std::string& what) {
  return Status(Code::kInvalid, "the case is wrong: " + what);
}

std::uint64_t budget_of(std::string_view event) {
  if (event == "on_param_change") return kBudgetParamChange;
  if (event == "on_epoch") return kBudgetEpoch;
  return event == "on_gate" ? kBudgetGate : kBudgetBlock;
}

// What the case says that the script reads. Objects are borrowed from the input.
struct Surroundings {
  const json::object *params = nullptr, *state = nullptr, *econ = nullptr, *treasury = nullptr;
  json::array log;

  Reads reads();
};

const json::value* find(const json::object* object, std::string_view name) {
  return object ? object->if_contains(name) : nullptr;
}

Status read_unsigned(const json::value& value, std::uint64_t* out) {
  if (value.is_int64() && value.get_int64() >= 0) {
    *out = static_cast<std::uint64_t>(value.get_int64());
  } else if (value.is_uint64()) {
    *out = value.get_uint64();
  } else {
    return wrong("expected an integer of at least 0, found " + json::serialize(value));
  }
  return {};
}

Status read_spec(const json::value& value, Reads::Spec* spec) {
  spec->max = INT64_MAX;
  const json::object* object = value.if_object();
  if (!object) return read_unsigned(value, &spec->value);
  for (const auto& member : *object) {
    const std::string_view name = member.key();
    if (name == "unit" && member.value().is_string()) {
      spec->unit = std::string(member.value().get_string());
      continue;
    }
    std::uint64_t* field = name == "value"     ? &spec->value
                           : name == "default" ? &spec->default_value
                           : name == "min"     ? &spec->min
                           : name == "max"     ? &spec->max
                                               : nullptr;
    if (!field) return wrong("params: unknown member " + std::string(name));
    TB_TRY(read_unsigned(member.value(), field));
  }
  return {};
}

Reads Surroundings::reads() {
  Reads out;
  out.param_spec = [this](std::string_view key, std::optional<Reads::Spec>* spec) -> Status {
    const json::value* value = find(params, key);
    if (!value) return {};
    return read_spec(*value, &spec->emplace());
  };
  out.param = [read = out.param_spec](std::string_view key, std::optional<std::uint64_t>* value) {
    std::optional<Reads::Spec> spec;
    const Status status = read(key, &spec);
    if (spec) *value = spec->value;
    return status;
  };
  out.state = [this](std::string_view key, std::optional<json::value>* value) -> Status {
    const json::value* found = find(state, key);
    if (!found) return {};
    if (!found->is_int64() && !found->is_string())
      return wrong("state." + std::string(key) + " must be an integer or a string");
    *value = *found;
    return {};
  };
  out.econ = [this](std::string_view name, std::optional<std::int64_t>* value) -> Status {
    const json::value* found = find(econ, name);
    if (!found) return {};
    if (!found->is_int64()) return wrong("econ." + std::string(name) + " must be an integer");
    *value = found->get_int64();
    return {};
  };
  out.treasury_balance = [this](std::optional<std::uint64_t>* amount) -> Status {
    const json::value* found = find(treasury, "balance");
    return found ? read_unsigned(*found, &amount->emplace()) : Status();
  };
  out.log = [this](std::string_view text) {
    // Lines of the log may have any bytes; those of a case are shown as JSON.
    std::string shown;
    for (const char c : text) shown.push_back(c >= ' ' && c < 0x7f ? c : '?');
    log.emplace_back(shown);
  };
  return out;
}

Status take_object(const json::object& input, std::string_view name, const json::object** out) {
  const json::value* value = input.if_contains(name);
  if (!value) return {};
  *out = value->if_object();
  return *out ? Status() : wrong(std::string(name) + " must be an object");
}

struct Call {
  std::string event;
  const json::object* argument = nullptr;
  bool is_change = false;
  std::uint64_t repeats = 1;
  Surroundings around;
};

Status read_call(const json::object& input, Call* call) {
  for (const auto& member : input) {
    const std::string_view name = member.key();
    if (std::find(std::begin(kInputMembers), std::end(kInputMembers), name) ==
        std::end(kInputMembers))
      return wrong("unknown member " + std::string(name));
  }
  const json::value *fn = input.if_contains("fn"), *event = input.if_contains("event");
  if (!fn || !fn->is_string()) return wrong("fn is missing");
  call->is_change = fn->get_string() == "param_change_hook";
  if (call->is_change) {
    call->event = "on_param_change";
  } else if (fn->get_string() != "script_call") {
    return wrong("fn must be param_change_hook or script_call");
  } else if (!event || !event->is_string() ||
             std::find(std::begin(kEvents), std::end(kEvents),
                       std::string_view(event->get_string())) == std::end(kEvents)) {
    return wrong(
        "event must be on_param_change, on_epoch, on_block, on_gate, before_apply or after_apply");
  } else {
    call->event = std::string(event->get_string());
  }
  TB_TRY(take_object(input, call->is_change ? "change" : "argument", &call->argument));
  if (!call->argument) return wrong(call->is_change ? "change is missing" : "argument is missing");
  TB_TRY(take_object(input, "params", &call->around.params));
  TB_TRY(take_object(input, "state", &call->around.state));
  TB_TRY(take_object(input, "econ", &call->around.econ));
  TB_TRY(take_object(input, "treasury", &call->around.treasury));
  if (const json::value* repeats = input.if_contains("repeat_calls")) {
    TB_TRY(read_unsigned(*repeats, &call->repeats));
    if (call->repeats == 0 || call->repeats > kMaxRepeats)
      return wrong("repeat_calls must be 1 to 10000");
  }
  return {};
}

// What stands after the hook: the transformed value, or the new one, in its range.
Status judge_change(const json::object& change, const Verdict& verdict, json::object* outcome) {
  std::int64_t fields[3] = {};
  constexpr std::string_view kNames[] = {"new", "min", "max"};
  for (std::size_t i = 0; i < 3; ++i) {
    const json::value* value = change.if_contains(kNames[i]);
    if (!value || !value->is_int64())
      return wrong("change." + std::string(kNames[i]) + " must be an integer");
    fields[i] = value->get_int64();
  }
  const std::int64_t effective = verdict.value.value_or(fields[0]);
  if (effective < fields[1] || effective > fields[2])
    (*outcome)["result"] = "out_of_bounds";
  else
    (*outcome)["effective"] = effective;
  return {};
}

void show_fault(const Answer& answer, json::object* outcome) {
  *outcome = {{"result", fault_name(answer.fault)}, {"text", answer.text}};
}

void show_result(const HookResult& result, json::object* outcome) {
  for (const auto& [key, value] : result.params) {
    json::value& all = (*outcome)["params"];
    (all.is_null() ? all.emplace_object() : all.get_object())[key] = value;
  }
  for (const auto& [key, value] : result.state) {
    json::value& all = (*outcome)["state"];
    (all.is_null() ? all.emplace_object() : all.get_object())[key] = value;
  }
  for (const auto& [name, data] : result.events) {
    json::value& all = (*outcome)["events"];
    (all.is_null() ? all.emplace_array() : all.get_array())
        .push_back(json::object{{"name", name}, {"data", data}});
  }
}

Result<json::object> call_once(Script& script, Call& call) {
  call.around.log.clear();
  Answer answer =
      script.call(call.event, *call.argument, budget_of(call.event), call.around.reads());
  if (!answer.aborted.ok()) return answer.aborted;
  json::object outcome{{"result", "ok"}};
  if (call.event == "on_epoch" || call.event == "on_block") {
    const HookResult result = read_hook_result(call.event, &answer);
    show_result(result, &outcome);
  } else if (const Verdict verdict = read_verdict(call.event, &answer); verdict.refused) {
    outcome = {{"result", "hook_rejected"}, {"reason", verdict.reason}};
  } else if (answer.ok() && call.is_change) {
    TB_TRY(judge_change(*call.argument, verdict, &outcome));
  } else if (verdict.value) {
    outcome["effective"] = *verdict.value;
  }
  if (!answer.ok()) show_fault(answer, &outcome);
  if (!call.around.log.empty()) outcome["log"] = call.around.log;
  outcome["instructions"] = answer.instructions;
  return outcome;
}

// --- files of cases
// -------------------------------------------------------------------------------

std::string difference(const json::object& expected, const json::object& outcome) {
  std::string out;
  const auto shown = [&](std::string_view name) {
    const json::value* value = outcome.if_contains(name);
    return value ? json::serialize(*value) : std::string("nothing");
  };
  for (const auto& member : expected) {
    const std::string_view name = member.key();
    if (name == "result_any_of") {
      const json::array* any = member.value().if_array();
      if (any && std::find(any->begin(), any->end(), outcome.at("result")) != any->end()) continue;
      out += "    result: expected one of " + json::serialize(member.value()) + ", got " +
             shown("result") + '\n';
      continue;
    }
    const json::value* got = outcome.if_contains(name);
    if (got && *got == member.value()) continue;
    out += "    " + std::string(name) + ": expected " + json::serialize(member.value()) + ", got " +
           shown(name) + '\n';
  }
  if (!out.empty() && outcome.contains("text") && !expected.contains("text"))
    out += "    " + std::string(outcome.at("text").get_string()) + '\n';
  return out;
}

class CaseRunner {
 public:
  explicit CaseRunner(std::string_view source) { script_ = Script::compile(source, &compiled_); }

  // What is wrong with the case; empty if it passes. `*name` is its name as soon as that is known.
  std::string run(std::string_view line, std::string* name) {
    const Result<json::value> parsed = parse_json(line);
    if (!parsed.ok()) return "    " + parsed.status().to_string() + '\n';
    const json::object* whole = parsed->if_object();
    const json::value* given_name = find(whole, "name");
    const json::value *input = find(whole, "input"), *expected = find(whole, "expected");
    if (given_name && given_name->is_string()) *name = std::string(given_name->get_string());
    if (!input || !input->is_object() || !expected || !expected->is_object())
      return "    a case is {\"name\",\"input\":{…},\"expected\":{…}}\n";
    const Result<json::object> outcome = outcome_of(input->get_object());
    if (!outcome.ok()) return "    " + outcome.status().to_string() + '\n';
    const json::object& wanted = expected->get_object();
    if (!wanted.contains("result") && !wanted.contains("result_any_of"))
      return "    expected needs result or result_any_of\n";
    return difference(wanted, *outcome);
  }

 private:
  Result<json::object> outcome_of(const json::object& input) {
    const json::value* text = input.if_contains("script");
    if (!text) return outcome_of(script_.get(), compiled_, input);
    if (!text->is_string()) return wrong("script must be a text");
    Answer compiled;
    const auto own = Script::compile(text->get_string(), &compiled);
    return outcome_of(own.get(), compiled, input);
  }

  static Result<json::object> outcome_of(Script* script, const Answer& compiled,
                                         const json::object& input) {
    if (script) return run_once(*script, input);
    if (!compiled.aborted.ok()) return compiled.aborted;
    json::object outcome;
    show_fault(compiled, &outcome);
    return outcome;
  }

  Answer compiled_;
  std::unique_ptr<Script> script_;
};

}  // namespace

Result<json::object> run_once(Script& script, const json::object& input) {
  Call call;
  TB_TRY(read_call(input, &call));
  Result<json::object> first = call_once(script, call);
  for (std::uint64_t i = 1; first.ok() && i < call.repeats; ++i) {
    const Result<json::object> again = call_once(script, call);
    if (!again.ok()) return again.status();
    if (*again != *first)
      return Status(Code::kInternal,
                    "call " + std::to_string(i + 1) +
                        " answered otherwise than the first: " + json::serialize(*again));
  }
  return first;
}

Tally run_cases(std::string_view source, std::string_view cases, std::ostream& out) {
  Tally tally;
  CaseRunner runner(source);
  for (std::size_t number = 1; !cases.empty(); ++number) {
    const std::size_t end = std::min(cases.find('\n'), cases.size());
    const std::string_view line = cases.substr(0, end);
    cases.remove_prefix(std::min(end + 1, cases.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    std::string name = "line " + std::to_string(number);
    const std::string trouble = runner.run(line, &name);
    ++(trouble.empty() ? tally.passed : tally.failed);
    out << (trouble.empty() ? "ok      " : "FAILED  ") << name << '\n' << trouble;
  }
  return tally;
}

}  // namespace blockd::lua
