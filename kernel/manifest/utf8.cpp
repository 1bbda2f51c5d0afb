#include "kernel/manifest/utf8.hpp"

#include <algorithm>

namespace blockd {
namespace {

std::uint8_t byte_at(BytesView text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// Length of the well-formed sequence at `i`, or 0. The table is 3-7 of the Unicode standard.
std::size_t sequence_at(BytesView text, std::size_t i) {
  const std::uint8_t lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  std::size_t length = lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : 2u;
  if (lead < 0xc2 || lead > 0xf4 || length > text.size() - i) return 0;
  std::uint8_t low = 0x80, high = 0xbf;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  for (std::size_t k = 1; k < length; ++k) {
    const std::uint8_t next = byte_at(text, i + k);
    if (next < low || next > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

// Eight bytes at a time: most texts of an answer are short names and ASCII values.
bool is_plain_ascii(BytesView text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (!is_plain_word(word)) return false;
  }
  std::uint64_t rest = 0x7878787878787878;  // eight times 'x'
  if (i < text.size()) std::memcpy(&rest, text.data() + i, text.size() - i);
  return is_plain_word(rest);
}

bool is_utf8(BytesView text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_at(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

bool utf16_less(BytesView a, BytesView b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() || y == b.end()) return a.size() < b.size();
  const auto p = static_cast<std::uint8_t>(*x), q = static_cast<std::uint8_t>(*y);
  // A lead byte from 0xf0 stands for a surrogate pair, which sorts before U+E000..U+FFFF (leads
  // 0xee and 0xef).
  const bool p_pair = p >= 0xf0, q_pair = q >= 0xf0;
  if (p_pair != q_pair) {
    if (p_pair && q >= 0xee) return true;
    if (q_pair && p >= 0xee) return false;
  }
  return p < q;
}

}  // namespace blockd
