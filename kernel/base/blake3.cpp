#include "kernel/base/blake3.hpp"

#include <algorithm>
#include <bit>

#include "kernel/base/assert.hpp"
#include "kernel/base/blake3_wide.hpp"

namespace blockd {
namespace {

using internal::kBlake3Iv;
using internal::kBlake3Schedule;
using internal::kChunkBytes;
using internal::kChunkEnd;
using internal::kChunkStart;
using internal::kParent;
using internal::kRoot;
using Words = std::uint32_t[8];

constexpr std::size_t kBlockBytes = 64;

[[gnu::always_inline]] inline std::uint32_t rotate(std::uint32_t x, int n) {
  return std::rotr(x, n);
}

[[gnu::always_inline]] inline void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c,
                                       std::uint32_t& d, std::uint32_t x, std::uint32_t y) {
  a += b + x;
  d = rotate(d ^ a, 16);
  c += d;
  b = rotate(b ^ c, 12);
  a += b + y;
  d = rotate(d ^ a, 8);
  c += d;
  b = rotate(b ^ c, 7);
}

template <std::size_t kRound>
[[gnu::always_inline]] inline void mix_round(std::uint32_t (&s)[16], const std::uint32_t (&m)[16]) {
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

// The compression function of section 2.2, truncated to its first eight words. `out` may be `cv`.
void compress(const Words& cv, const void* block, std::uint64_t counter, std::size_t length,
              std::uint32_t flags, Words& out) {
  std::uint32_t m[16];
  std::memcpy(m, block, kBlockBytes);
  std::uint32_t s[16] = {cv[0],
                         cv[1],
                         cv[2],
                         cv[3],
                         cv[4],
                         cv[5],
                         cv[6],
                         cv[7],
                         kBlake3Iv[0],
                         kBlake3Iv[1],
                         kBlake3Iv[2],
                         kBlake3Iv[3],
                         static_cast<std::uint32_t>(counter),
                         static_cast<std::uint32_t>(counter >> 32),
                         static_cast<std::uint32_t>(length),
                         flags};
  mix_round<0>(s, m);
  mix_round<1>(s, m);
  mix_round<2>(s, m);
  mix_round<3>(s, m);
  mix_round<4>(s, m);
  mix_round<5>(s, m);
  mix_round<6>(s, m);
  for (std::size_t i = 0; i < 8; ++i) out[i] = s[i] ^ s[i + 8];
}

void set_iv(Words& cv) { std::memcpy(cv, kBlake3Iv, sizeof(Words)); }

void compress_parent(const Words& left, const Words& right, std::uint32_t flags, Words& out) {
  std::uint32_t block[16];
  std::memcpy(block, left, sizeof(Words));
  std::memcpy(block + 8, right, sizeof(Words));
  Words iv;
  set_iv(iv);
  compress(iv, block, 0, kBlockBytes, kParent | flags, out);
}

// A whole chunk of at most 1 KiB that stands alone, straight from the input.
void hash_chunk(const char* data, std::size_t size, std::uint64_t counter, std::uint32_t flags,
                Words& cv) {
  set_iv(cv);
  std::uint32_t start = kChunkStart;
  for (; size > kBlockBytes; data += kBlockBytes, size -= kBlockBytes, start = 0) {
    compress(cv, data, counter, kBlockBytes, start, cv);
  }
  if (size == kBlockBytes) {
    compress(cv, data, counter, size, start | kChunkEnd | flags, cv);
    return;
  }
  char block[kBlockBytes] = {};
  if (size != 0) std::memcpy(block, data, size);
  compress(cv, block, counter, size, start | kChunkEnd | flags, cv);
}

Hash to_hash(const Words& words) {
  Hash out;
  std::memcpy(out.data(), words, sizeof(Words));
  return out;
}

}  // namespace

Blake3::Blake3() {
  set_iv(chunk_.cv);
  chunk_.counter = 0;
  chunk_.block_len = 0;
  chunk_.blocks_compressed = 0;
}

// `total_chunks` counts this one; each zero bit below its lowest one bit is a pair of subtrees of
// equal size that is complete now.
void Blake3::add_chunk_cv(const std::uint32_t cv[8], std::uint64_t total_chunks) {
  Words merged;
  std::memcpy(merged, cv, sizeof merged);
  for (; (total_chunks & 1) == 0; total_chunks >>= 1) {
    compress_parent(stack_[--stack_len_], merged, 0, merged);
  }
  TB_ASSERT(stack_len_ < 54);
  std::memcpy(stack_[stack_len_++], merged, sizeof merged);
}

// The last block of a chunk and the last chunk stay open until more input shows that they are not
// the end.
Blake3& Blake3::update(BytesView data) {
  auto chunk_size = [this] { return chunk_.blocks_compressed * kBlockBytes + chunk_.block_len; };
  auto open_next_chunk = [this](std::uint64_t counter) {
    set_iv(chunk_.cv);
    chunk_.counter = counter;
    chunk_.block_len = 0;
    chunk_.blocks_compressed = 0;
  };
  while (!data.empty()) {
    if (chunk_size() == kChunkBytes) {
      Words cv;
      compress(chunk_.cv, chunk_.block, chunk_.counter, kBlockBytes, kChunkEnd, cv);
      add_chunk_cv(cv, chunk_.counter + 1);
      open_next_chunk(chunk_.counter + 1);
    }
    if (chunk_size() == 0 && data.size() > kChunkBytes) {
      // Whole chunks that are not the last, straight from the input: many at once where that is
      // possible.
      Words cvs[internal::kMaxWideChunks];
      std::size_t n =
          internal::hash_wide_chunks(data.substr(0, data.size() - 1), chunk_.counter, cvs);
      if (n == 0) hash_chunk(data.data(), kChunkBytes, chunk_.counter, 0, cvs[n++]);
      for (std::size_t i = 0; i < n; ++i) add_chunk_cv(cvs[i], chunk_.counter + i + 1);
      data.remove_prefix(n * kChunkBytes);
      open_next_chunk(chunk_.counter + n);
      continue;
    }
    if (chunk_.block_len == kBlockBytes) {
      std::uint32_t start = chunk_.blocks_compressed == 0 ? kChunkStart : 0;
      compress(chunk_.cv, chunk_.block, chunk_.counter, kBlockBytes, start, chunk_.cv);
      ++chunk_.blocks_compressed;
      chunk_.block_len = 0;
    }
    std::size_t n = std::min(kBlockBytes - chunk_.block_len, data.size());
    std::memcpy(chunk_.block + chunk_.block_len, data.data(), n);
    chunk_.block_len = static_cast<std::uint8_t>(chunk_.block_len + n);
    data.remove_prefix(n);
  }
  return *this;
}

Hash Blake3::finish() const {
  std::uint8_t block[kBlockBytes] = {};
  std::memcpy(block, chunk_.block, chunk_.block_len);
  std::uint32_t flags = kChunkEnd | (chunk_.blocks_compressed == 0 ? kChunkStart : 0u);
  if (stack_len_ == 0) flags |= kRoot;
  Words cv;
  compress(chunk_.cv, block, chunk_.counter, chunk_.block_len, flags, cv);
  for (std::size_t i = stack_len_; i > 0; --i) {
    compress_parent(stack_[i - 1], cv, i == 1 ? kRoot : 0u, cv);
  }
  return to_hash(cv);
}

Hash blake3(BytesView data) {
  if (data.size() > kChunkBytes) return Blake3().update(data).finish();
  Words cv;
  hash_chunk(data.data(), data.size(), 0, kRoot, cv);
  return to_hash(cv);
}

Hash blake3(std::initializer_list<BytesView> parts) {
  std::size_t total = 0;
  for (BytesView part : parts) total += part.size();
  if (total > kChunkBytes) {
    Blake3 hasher;
    for (BytesView part : parts) hasher.update(part);
    return hasher.finish();
  }
  char joined[kChunkBytes];
  char* end = joined;
  for (BytesView part : parts) {
    if (!part.empty()) std::memcpy(end, part.data(), part.size());
    end += part.size();
  }
  return blake3(BytesView(joined, total));
}

void blake3_many(std::span<const BytesView> inputs, Hash* out) {
  constexpr std::size_t kFew = 3;  // fewer are as fast one by one
  while (!inputs.empty()) {
    std::size_t n = 0;
    while (n < internal::kMaxWideChunks && n < inputs.size() && inputs[n].size() <= kChunkBytes)
      ++n;
    if (n < kFew || !internal::hash_short_inputs(inputs.first(n), out)) {
      n = std::max<std::size_t>(n, 1);
      for (std::size_t i = 0; i < n; ++i) out[i] = blake3(inputs[i]);
    }
    inputs = inputs.subspan(n);
    out += n;
  }
}

}  // namespace blockd
