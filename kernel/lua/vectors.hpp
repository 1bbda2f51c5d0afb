// Golden vectors of the sandbox (tests/vectors/governance/hooks.jsonl).
#pragma once

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd::lua {

// Answers the input of one case, fn param_change_hook: a script and a change, on a state of its
// own. Errors: kInvalid when the input is no case.
Result<json::value> replay_hook_case(const json::value& input);

}  // namespace blockd::lua
