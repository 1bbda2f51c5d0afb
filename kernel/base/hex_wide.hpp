// Hexadecimal digits sixteen at once, for ids, keys and signatures, which every command is full of.
// The vectors are generic ones that every x86-64 has registers for. Texts of unknown size and
// origin want hex.hpp. [any]
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernel/base/bytes.hpp"

namespace blockd {
namespace hex_detail {

static_assert(std::endian::native == std::endian::little);
using Chars = std::uint8_t __attribute__((vector_size(16)));
using Pairs = std::uint16_t __attribute__((vector_size(16)));  // of digits, the first one low
using Eight = std::uint8_t __attribute__((vector_size(8)));
constexpr std::uint8_t kZero = '0', kA = 'a', kCase = 0x20, kLetter = 10;

// Eight bytes of sixteen digits; what was no digit is zero in `*good` afterwards.
template <bool kBothCases>
inline void read_sixteen(const char* text, char* out, Chars* good) {
  Chars c;
  std::memcpy(&c, text, sizeof c);
  const Chars digit = c - kZero, letter = (kBothCases ? c | kCase : c) - kA;
  const Chars is_digit = reinterpret_cast<Chars>(digit <= std::uint8_t{9});
  const Chars is_letter = reinterpret_cast<Chars>(letter <= std::uint8_t{5});
  *good &= is_digit | is_letter;
  const Chars values = (digit & is_digit) | ((letter + kLetter) & is_letter);
  const Pairs pairs = reinterpret_cast<Pairs>(values);
  const Pairs joined = (pairs << 4 | pairs >> 8) & std::uint16_t{0xff};
  const Eight bytes = __builtin_convertvector(joined, Eight);
  std::memcpy(out, &bytes, sizeof bytes);
}

inline void write_sixteen(const char* data, char* to) {
  Eight bytes;
  std::memcpy(&bytes, data, sizeof bytes);
  const Pairs wide = __builtin_convertvector(bytes, Pairs);
  const Pairs pairs = (wide >> 4 | wide << 8) & std::uint16_t{0x0f0f};
  const Chars values = reinterpret_cast<Chars>(pairs);
  const Chars is_letter = reinterpret_cast<Chars>(values > std::uint8_t{9});
  constexpr std::uint8_t kGap = 'a' - '0' - kLetter;
  const Chars digits = values + kZero + (is_letter & kGap);
  std::memcpy(to, &digits, sizeof digits);
}

// 0..15, or 16 for another character.
template <bool kBothCases>
constexpr unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (kBothCases) c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10) : 16;
}

}  // namespace hex_detail

// The `size` bytes that the 2 * `size` digits at `text` stand for. False if one is no digit (of the
// lower case, unless `kBothCases`); `out` is undefined then.
template <bool kBothCases>
inline bool read_hex_digits(const char* text, std::size_t size, char* out) {
  hex_detail::Chars good = ~hex_detail::Chars{};
  for (; size >= 8; size -= 8, text += 16, out += 8)
    hex_detail::read_sixteen<kBothCases>(text, out, &good);
  unsigned seen = 0;
  for (; size > 0; --size, text += 2) {
    const unsigned high = hex_detail::digit_value<kBothCases>(text[0]);
    const unsigned low = hex_detail::digit_value<kBothCases>(text[1]);
    seen |= high | low;
    *out++ = static_cast<char>((high & 15) << 4 | (low & 15));
  }
  std::uint64_t halves[2];
  std::memcpy(halves, &good, sizeof halves);
  return (halves[0] & halves[1]) == ~std::uint64_t{0} && seen < 16;
}

// Writes 2 * data.size() digits of the lower case to `to` and returns their end.
inline char* write_hex_digits(BytesView data, char* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8, to += 16) hex_detail::write_sixteen(data.data() + i, to);
  for (; i < data.size(); ++i) {
    *to++ = kDigits[static_cast<std::uint8_t>(data[i]) >> 4];
    *to++ = kDigits[static_cast<std::uint8_t>(data[i]) & 15];
  }
  return to;
}

}  // namespace blockd
