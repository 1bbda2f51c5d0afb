// A payload of `gov disburse submit` from its JSON text.
#pragma once

#include <string>
#include <string_view>

#include "plugins/gov-core/payload.hpp"

namespace treasury {

// False if the text is no such payload: `problem` names the field by its path, such as
// "disbursement.amount: expected a number". Unknown fields are refused.
bool parse_payload(std::string_view text, gov::Payload* out, std::string* problem);

}  // namespace treasury
