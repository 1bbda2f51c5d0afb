// Parameters of the treasury: limits that a genesis may set and a vote may change.
#pragma once

#include "tb/sdk.hpp"

namespace treasury {

inline constexpr tb::Param kMaxOpen{0};
inline constexpr tb::Param kMaxOpenPerProposer{1};

}  // namespace treasury
