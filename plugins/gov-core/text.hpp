// Small pure functions on text that several rules share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gov {

// Without the white space of Unicode at both ends.
std::string_view trimmed(std::string_view text);
inline bool is_blank(std::string_view text) { return trimmed(text).empty(); }

// Decimal digits only, without sign; absent if there are none or they do not fit.
std::optional<std::uint64_t> digits_to_u64(std::string_view text);

// The name that `word` was probably meant to be: the one with the fewest letters that differ, of
// equal ones the first, if they are at most a third of the word and one more. Empty: none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& names);

}  // namespace gov
