// cat: texts of errors and logs from pieces; to_hex: bytes for people; pascal_case: the older
// spelling of a key. [any]
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

// Two small digits for each byte.
inline std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

// TariffMaxBps of tariff_max_bps.
inline std::string pascal_case(std::string_view key) {
  std::string out;
  bool word_begins = true;
  for (const char c : key) {
    if (c == '_') {
      word_begins = true;
      continue;
    }
    out += word_begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    word_begins = false;
  }
  return out;
}

}  // namespace tb
