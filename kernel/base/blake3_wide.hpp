// The part of BLAKE3 that uses wide registers: several whole chunks of a long input, or several
// short inputs, at once. Only blake3.cpp and its test include this. Correct on every processor; on
// one without AVX2 it just does nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/base/bytes.hpp"

namespace blockd::internal {

inline constexpr std::size_t kChunkBytes = 1024;
inline constexpr std::size_t kMaxWideChunks = 16;
inline constexpr std::size_t kMaxShortInputs = 16;

// Domain flags of the paper, table 3.
inline constexpr std::uint32_t kChunkStart = 1;
inline constexpr std::uint32_t kChunkEnd = 2;
inline constexpr std::uint32_t kParent = 4;
inline constexpr std::uint32_t kRoot = 8;

inline constexpr std::uint32_t kBlake3Iv[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                               0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

struct Blake3Schedule {
  std::uint8_t order[7][16];
  constexpr const std::uint8_t (&operator[](std::size_t round) const)[16] { return order[round]; }
};

// Which message word goes where in each round: the permutation of the paper, table 2, applied 0 to
// 6 times.
constexpr Blake3Schedule make_blake3_schedule() {
  constexpr std::uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  Blake3Schedule out{};
  for (std::uint8_t i = 0; i < 16; ++i) out.order[0][i] = i;
  for (int round = 1; round < 7; ++round) {
    for (int i = 0; i < 16; ++i) out.order[round][i] = out.order[round - 1][kPermutation[i]];
  }
  return out;
}
inline constexpr Blake3Schedule kBlake3Schedule = make_blake3_schedule();

using Blake3Cv = std::uint32_t[8];  // a chaining value

// Hashes the first `n` whole chunks of `data` into `cvs`, the first with number `counter`, none as
// the root, and returns n: as many as there are, at most kMaxWideChunks; 0 when the processor
// cannot, or they are too few to be worth it.
std::size_t hash_wide_chunks(BytesView data, std::uint64_t counter, Blake3Cv* cvs);

// The same for parents: cvs[i] becomes that of pairs[2 i] and pairs[2 i + 1], none as the root.
// Returns how many of `n` it did. `cvs` may be `pairs`.
std::size_t hash_wide_parents(const Blake3Cv* pairs, std::size_t n, Blake3Cv* cvs);

// Hashes up to sixteen inputs, each behind `prefix` and with it of at most kChunkBytes, eight or
// all of them at once, and says true; false, and nothing is done, where the processor cannot. Costs
// as much as two inputs of the longest one's length for each eight. REQUIRES: `prefix` has less
// than 64 bytes.
bool hash_short_inputs(BytesView prefix, std::span<const BytesView> inputs, Hash* out);

}  // namespace blockd::internal
