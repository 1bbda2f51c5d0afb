// Integers in texts, as tonumber() reads them. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace blockd::lua {

// "42", "-7", " 0x1F ": decimal or hexadecimal, a sign, blanks around. Nothing for anything else,
// "1e3" and "1.0" among it, nor for a number beyond 64 signed bits.
std::optional<std::int64_t> read_numeral(std::string_view text);

}  // namespace blockd::lua
