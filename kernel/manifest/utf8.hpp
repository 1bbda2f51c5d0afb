// UTF-8 as the manifest library needs it: validation of what plugins write, and the member order of
// RFC 8785. [any]
#pragma once

#include "kernel/base/bytes.hpp"

namespace blockd {

// True if `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(BytesView text);

// No byte of `word` is above 0x7e or below 0x20, a quote or a backslash: JSON text holds such bytes
// as they are.
constexpr bool is_plain_word(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  auto zero_bytes = [](std::uint64_t w) { return (w - kOnes) & ~w; };
  const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
  const std::uint64_t special = zero_bytes(word ^ kOnes * '"') | zero_bytes(word ^ kOnes * '\\') |
                                zero_bytes(word ^ kOnes * 0x7f);
  return ((word | below_blank | special) & kOnes * 0x80) == 0;
}

// True if `text` can stand in a JSON string as it is: printable ASCII without quote and backslash.
bool is_plain_ascii(BytesView text);

// Order of UTF-16 code units. Differs from the order of bytes only where one text has a character
// above U+FFFF. REQUIRES: both are valid UTF-8.
bool utf16_less(BytesView a, BytesView b);

}  // namespace blockd
