#include "kernel/base/blake3_wide.hpp"

namespace blockd::internal {

#if defined(__x86_64__)
namespace {

// Eight lanes, one a chunk. GCC and clang compile the plain operators to AVX2 in functions with
// that target.
using Lanes = std::uint32_t __attribute__((vector_size(32)));
constexpr int kLanes = 8;
static_assert(kLanes == kMaxWideChunks);

#define TB_AVX2_INLINE [[gnu::target("avx2"), gnu::always_inline]] static inline

// With AVX-512VL the compiler makes one instruction of this.
template <int kBits>
TB_AVX2_INLINE void rotate(Lanes& x) {
  x = (x >> kBits) | (x << (32 - kBits));
}

TB_AVX2_INLINE void mix(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Lanes& x, const Lanes& y) {
  a += b + x;
  d ^= a;
  rotate<16>(d);
  c += d;
  b ^= c;
  rotate<12>(b);
  a += b + y;
  d ^= a;
  rotate<8>(d);
  c += d;
  b ^= c;
  rotate<7>(b);
}

template <std::size_t kRound>
TB_AVX2_INLINE void mix_round(Lanes (&s)[16], const Lanes (&m)[16]) {
  constexpr auto& k = kBlake3Schedule[kRound];
  mix(s[0], s[4], s[8], s[12], m[k[0]], m[k[1]]);
  mix(s[1], s[5], s[9], s[13], m[k[2]], m[k[3]]);
  mix(s[2], s[6], s[10], s[14], m[k[4]], m[k[5]]);
  mix(s[3], s[7], s[11], s[15], m[k[6]], m[k[7]]);
  mix(s[0], s[5], s[10], s[15], m[k[8]], m[k[9]]);
  mix(s[1], s[6], s[11], s[12], m[k[10]], m[k[11]]);
  mix(s[2], s[7], s[8], s[13], m[k[12]], m[k[13]]);
  mix(s[3], s[4], s[9], s[14], m[k[14]], m[k[15]]);
}

// Word `w` of lane `i` is word `w` of the block at `offset` of chunk `i`.
TB_AVX2_INLINE void load_block(const char* data, std::size_t offset, Lanes (&m)[16]) {
  alignas(32) std::uint32_t words[16][kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    std::uint32_t block[16];
    std::memcpy(block, data + static_cast<std::size_t>(lane) * kChunkBytes + offset, sizeof block);
    for (int w = 0; w < 16; ++w) words[w][lane] = block[w];
  }
  std::memcpy(&m, &words, sizeof m);
}

TB_AVX2_INLINE void compress_lanes(Lanes (&cv)[8], const Lanes (&m)[16], const Lanes& counter_low,
                                   const Lanes& counter_high, const Lanes& length,
                                   const Lanes& flags) {
  Lanes s[16];
  for (int i = 0; i < 8; ++i) s[i] = cv[i];
  for (int i = 0; i < 4; ++i) s[8 + i] = Lanes{} + kBlake3Iv[i];
  s[12] = counter_low;
  s[13] = counter_high;
  s[14] = length;
  s[15] = flags;
  mix_round<0>(s, m);
  mix_round<1>(s, m);
  mix_round<2>(s, m);
  mix_round<3>(s, m);
  mix_round<4>(s, m);
  mix_round<5>(s, m);
  mix_round<6>(s, m);
  for (int i = 0; i < 8; ++i) cv[i] = s[i] ^ s[i + 8];
}

TB_AVX2_INLINE void hash_chunks(const char* data, std::uint64_t counter,
                                std::uint32_t (&cvs)[kMaxWideChunks][8]) {
  Lanes cv[8];
  for (int i = 0; i < 8; ++i) cv[i] = Lanes{} + kBlake3Iv[i];
  Lanes counter_low{}, counter_high{};
  for (int lane = 0; lane < kLanes; ++lane) {
    std::uint64_t number = counter + static_cast<std::uint64_t>(lane);
    counter_low[lane] = static_cast<std::uint32_t>(number);
    counter_high[lane] = static_cast<std::uint32_t>(number >> 32);
  }
  for (std::size_t offset = 0; offset < kChunkBytes; offset += 64) {
    std::uint32_t flags = 0;
    if (offset == 0) flags |= kChunkStart;
    if (offset == kChunkBytes - 64) flags |= kChunkEnd;
    Lanes m[16];
    load_block(data, offset, m);
    compress_lanes(cv, m, counter_low, counter_high, Lanes{} + 64u, Lanes{} + flags);
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 8; ++i) cvs[lane][i] = cv[i][lane];
  }
}

// One block of one of several inputs: where it lies, or a padded copy of the last one.
struct Tail {
  char bytes[64];
  std::size_t blocks = 0, last = 0;  // number of blocks, bytes in the last one
};

TB_AVX2_INLINE void hash_inputs(std::span<const BytesView> inputs, Hash* out) {
  Tail tails[kLanes] = {};
  std::size_t most = 0;
  for (std::size_t lane = 0; lane < inputs.size(); ++lane) {
    const BytesView input = inputs[lane];
    Tail& tail = tails[lane];
    tail.blocks = input.empty() ? 1 : (input.size() + 63) / 64;
    tail.last = input.size() - (tail.blocks - 1) * 64;
    if (tail.last != 0) std::memcpy(tail.bytes, input.data() + (tail.blocks - 1) * 64, tail.last);
    most = most > tail.blocks ? most : tail.blocks;
  }
  Lanes cv[8];
  for (int i = 0; i < 8; ++i) cv[i] = Lanes{} + kBlake3Iv[i];
  for (std::size_t block = 0; block < most; ++block) {
    alignas(32) std::uint32_t words[16][kLanes];
    Lanes length{}, flags{}, active{};
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Tail& tail = tails[lane];
      const bool last = block + 1 >= tail.blocks;
      const char* from = last ? tail.bytes : inputs[lane].data() + block * 64;
      std::uint32_t word[16];
      std::memcpy(word, from, sizeof word);
      for (int w = 0; w < 16; ++w) words[w][lane] = word[w];
      length[lane] = last ? static_cast<std::uint32_t>(tail.last) : 64;
      flags[lane] = (block == 0 ? kChunkStart : 0u) | (last ? kChunkEnd | kRoot : 0u);
      active[lane] = block < tail.blocks ? ~0u : 0u;
    }
    Lanes m[16], before[8];
    std::memcpy(&m, &words, sizeof m);
    for (int i = 0; i < 8; ++i) before[i] = cv[i];
    compress_lanes(cv, m, Lanes{}, Lanes{}, length, flags);
    for (int i = 0; i < 8; ++i) cv[i] = (cv[i] & active) | (before[i] & ~active);
  }
  for (std::size_t lane = 0; lane < inputs.size(); ++lane) {
    std::uint32_t word[8];
    for (int i = 0; i < 8; ++i) word[i] = cv[i][lane];
    std::memcpy(out[lane].data(), word, sizeof word);
  }
}

// The same code twice: for processors with AVX2, and for those that rotate in one instruction.
[[gnu::target("avx2")]] void chunks_avx2(const char* data, std::uint64_t counter,
                                         std::uint32_t (&cvs)[kMaxWideChunks][8]) {
  hash_chunks(data, counter, cvs);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void chunks_avx512(
    const char* data, std::uint64_t counter, std::uint32_t (&cvs)[kMaxWideChunks][8]) {
  hash_chunks(data, counter, cvs);
}
[[gnu::target("avx2")]] void inputs_avx2(std::span<const BytesView> inputs, Hash* out) {
  hash_inputs(inputs, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void inputs_avx512(std::span<const BytesView> inputs,
                                                            Hash* out) {
  hash_inputs(inputs, out);
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

bool hash_short_inputs(std::span<const BytesView> inputs, Hash* out) {
  if (!has_avx2() || inputs.size() > kLanes) return false;
  has_avx512() ? inputs_avx512(inputs, out) : inputs_avx2(inputs, out);
  return true;
}

std::size_t hash_wide_chunks(BytesView data, std::uint64_t counter,
                             std::uint32_t (&cvs)[kMaxWideChunks][8]) {
  if (!has_avx2() || data.size() < kMaxWideChunks * kChunkBytes) return 0;
  has_avx512() ? chunks_avx512(data.data(), counter, cvs) : chunks_avx2(data.data(), counter, cvs);
  return kMaxWideChunks;
}
#else
std::size_t hash_wide_chunks(BytesView, std::uint64_t, std::uint32_t (&)[kMaxWideChunks][8]) {
  return 0;
}
bool hash_short_inputs(std::span<const BytesView>, Hash*) { return false; }
#endif

}  // namespace blockd::internal
