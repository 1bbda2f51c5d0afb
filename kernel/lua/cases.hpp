// Cases: calls of a script against surroundings written as JSON, for authors' tests, dry runs and
// golden vectors. Used by contract-cli and by tests; no block ever runs through here.
//
// A case is a line {"name","input":{…},"expected":{…}}. Its input is
//   {"fn":"param_change_hook","change":{"key","old","new","min","max",…}} or
//   {"fn":"script_call","event","argument":{…}}, and may have
//   "script": another text; "repeat_calls": how often to call, with the same answer each time; and
//   what the script reads: "params":{key: integer or {"value","default","min","max","unit"}},
//   "state":{key: integer or string}, "econ":{name: integer}, "treasury":{"balance": integer}.
// The outcome is an object: "result" is ok, hook_rejected, out_of_bounds or the name of a fault;
// then "reason", "effective" (the value of a change), "params", "state" (null: removed), "events",
// "log", "text" (of a fault), "instructions" where they say something.
#pragma once

#include <iosfwd>
#include <string_view>

#include "kernel/base/json.hpp"
#include "kernel/lua/script.hpp"

namespace blockd::lua {

// The outcome of one input. Errors: kInvalid when the input is no case.
Result<json::object> run_once(Script& script, const json::object& input);

struct Tally {
  std::size_t passed = 0, failed = 0;
};
// Runs the cases of a JSON Lines text, each against every member that its "expected" names
// ("result_any_of" is a list of results), and prints a line a case to `out`, with the differences
// below a failed one. A line that is no case fails. A source that does not compile fails each case
// that expects something else.
Tally run_cases(std::string_view source, std::string_view cases, std::ostream& out);

}  // namespace blockd::lua
