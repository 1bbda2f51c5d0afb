#include "tests/vectors_tool/wide.hpp"

#include <algorithm>

namespace blockd {
namespace {

constexpr std::string_view kLargestU64 = "18446744073709551615";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes of the string that starts at `at`, both quotes included.
std::size_t string_bytes(std::string_view json, std::size_t at) {
  std::size_t end = at + 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return std::min(end + 1, json.size()) - at;
}

// Bytes of the number that starts at `at`, sign, fraction and exponent included.
std::size_t number_bytes(std::string_view json, std::size_t at) {
  const std::size_t end = json.find_first_not_of("+-.0123456789eE", at);
  return std::min(end, json.size()) - at;
}

bool is_wide(std::string_view number) {
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return false;
  if (number.size() != kLargestU64.size()) return number.size() > kLargestU64.size();
  return number > kLargestU64;
}

}  // namespace

std::string quote_wide_numbers(std::string_view json) {
  std::string out;
  for (std::size_t at = 0; at < json.size();) {
    const bool number = is_digit(json[at]) || json[at] == '-';
    const std::size_t bytes = json[at] == '"' ? string_bytes(json, at)
                              : number        ? number_bytes(json, at)
                                              : 1;
    const std::string_view token = json.substr(at, bytes);
    const bool wide = number && is_wide(token);
    if (wide) out += '"';
    out += token;
    if (wide) out += '"';
    at += bytes;
  }
  return out;
}

}  // namespace blockd
