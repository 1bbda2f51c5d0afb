// Small pure functions on text that several rules share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gov {

// Without the white space of Unicode at both ends.
std::string_view trimmed(std::string_view text);
inline bool is_blank(std::string_view text) { return trimmed(text).empty(); }

// Decimal digits only, without sign; absent if there are none or they do not fit.
std::optional<std::uint64_t> digits_to_u64(std::string_view text);

}  // namespace gov
