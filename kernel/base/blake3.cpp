#include "kernel/base/blake3.hpp"

#include <algorithm>

#include "kernel/base/assert.hpp"
#include "kernel/base/blake3_wide.hpp"

namespace blockd {
namespace {

using internal::kBlake3Iv;
using internal::kChunkBytes;
using internal::kChunkEnd;
using internal::kChunkStart;
using internal::kParent;
using internal::kRoot;
using Words = std::uint32_t[8];

constexpr std::size_t kBlockBytes = 64;

// The state of the compression function as its four rows: the compiler works on four columns at
// once. Every x86-64 has registers for that; on other processors it becomes plain code.
using Row = std::uint32_t __attribute__((vector_size(16)));

template <int kBits>
[[gnu::always_inline]] inline Row rotate(const Row& x) {
  return (x >> kBits) | (x << (32 - kBits));
}

// G of section 2.2 on all four columns.
[[gnu::always_inline]] inline void mix(Row& a, Row& b, Row& c, Row& d, const Row& x, const Row& y) {
  a = (a + x) + b;
  d = rotate<16>(d ^ a);
  c += d;
  b = rotate<12>(b ^ c);
  a = (a + y) + b;
  d = rotate<8>(d ^ a);
  c += d;
  b = rotate<7>(b ^ c);
}

// The message words as a round takes them, numbered as in the block: those of the columns, then
// those of the diagonals, which begin with the fourth, because it is the first row that moves.
struct Message {
  Row x;           //  0  2  4  6
  Row y;           //  1  3  5  7
  Row diagonal_x;  // 14  8 10 12
  Row diagonal_y;  // 15  9 11 13
};

[[gnu::always_inline]] inline Message load_message(const void* block) {
  Row m[4];
  std::memcpy(m, block, kBlockBytes);
  return {__builtin_shufflevector(m[0], m[1], 0, 2, 4, 6),
          __builtin_shufflevector(m[0], m[1], 1, 3, 5, 7),
          __builtin_shufflevector(m[2], m[3], 6, 0, 2, 4),
          __builtin_shufflevector(m[2], m[3], 7, 1, 3, 5)};
}

// The permutation of table 2: 2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8.
[[gnu::always_inline]] inline void permute(Message& m) {
  const Row x = __builtin_shufflevector(m.x, m.y, 1, 5, 7, 2);                     //  2  3  7  4
  const Row y = __builtin_shufflevector(m.x, m.diagonal_x, 3, 6, 0, 0);            //  6 10  0  .
  const Row dx = __builtin_shufflevector(m.diagonal_y, m.y, 0, 4, 1, 1);           // 15  1  .  9
  const Row dy = __builtin_shufflevector(m.diagonal_x, m.diagonal_y, 1, 6, 0, 0);  //  8 11  . 14
  m = {x, __builtin_shufflevector(y, m.diagonal_y, 0, 1, 2, 7),                    // 13 at the end
       __builtin_shufflevector(dx, m.diagonal_x, 0, 1, 7, 3),                      // 12 in the gap
       __builtin_shufflevector(dy, m.y, 0, 1, 6, 3)};                              //  5 in the gap
}

// The compression function of section 2.2, truncated to its first eight words. `out` may be `cv`.
void compress(const Words& cv, const void* block, std::uint64_t counter, std::size_t length,
              std::uint32_t flags, Words& out) {
  Row a, b, c;
  std::memcpy(&a, cv, sizeof a);
  std::memcpy(&b, cv + 4, sizeof b);
  std::memcpy(&c, kBlake3Iv, sizeof c);
  Row d = {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
           static_cast<std::uint32_t>(length), flags};
  Message m = load_message(block);
  for (int round = 0;; ++round) {
    mix(a, b, c, d, m.x, m.y);
    a = __builtin_shufflevector(a, a, 3, 0, 1, 2);
    d = __builtin_shufflevector(d, d, 2, 3, 0, 1);
    c = __builtin_shufflevector(c, c, 1, 2, 3, 0);
    mix(a, b, c, d, m.diagonal_x, m.diagonal_y);
    a = __builtin_shufflevector(a, a, 1, 2, 3, 0);
    d = __builtin_shufflevector(d, d, 2, 3, 0, 1);
    c = __builtin_shufflevector(c, c, 3, 0, 1, 2);
    if (round == 6) break;
    permute(m);
  }
  a ^= c;
  b ^= d;
  std::memcpy(out, &a, sizeof a);
  std::memcpy(out + 4, &b, sizeof b);
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

// A complete subtree of `n` chunks, a power of two, from number `counter` on; its root goes to
// `cv`. 64 KiB at once fill the widest registers on most levels of the tree.
constexpr std::size_t kSubtreeChunks = 64;
void hash_subtree(const char* data, std::size_t n, std::uint64_t counter, Words& cv) {
  Words cvs[kSubtreeChunks];
  for (std::size_t done = 0; done < n;) {
    const BytesView rest(data + done * kChunkBytes, (n - done) * kChunkBytes);
    std::size_t some = internal::hash_wide_chunks(rest, counter + done, cvs + done);
    if (some == 0) hash_chunk(rest.data(), kChunkBytes, counter + done, 0, cvs[done]), some = 1;
    done += some;
  }
  for (; n > 1; n /= 2) {
    for (std::size_t done = 0; done < n / 2;) {
      const Words* pairs = cvs + 2 * done;
      std::size_t some = internal::hash_wide_parents(pairs, n / 2 - done, cvs + done);
      if (some == 0) compress_parent(pairs[0], pairs[1], 0, cvs[done]), some = 1;
      done += some;
    }
  }
  std::memcpy(cv, cvs[0], sizeof(Words));
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

// `cv` is that of a chunk, or of a complete subtree of chunks; `total` counts it and those of its
// size before it. Each zero bit below the lowest one bit of `total` is a pair of subtrees of equal
// size that is complete now.
void Blake3::add_chunk_cv(const std::uint32_t cv[8], std::uint64_t total) {
  Words merged;
  std::memcpy(merged, cv, sizeof merged);
  for (; (total & 1) == 0; total >>= 1) {
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
      // Whole chunks that are not the last, straight from the input: the largest subtree that
      // begins here, or as many chunks as lead to the beginning of a larger one.
      const std::uint64_t left = (data.size() - 1) / kChunkBytes, counter = chunk_.counter;
      std::uint64_t n = kSubtreeChunks;
      while (n > left || counter % n != 0) n /= 2;
      Words cv;
      if (n >= internal::kMaxWideChunks) {
        hash_subtree(data.data(), n, counter, cv);
        add_chunk_cv(cv, counter / n + 1);
      } else {
        n = std::min(left, internal::kMaxWideChunks - counter % internal::kMaxWideChunks);
        Words cvs[internal::kMaxWideChunks];
        n = internal::hash_wide_chunks(data.substr(0, n * kChunkBytes), counter, cvs);
        if (n == 0) hash_chunk(data.data(), kChunkBytes, counter, 0, cvs[n++]);
        for (std::uint64_t i = 0; i < n; ++i) add_chunk_cv(cvs[i], counter + i + 1);
      }
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

void blake3_many(BytesView prefix, std::span<const BytesView> inputs, Hash* out) {
  constexpr std::size_t kFew = 3;  // fewer are as fast one by one
  TB_ASSERT(prefix.size() < kBlockBytes);
  while (!inputs.empty()) {
    std::size_t n = 0;
    while (n < internal::kMaxShortInputs && n < inputs.size() &&
           prefix.size() + inputs[n].size() <= kChunkBytes)
      ++n;
    if (n < kFew || !internal::hash_short_inputs(prefix, inputs.first(n), out)) {
      n = std::max<std::size_t>(n, 1);
      for (std::size_t i = 0; i < n; ++i) out[i] = blake3({prefix, inputs[i]});
    }
    inputs = inputs.subspan(n);
    out += n;
  }
}

}  // namespace blockd
