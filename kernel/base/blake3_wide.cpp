#include "kernel/base/blake3_wide.hpp"

#include <algorithm>

namespace blockd::internal {

#if defined(__x86_64__)
namespace {

constexpr std::size_t kBlockBytes = 64, kCvBytes = 32;
static_assert(sizeof(Hash) == kCvBytes && sizeof(Blake3Cv) == kCvBytes);

// Copies the bytes from `from` on of prefix and input together to `to`, at most a block of them.
inline void copy_joined(BytesView prefix, BytesView input, std::size_t from, char* to) {
  std::size_t room = kBlockBytes;
  if (from < prefix.size()) {
    std::memcpy(to, prefix.data() + from, prefix.size() - from);
    to += prefix.size() - from;
    room -= prefix.size() - from;
    from = prefix.size();
  }
  const BytesView rest = input.substr(from - prefix.size(), room);
  if (!rest.empty()) std::memcpy(to, rest.data(), rest.size());
}

constexpr std::size_t kFewLanes = 3;  // fewer inputs are as fast one by one

namespace eight {

using Lanes = std::uint32_t __attribute__((vector_size(32)));
constexpr std::size_t kLanes = 8;

#define TB_LANES_INLINE [[gnu::target("avx2"), gnu::always_inline]] static inline

// Eight rows of eight words become their eight columns.
TB_LANES_INLINE void transpose(Lanes (&rows)[8]) {
  Lanes pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int k = 0; k < 2; ++k) {
      const Lanes &a = pairs[i + k], &b = pairs[i + k + 2];
      fours[i + 2 * k] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[i + 2 * k + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(fours[i], fours[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(fours[i], fours[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

#include "kernel/base/blake3_lanes.inc"

#undef TB_LANES_INLINE
}  // namespace eight

namespace sixteen {

using Lanes = std::uint32_t __attribute__((vector_size(64)));
constexpr std::size_t kLanes = 16;
static_assert(kLanes == kMaxShortInputs && kLanes == kMaxWideChunks);

#define TB_LANES_INLINE [[gnu::target("avx2,avx512f,avx512vl"), gnu::always_inline]] static inline

// Sixteen rows of sixteen words become their columns: within each quarter of four rows first, then
// the quarters, which are parts of a register that move as a whole.
TB_LANES_INLINE void transpose(Lanes (&rows)[16]) {
  Lanes fours[16];
  for (int i = 0; i < 16; i += 4) {
    const Lanes &a = rows[i], &b = rows[i + 1], &c = rows[i + 2], &d = rows[i + 3];
    const Lanes ab_low =
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const Lanes ab_high =
        __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    const Lanes cd_low =
        __builtin_shufflevector(c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const Lanes cd_high =
        __builtin_shufflevector(c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    fours[i] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12,
                                       13, 28, 29);
    fours[i + 1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26,
                                           27, 14, 15, 30, 31);
    fours[i + 2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24,
                                           25, 12, 13, 28, 29);
    fours[i + 3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26,
                                           27, 14, 15, 30, 31);
  }
  for (int i = 0; i < 4; ++i) {
    const Lanes &a = fours[i], &b = fours[i + 4], &c = fours[i + 8], &d = fours[i + 12];
    const Lanes ab_low =
        __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const Lanes ab_high =
        __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const Lanes cd_low =
        __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const Lanes cd_high =
        __builtin_shufflevector(c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    rows[i] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24,
                                      25, 26, 27);
    rows[i + 4] = __builtin_shufflevector(ab_low, cd_low, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22,
                                          23, 28, 29, 30, 31);
    rows[i + 8] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18,
                                          19, 24, 25, 26, 27);
    rows[i + 12] = __builtin_shufflevector(ab_high, cd_high, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22,
                                           23, 28, 29, 30, 31);
  }
}

#include "kernel/base/blake3_lanes.inc"

#undef TB_LANES_INLINE
}  // namespace sixteen

// The same code for processors with AVX2, for those that rotate in one instruction, and for those
// of them that have more than eight lanes to fill, in registers of twice the width.
[[gnu::target("avx2")]] void chunks_avx2(const char* data, std::size_t n, std::uint64_t counter,
                                         void* out) {
  eight::hash_chunks(data, n, counter, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void chunks_avx512(const char* data, std::size_t n,
                                                            std::uint64_t counter, void* out) {
  eight::hash_chunks(data, n, counter, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void many_chunks_avx512(const char* data, std::size_t n,
                                                                 std::uint64_t counter, void* out) {
  sixteen::hash_chunks(data, n, counter, out);
}
[[gnu::target("avx2")]] void parents_avx2(const char* pairs, std::size_t n, void* out) {
  eight::hash_parents(pairs, n, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void parents_avx512(const char* pairs, std::size_t n,
                                                             void* out) {
  eight::hash_parents(pairs, n, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void many_parents_avx512(const char* pairs, std::size_t n,
                                                                  void* out) {
  sixteen::hash_parents(pairs, n, out);
}
[[gnu::target("avx2")]] void inputs_avx2(BytesView prefix, std::span<const BytesView> inputs,
                                         Hash* out) {
  eight::hash_inputs(prefix, inputs, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void inputs_avx512(BytesView prefix,
                                                            std::span<const BytesView> inputs,
                                                            Hash* out) {
  eight::hash_inputs(prefix, inputs, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void many_inputs_avx512(BytesView prefix,
                                                                 std::span<const BytesView> inputs,
                                                                 Hash* out) {
  sixteen::hash_inputs(prefix, inputs, out);
}

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}
bool has_avx512() {
  static const bool has = has_avx2() && __builtin_cpu_supports("avx512f") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0;
  return has;
}

}  // namespace

bool hash_short_inputs(BytesView prefix, std::span<const BytesView> inputs, Hash* out) {
  constexpr std::size_t kEight = eight::kLanes;
  if (!has_avx2() || inputs.size() > kMaxShortInputs) return false;
  if (has_avx512() && inputs.size() > kEight) {
    many_inputs_avx512(prefix, inputs, out);
    return true;
  }
  for (std::size_t from = 0; from < inputs.size(); from += kEight) {
    const auto some =
        inputs.subspan(from, inputs.size() - from < kEight ? inputs.size() - from : kEight);
    has_avx512() ? inputs_avx512(prefix, some, out + from) : inputs_avx2(prefix, some, out + from);
  }
  return true;
}

std::size_t hash_wide_chunks(BytesView data, std::uint64_t counter, Blake3Cv* cvs) {
  const std::size_t most = has_avx512() ? sixteen::kLanes : eight::kLanes;
  const std::size_t n = std::min(data.size() / kChunkBytes, most);
  if (!has_avx2() || n < kFewLanes) return 0;
  if (n > eight::kLanes) {
    many_chunks_avx512(data.data(), n, counter, cvs);
  } else {
    has_avx512() ? chunks_avx512(data.data(), n, counter, cvs)
                 : chunks_avx2(data.data(), n, counter, cvs);
  }
  return n;
}

std::size_t hash_wide_parents(const Blake3Cv* pairs, std::size_t n, Blake3Cv* cvs) {
  const std::size_t most = has_avx512() ? sixteen::kLanes : eight::kLanes;
  n = std::min(n, most);
  if (!has_avx2() || n < kFewLanes) return 0;
  const char* from = reinterpret_cast<const char*>(pairs);
  if (n > eight::kLanes) {
    many_parents_avx512(from, n, cvs);
  } else {
    has_avx512() ? parents_avx512(from, n, cvs) : parents_avx2(from, n, cvs);
  }
  return n;
}
#else
std::size_t hash_wide_chunks(BytesView, std::uint64_t, Blake3Cv*) { return 0; }
std::size_t hash_wide_parents(const Blake3Cv*, std::size_t, Blake3Cv*) { return 0; }
bool hash_short_inputs(BytesView, std::span<const BytesView>, Hash*) { return false; }
#endif

}  // namespace blockd::internal
