// Replays golden cases of the receipts spec with the rules of this folder: for tests and for the
// vectors tool. Not part of the plugin. [any]
#pragma once

#include <string>
#include <string_view>

namespace receipts {

// What the rules answer to one case: `kind` is the name of the vector file (encoding, blocks,
// validate, nonces, registry, drain, malformed, totals, sla, bundles), `input_json` its member
// `input`; under another name the members of the input tell the kind. Returns the JSON that its
// member `expected` should hold, members in the same order. Throws std::runtime_error for an
// unknown kind or an input that is no case of it.
std::string replay_receipts_case(std::string_view kind, std::string_view input_json);

}  // namespace receipts
