// Reads the hint `depends_on` out of a memo that is a JSON object.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gov {

// Absent if `text` is not one well-formed JSON object of at most 64 levels. Else the ids among the
// first 100 items of its array `depends_on` (the last one, if the name comes twice): unsigned
// integers, and strings of digits; everything else is passed over.
std::optional<std::vector<std::uint64_t>> json_depends_on(std::string_view text);

}  // namespace gov
