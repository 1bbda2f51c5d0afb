// Integers above 64 bits in a golden vector. [any]
#pragma once

#include <string>
#include <string_view>

namespace blockd {

// The JSON text with each whole number above 2^64 - 1 as a decimal string, which is how answers
// print it; a parser would read it as a number with 53 bits. All else stays as it is.
std::string quote_wide_numbers(std::string_view json);

}  // namespace blockd
