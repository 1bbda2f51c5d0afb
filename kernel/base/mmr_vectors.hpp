// Golden vectors of the Merkle mountain range: runs one case, so that a test or a tool can compare
// any file of them. A case is `{"name","input","expected"}`; `input.op` is one of `root`,
// `inclusion`, `verify_inclusion`, `consistency`, `verify_consistency`. [any]
#pragma once

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

// What `expected` should be for this `input`, complete. Errors: kInvalid when the input is not such
// a case.
Result<json::value> replay_mmr_case(const json::value& input);

}  // namespace blockd
