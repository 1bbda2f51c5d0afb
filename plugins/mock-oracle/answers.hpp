// What the oracle reads from the node's answers, and the tables it makes of them. [any]
#pragma once

#include <map>

#include "plugins/mock-oracle/meters.hpp"

namespace mock_oracle {

inline constexpr std::uint32_t kPageSize = 250;  // of energy.providers, at most
inline constexpr std::uint64_t kMaxListed = 100'000;
inline constexpr std::uint64_t kStake = 5000;
inline constexpr std::uint64_t kCapacityKwh = 1'000'000'000'000;  // never used up by the demo
inline constexpr std::size_t kMaxKeys = 10'000;                   // of the market's registry

// A number, also one that travels as a decimal string because it is above 2^53-1; else 0.
std::uint64_t number_of(tb::Value value);

bool is_rehearsal(tb::Value error);
// "SettlementPaused: ... (-33005)", cut to what fits a log line.
std::string error_text(tb::Value error);
// The label `result` of the metrics: ok, rehearsal, refused.
std::string_view result_label(const tb::Reply& reply);

// What the meter of a provider object showed last.
MeterState shown_by(tb::Value provider);
// How many pages a list of energy.providers has; providers beyond kMaxListed are not looked at.
std::uint32_t page_count(tb::Value page);

using KeyTable = std::map<std::string, std::string>;  // provider id -> public key in hex

KeyTable keys_of(tb::Value registry);
// Adds the keys of the demo's meters; false when all were there already.
bool add_keys(KeyTable& table, const std::vector<std::string>& providers, const MeterKeys& keys);
void put_keys(const KeyTable& table, tb::Out& out);

}  // namespace mock_oracle
