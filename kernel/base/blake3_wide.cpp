#include "kernel/base/blake3_wide.hpp"

namespace blockd::internal {

#if defined(__x86_64__)
namespace {

// Eight lanes, one a chunk. GCC and clang compile the plain operators to AVX2 in functions with
// that target.
using Lanes = std::uint32_t __attribute__((vector_size(32)));
constexpr int kLanes = 8;
constexpr std::size_t kBlockBytes = 64;
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

// Eight rows of eight words become their eight columns.
TB_AVX2_INLINE void transpose(Lanes (&rows)[8]) {
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

// Word `w` of lane `i` is word `w` of the 64 bytes at `blocks[i]`.
TB_AVX2_INLINE void load_blocks(const char* const (&blocks)[kLanes], Lanes (&m)[16]) {
  Lanes half[kLanes];
  for (int begin = 0; begin < 16; begin += 8) {
    for (int lane = 0; lane < kLanes; ++lane)
      std::memcpy(&half[lane], blocks[lane] + 4 * begin, sizeof(Lanes));
    transpose(half);
    for (int i = 0; i < 8; ++i) m[begin + i] = half[i];
  }
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
  const char* blocks[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    std::uint64_t number = counter + static_cast<std::uint64_t>(lane);
    counter_low[lane] = static_cast<std::uint32_t>(number);
    counter_high[lane] = static_cast<std::uint32_t>(number >> 32);
    blocks[lane] = data + static_cast<std::size_t>(lane) * kChunkBytes;
  }
  for (std::size_t offset = 0; offset < kChunkBytes; offset += kBlockBytes) {
    std::uint32_t flags = 0;
    if (offset == 0) flags |= kChunkStart;
    if (offset == kChunkBytes - kBlockBytes) flags |= kChunkEnd;
    Lanes m[16];
    load_blocks(blocks, m);
    compress_lanes(cv, m, counter_low, counter_high, Lanes{} + std::uint32_t{kBlockBytes},
                   Lanes{} + flags);
    for (const char*& block : blocks) block += kBlockBytes;
  }
  transpose(cv);
  std::memcpy(cvs, cv, sizeof cv);
}

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

TB_AVX2_INLINE void hash_inputs(BytesView prefix, std::span<const BytesView> inputs, Hash* out) {
  // The first block of each input, if a prefix makes one, and the last block, padded; a lane that
  // is done repeats it, and nobody looks. Blocks in between are read from the input.
  char heads[kLanes][kBlockBytes], tails[kLanes][kBlockBytes] = {};
  Lanes last_block{}, last_size{};
  std::size_t before_last[kLanes] = {}, most = 0;
  for (std::size_t lane = 0; lane < inputs.size(); ++lane) {
    const std::size_t size = prefix.size() + inputs[lane].size();
    const std::size_t last = size == 0 ? 0 : (size - 1) / kBlockBytes;
    if (last != 0 && !prefix.empty()) copy_joined(prefix, inputs[lane], 0, heads[lane]);
    copy_joined(prefix, inputs[lane], last * kBlockBytes, tails[lane]);
    before_last[lane] = last;
    last_block[lane] = static_cast<std::uint32_t>(last);
    last_size[lane] = static_cast<std::uint32_t>(size - last * kBlockBytes);
    most = most > last ? most : last;
  }
  Lanes cv[8];
  for (int i = 0; i < 8; ++i) cv[i] = Lanes{} + kBlake3Iv[i];
  for (std::size_t block = 0; block <= most; ++block) {
    const char* blocks[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const bool is_head = block == 0 && !prefix.empty();
      blocks[lane] = block >= before_last[lane] ? tails[lane]
                     : is_head                  ? heads[lane]
                               : inputs[lane].data() + block * kBlockBytes - prefix.size();
    }
    const Lanes number = Lanes{} + static_cast<std::uint32_t>(block);
    const Lanes is_last = reinterpret_cast<Lanes>(number == last_block);
    const Lanes length = (is_last & last_size) | (~is_last & std::uint32_t{kBlockBytes});
    const Lanes flags = (is_last & (kChunkEnd | kRoot)) | (block == 0 ? kChunkStart : 0u);
    const auto done = number > last_block;
    Lanes m[16], next[8];
    load_blocks(blocks, m);
    for (int i = 0; i < 8; ++i) next[i] = cv[i];
    compress_lanes(next, m, Lanes{}, Lanes{}, length, flags);
    for (int i = 0; i < 8; ++i) cv[i] = done ? cv[i] : next[i];
  }
  transpose(cv);
  for (std::size_t lane = 0; lane < inputs.size(); ++lane)
    std::memcpy(out[lane].data(), &cv[lane], sizeof(Lanes));
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
[[gnu::target("avx2")]] void inputs_avx2(BytesView prefix, std::span<const BytesView> inputs,
                                         Hash* out) {
  hash_inputs(prefix, inputs, out);
}
[[gnu::target("avx2,avx512f,avx512vl")]] void inputs_avx512(BytesView prefix,
                                                            std::span<const BytesView> inputs,
                                                            Hash* out) {
  hash_inputs(prefix, inputs, out);
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
  if (!has_avx2() || inputs.size() > kLanes) return false;
  has_avx512() ? inputs_avx512(prefix, inputs, out) : inputs_avx2(prefix, inputs, out);
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
bool hash_short_inputs(BytesView, std::span<const BytesView>, Hash*) { return false; }
#endif

}  // namespace blockd::internal
