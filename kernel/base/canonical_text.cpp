#include "kernel/base/canonical_text.hpp"

#include <bit>

#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = kOnes * 0x80;

// The high bit of a byte is set where `word` has a control character, a quote, a backslash or a
// byte above 7F. Exact for the lowest such byte: borrows travel upwards only.
std::uint64_t special_bytes(std::uint64_t word) {
  auto zero_bytes = [](std::uint64_t w) { return (w - kOnes) & ~w; };
  const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
  return (word | below_blank | zero_bytes(word ^ kOnes * '"') | zero_bytes(word ^ kOnes * '\\')) &
         kHighs;
}

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool CanonicalText::text(std::string_view* out) {
  if (!take('"')) return false;
  const char* const begin = at_;
  while (end_ - at_ >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at_, sizeof word);
    if (const std::uint64_t special = special_bytes(word); special != 0) {
      at_ += std::countr_zero(special) / 8;
      break;
    }
    at_ += 8;
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
