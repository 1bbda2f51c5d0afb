// The snapshot of a boundary as canonical JSON, its hash, and what a stored one says (economics
// spec 6.12). Pure. [any]
//
// Members stand in ascending order; integers above 2^53-1 are decimal strings.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "plugins/economics/rules/laws.hpp"

namespace economics {

std::string canonical_json(const Snapshot& snapshot);

// BLAKE3 as 64 hexadecimal digits.
std::string hash_of(std::string_view text);

// The members of canonical JSON by their flat names, "inputs.markets.energy.margin_ppm"; values as
// texts, strings without quotes.
// Empty: the text is no JSON of objects, strings and integers.
std::map<std::string, std::string> flat_members(std::string_view json);

// Takes back what a stored snapshot holds. effective_miners_milli is not part of it and stays 0.
std::optional<Snapshot> read_snapshot(std::string_view json);

// The first member in which two snapshots differ, "inflation.block_reward_per_block"; empty: none.
std::string first_difference(std::string_view stored, std::string_view again);

}  // namespace economics
