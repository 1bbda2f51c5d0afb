#include "kernel/lua/vectors.hpp"

#include "kernel/lua/cases.hpp"

namespace blockd::lua {

Result<json::value> replay_hook_case(const json::value& input) {
  const json::object* object = input.if_object();
  const json::value* source = object ? object->if_contains("script") : nullptr;
  if (!source || !source->is_string())
    return Status(Code::kInvalid, "a case of param_change_hook needs script, a text");
  Answer compiled;
  const auto script = Script::compile(source->get_string(), &compiled);
  if (!script) {
    if (!compiled.aborted.ok()) return compiled.aborted;
    return json::value(json::object{{"result", fault_name(compiled.fault)}});
  }
  Result<json::object> outcome = run_once(*script, *object);
  if (!outcome.ok()) return outcome.status();
  // A vector says what is stored or refused, not how an error is worded or what the call cost.
  for (const char* extra : {"text", "instructions", "log"}) outcome->erase(extra);
  return json::value(*std::move(outcome));
}

}  // namespace blockd::lua
