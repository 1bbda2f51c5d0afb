#include "kernel/base/crc32c.hpp"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace blockd {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Castagnoli, bits reversed

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kTable = make_table();

std::uint32_t portable(std::uint32_t crc, BytesView data) {
  for (char c : data) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 255];
  return crc;
}

#if defined(__x86_64__)
// The instruction takes three times as long as it keeps the processor busy, so three stretches of
// this length go through it side by side.
constexpr std::size_t kStretch = 1024;

// What a sum becomes by kStretch zero bytes behind it. By the bytes of the sum, because it is
// linear: the sum of a text is the sum of its first part, moved so, xor the sum of the rest.
struct Move {
  std::uint32_t of[4][256];
  std::uint32_t operator()(std::uint32_t crc) const {
    return of[0][crc & 255] ^ of[1][crc >> 8 & 255] ^ of[2][crc >> 16 & 255] ^ of[3][crc >> 24];
  }
};
Move make_move() {
  Move move{};
  const Bytes zeros(kStretch, '\0');
  for (unsigned byte = 0; byte < 4; ++byte) {
    for (std::uint32_t value = 1; value < 256; ++value) {
      const std::uint32_t rest = value & (value - 1);  // without its lowest bit
      move.of[byte][value] = rest == 0 ? portable(value << (8 * byte), zeros)
                                       : move.of[byte][rest] ^ move.of[byte][value ^ rest];
    }
  }
  return move;
}

__attribute__((target("sse4.2"))) std::uint32_t three_stretches(std::uint32_t crc, const char* p) {
  static const Move kMove = make_move();
  std::uint64_t a = crc, b = 0, c = 0;
  for (std::size_t i = 0; i < kStretch; i += 8, p += 8) {
    std::uint64_t words[3];
    for (std::size_t k = 0; k < 3; ++k) std::memcpy(&words[k], p + k * kStretch, 8);
    a = _mm_crc32_u64(a, words[0]);
    b = _mm_crc32_u64(b, words[1]);
    c = _mm_crc32_u64(c, words[2]);
  }
  const std::uint32_t two = kMove(static_cast<std::uint32_t>(a)) ^ static_cast<std::uint32_t>(b);
  return kMove(two) ^ static_cast<std::uint32_t>(c);
}

__attribute__((target("sse4.2"))) std::uint32_t hardware(std::uint32_t crc, BytesView data) {
  const char* p = data.data();
  std::size_t n = data.size();
  for (; n >= 3 * kStretch; p += 3 * kStretch, n -= 3 * kStretch) crc = three_stretches(crc, p);
  std::uint64_t wide = crc;
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; n > 0; ++p, --n) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*p));
  return crc;
}
#endif

}  // namespace

namespace internal {
std::uint32_t crc32c_portable(BytesView data, std::uint32_t seed) { return ~portable(~seed, data); }
}  // namespace internal

std::uint32_t crc32c(BytesView data, std::uint32_t seed) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~hardware(~seed, data);
#endif
  return internal::crc32c_portable(data, seed);
}

}  // namespace blockd
