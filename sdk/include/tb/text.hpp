// cat: texts of errors and logs from pieces. [any]
//
//   ctx.fail(kTooPoor, tb::cat("needs ", amount, ", holds ", balance))
#pragma once

#include <charconv>
#include <string>
#include <string_view>

namespace tb {

namespace detail {

inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, const char* text) { out += text; }
template <class T>
requires(std::is_integral_v<T>) void append(std::string& out, T number) {
  if constexpr (std::is_same_v<T, bool>) {
    out += number ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += number;
  } else {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }
}

}  // namespace detail

template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (detail::append(out, pieces), ...);
  return out;
}

}  // namespace tb
