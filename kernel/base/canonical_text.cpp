#include "kernel/base/canonical_text.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernel/base/json.hpp"

namespace blockd {
namespace {

// Sixteen bytes at once, as numbers with a sign: those above 7F are below zero.
using Chars = signed char __attribute__((vector_size(16)));

// A bit for each byte of a mask.
template <class Mask>
unsigned bits_of(const Mask& mask) {
#if defined(__SSE2__)
  return static_cast<unsigned>(_mm_movemask_epi8(reinterpret_cast<__m128i>(mask)));
#else
  unsigned bits = 0;
  for (unsigned i = 0; i < 16; ++i) bits |= (mask[i] & 1u) << i;
  return bits;
#endif
}

// How many of the next sixteen bytes stand in front of a control character, a quote, a backslash or
// a byte above 7F.
std::size_t plain_bytes(const char* text) {
  Chars chars;
  std::memcpy(&chars, text, sizeof chars);
  const unsigned bits = bits_of((chars < 0x20) | (chars == '"') | (chars == '\\'));
  return static_cast<std::size_t>(std::countr_zero(bits | 0x10000u));
}

// Plain texts: their first bytes decide nearly always.
bool comes_behind(std::string_view before, std::string_view text) {
  if (before.empty() || text.empty() || before[0] == text[0]) return before < text;
  return before[0] < text[0];
}

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool CanonicalText::text(std::string_view* out) {
  if (!take('"')) return false;
  const char* const begin = at_;
  while (end_ - at_ >= 16) {
    const std::size_t plain = plain_bytes(at_);
    at_ += plain;
    if (plain == 16) continue;
    if (*at_ != '"') return false;
    *out = {begin, static_cast<std::size_t>(at_++ - begin)};
    return true;
  }
  for (; at_ != end_; ++at_) {
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') {
      *out = {begin, static_cast<std::size_t>(at_++ - begin)};
      return true;
    }
    if (c < 0x20 || c == '\\' || c > 0x7f) return false;
  }
  return false;
}

bool CanonicalText::number(std::uint64_t* out) {
  const char* const begin = at_;
  std::uint64_t value = 0;
  while (at_ != end_ && is_decimal(*at_) && at_ - begin < 17)
    value = value * 10 + static_cast<std::uint64_t>(*at_++ - '0');
  if (at_ == begin || (*begin == '0' && at_ - begin > 1) || value > kMaxSafeInteger) return false;
  if (at_ != end_ && (is_decimal(*at_) || *at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
  *out = value;
  return true;
}

bool CanonicalText::skip(int depth) {
  std::string_view text_value;
  std::uint64_t number_value = 0;
  if (at_ == end_) return false;
  switch (*at_) {
    case '"':
      return text(&text_value);
    case 't':
      return take("true");
    case 'f':
      return take("false");
    case 'n':
      return take("null");
    case '-':
      ++at_;
      return number(&number_value) && number_value != 0;
    case '[': {
      if (depth >= kMaxJsonDepth) return false;
      ++at_;
      if (take(']')) return true;
      do {
        if (!skip(depth + 1)) return false;
      } while (take(','));
      return take(']');
    }
    case '{': {
      if (depth >= kMaxJsonDepth) return false;
      Members members(*this);
      for (;;) {
        if (!members.next(&text_value)) return false;
        if (text_value.data() == nullptr) return true;
        if (!skip(depth + 1)) return false;
      }
    }
    default:
      return number(&number_value);
  }
}

// Sixteen bytes at once: a bit for each byte that opens, closes, or begins or ends a text, and for
// those that are not plain.
bool CanonicalText::skip_known_object() {
  if (at_ == end_ || *at_ != '{') return false;
  int open = 0;
  bool in_text = false;
  for (; at_ != end_;) {
    const std::size_t size = std::min<std::size_t>(16, static_cast<std::size_t>(end_ - at_));
    Chars chars{};
    size == 16 ? std::memcpy(&chars, at_, 16) : std::memcpy(&chars, at_, size);
    const Chars no_case = chars & static_cast<signed char>(~0x20);  // { and [ differ in that bit
    const unsigned opens = bits_of(no_case == '['), closes = bits_of(no_case == ']');
    const unsigned quotes = bits_of(chars == '"');
    const unsigned strange = bits_of((chars < 0x20) | (chars == '\\')) & ((1u << size) - 1);
    for (unsigned marks = (opens | closes | quotes) & ((1u << size) - 1); marks != 0;
         marks &= marks - 1) {
      const unsigned bit = marks & -marks;
      if ((quotes & bit) != 0) {
        in_text = !in_text;
      } else if (!in_text) {
        open += (opens & bit) != 0 ? 1 : -1;
      }
      if (open != 0) continue;
      at_ += std::countr_zero(bit) + 1;
      return (strange & (bit - 1)) == 0;
    }
    if (strange != 0) return false;
    at_ += size;
  }
  return false;
}

bool CanonicalText::Members::next(std::string_view* name) {
  if (!good_) return false;
  if (in_.take('}')) {
    *name = {};
    return true;
  }
  good_ = (first_ || in_.take(',')) && in_.text(name) && in_.take(':') &&
          (first_ || comes_behind(last_, *name));
  first_ = false;
  last_ = *name;
  return good_;
}

bool CanonicalText::Members::next_is(std::string_view name) {
  const char* at = in_.at_;
  const std::size_t left = static_cast<std::size_t>(in_.end_ - at), punctuation = first_ ? 3 : 4;
  if (!good_ || left < name.size() + punctuation) return false;
  if (!first_ && *at++ != ',') return false;
  if (*at++ != '"' || std::memcmp(at, name.data(), name.size()) != 0) return false;
  at += name.size();
  if (at[0] != '"' || at[1] != ':' || !(first_ || comes_behind(last_, name))) return false;
  in_.at_ = at + 2;
  first_ = false;
  last_ = name;
  return true;
}

}  // namespace blockd
