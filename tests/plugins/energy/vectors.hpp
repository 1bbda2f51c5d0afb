// Replays one golden case of the energy market: its input to what was found, both as JSON texts.
// [any, one thread]
//
// Kinds: sign, verify, fee, reputation (rules only) and sequence (the machine on a MarketBench).
// The answer has the members of the vectors' `expected`, and may have more; compare those that are
// expected. Integers are printed as plain numbers. Errors: std::runtime_error for an unknown kind
// or an input that is none.
#pragma once

#include <string>
#include <string_view>

namespace energy {

std::string replay_energy_case(std::string_view kind, std::string_view input);

}  // namespace energy
