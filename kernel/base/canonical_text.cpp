#include "kernel/base/canonical_text.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>

#include "kernel/base/json.hpp"

namespace blockd {
namespace {

// Sixteen bytes at once, as numbers with a sign: those above 7F are below zero.
using Chars = signed char __attribute__((vector_size(16)));

// How many of the next sixteen bytes stand in front of a control character, a quote, a backslash or
// a byte above 7F.
std::size_t plain_bytes(const char* text) {
  Chars chars;
  std::memcpy(&chars, text, sizeof chars);
  const auto special = (chars < 0x20) | (chars == '"') | (chars == '\\');
#if defined(__SSE2__)
  const int bits = _mm_movemask_epi8(reinterpret_cast<__m128i>(special));  // one of each byte
  return static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(bits) | 0x10000u));
#else
  std::uint64_t half[2];
  std::memcpy(half, &special, sizeof half);
  if (half[0] != 0) return static_cast<std::size_t>(std::countr_zero(half[0])) / 8;
  return half[1] != 0 ? 8 + static_cast<std::size_t>(std::countr_zero(half[1])) / 8 : 16;
#endif
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

bool CanonicalText::Members::next(std::string_view* name) {
  if (!good_) return false;
  if (in_.take('}')) {
    *name = {};
    return true;
  }
  good_ = (first_ || in_.take(',')) && in_.text(name) && in_.take(':') && (first_ || last_ < *name);
  first_ = false;
  last_ = *name;
  return good_;
}

}  // namespace blockd
