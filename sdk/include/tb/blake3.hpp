// Blake3: BLAKE3-256 for machines, which have no host to ask (a face may use Host::blake3). [any]
//
// Hash mode, 32 bytes of output, no key, no context. Portable, no allocation, no state outside the
// object. An input of up to 1,024 bytes, which nearly all are, never touches the tree. Source: the
// BLAKE3 paper, version 2021-11-05, section 2.
//
//   tb::Hash id = tb::blake3("text");
//   tb::Hash same = tb::Blake3().update("te").update("xt").finish();
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "tb/values.hpp"

// Registers that rotate in one instruction take a third off a hash, bytes that are shuffled where
// they cannot nearly as much. The result is the same on every processor.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define TB_BLAKE3_WIDE 1
#endif

namespace tb {

class Blake3 {
 public:
  Blake3& update(std::string_view data) {
    while (!data.empty()) {
      if (chunk_.size() == kChunkBytes) end_chunk();
      const std::size_t taken = std::min<std::size_t>(kChunkBytes - chunk_.size(), data.size());
      chunk_.update(data.substr(0, taken));
      data.remove_prefix(taken);
    }
    return *this;
  }

  // Of a text of at most one chunk: no tree, and nothing is copied but its last block.
  static Hash of_chunk(std::string_view data) {
    std::uint32_t cv[8];
    std::copy_n(kIv, 8, cv);
    return rest_of_chunk(cv, data, kChunkStart);
  }
  // Of the first `prefix` bytes of such a text, and of all of it: blocks that both begin with are
  // compressed once. REQUIRES: prefix <= data.size().
  static std::pair<Hash, Hash> of_prefix_and_chunk(std::string_view data, std::size_t prefix) {
    std::uint32_t cv[8], words[16], flags = kChunkStart;
    std::copy_n(kIv, 8, cv);
    for (; prefix > kBlockBytes;
         data.remove_prefix(kBlockBytes), prefix -= kBlockBytes, flags = 0) {
      load(reinterpret_cast<const std::uint8_t*>(data.data()), words);
      compress(cv, words, 0, kBlockBytes, flags, cv);
    }
    std::uint32_t again[8];
    std::copy_n(cv, 8, again);
    return {rest_of_chunk(again, data.substr(0, prefix), flags), rest_of_chunk(cv, data, flags)};
  }
  static constexpr std::size_t kChunkBytes = 1024;

  Hash finish() const {
    Output output = chunk_.output();
    for (std::size_t place = depth_; place-- > 0;) {
      std::uint32_t right[8];
      output.chaining_value(right);
      output = parent(stack_[place], right);
    }
    return output.root();
  }

 private:
  static constexpr std::size_t kBlockBytes = 64;
  static constexpr std::uint32_t kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8;
  static constexpr std::uint32_t kIv[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                           0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

  // The hash of a chunk that has come to `cv`; `flags` are those of its next block.
  static Hash rest_of_chunk(std::uint32_t* cv, std::string_view data, std::uint32_t flags) {
    std::uint32_t words[16];
    for (; data.size() > kBlockBytes; data.remove_prefix(kBlockBytes), flags = 0) {
      load(reinterpret_cast<const std::uint8_t*>(data.data()), words);
      compress(cv, words, 0, kBlockBytes, flags, cv);
    }
    std::uint8_t last[kBlockBytes] = {};
    if (!data.empty()) std::memcpy(last, data.data(), data.size());
    load(last, words);
    compress(cv, words, 0, static_cast<std::uint32_t>(data.size()), flags | kChunkEnd | kRoot, cv);
    return to_hash(cv);
  }

  // The state as its four rows: the compiler works on four columns at once.
  using Row = std::uint32_t __attribute__((vector_size(16)));

  using RowBytes = std::uint8_t __attribute__((vector_size(16)));

  // How a row is rotated: `kShuffled` by whole bytes where the number of bits allows it.
  enum Rotation : std::uint8_t { kShifted, kShuffled };
  template <Rotation kHow, int kBits>
  [[gnu::always_inline]] static Row rotate(const Row& x) {
    if constexpr (kHow == kShuffled && kBits == 16) {
      const RowBytes bytes = reinterpret_cast<RowBytes>(x);
      return reinterpret_cast<Row>(__builtin_shufflevector(bytes, bytes, 2, 3, 0, 1, 6, 7, 4, 5, 10,
                                                           11, 8, 9, 14, 15, 12, 13));
    } else if constexpr (kHow == kShuffled && kBits == 8) {
      const RowBytes bytes = reinterpret_cast<RowBytes>(x);
      return reinterpret_cast<Row>(__builtin_shufflevector(bytes, bytes, 1, 2, 3, 0, 5, 6, 7, 4, 9,
                                                           10, 11, 8, 13, 14, 15, 12));
    }
    return (x >> kBits) | (x << (32 - kBits));
  }
  template <Rotation kHow>
  [[gnu::always_inline]] static void mix(Row& a, Row& b, Row& c, Row& d, const Row& x,
                                         const Row& y) {
    a = (a + x) + b;
    d = rotate<kHow, 16>(d ^ a);
    c += d;
    b = rotate<kHow, 12>(b ^ c);
    a = (a + y) + b;
    d = rotate<kHow, 8>(d ^ a);
    c += d;
    b = rotate<kHow, 7>(b ^ c);
  }

  // The message words as a round takes them: those of the columns, then those of the diagonals,
  // which begin with the fourth, because it is the first row that moves.
  struct Message {
    Row x, y, diagonal_x, diagonal_y;  // 0 2 4 6, 1 3 5 7, 14 8 10 12, 15 9 11 13

    [[gnu::always_inline]] explicit Message(const std::uint32_t* block) {
      Row m[4];
      std::memcpy(m, block, sizeof m);
      x = __builtin_shufflevector(m[0], m[1], 0, 2, 4, 6);
      y = __builtin_shufflevector(m[0], m[1], 1, 3, 5, 7);
      diagonal_x = __builtin_shufflevector(m[2], m[3], 6, 0, 2, 4);
      diagonal_y = __builtin_shufflevector(m[2], m[3], 7, 1, 3, 5);
    }
    // The permutation of the paper: 2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8.
    [[gnu::always_inline]] void permute() {
      const Row next_x = __builtin_shufflevector(x, y, 1, 5, 7, 2);
      const Row six = __builtin_shufflevector(x, diagonal_x, 3, 6, 0, 0);
      const Row fifteen = __builtin_shufflevector(diagonal_y, y, 0, 4, 1, 1);
      const Row eight = __builtin_shufflevector(diagonal_x, diagonal_y, 1, 6, 0, 0);
      const Row next_y = __builtin_shufflevector(six, diagonal_y, 0, 1, 2, 7);
      const Row next_diagonal_x = __builtin_shufflevector(fifteen, diagonal_x, 0, 1, 7, 3);
      diagonal_y = __builtin_shufflevector(eight, y, 0, 1, 6, 3);
      diagonal_x = next_diagonal_x;
      y = next_y;
      x = next_x;
    }
  };

  static void compress(const std::uint32_t* cv, const std::uint32_t* block, std::uint64_t counter,
                       std::uint32_t size, std::uint32_t flags, std::uint32_t* out) {
#if defined(TB_BLAKE3_WIDE)
    if (rotates()) return compress_rotating(cv, block, counter, size, flags, out);
    if (__builtin_cpu_supports("avx2") != 0)
      return compress_shuffling(cv, block, counter, size, flags, out);
#endif
    compress_rows<kShifted>(cv, block, counter, size, flags, out);
  }

#if defined(TB_BLAKE3_WIDE)
  static bool rotates() {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  }
  [[gnu::target("avx512f,avx512vl"), gnu::noinline]] static void compress_rotating(
      const std::uint32_t* cv, const std::uint32_t* block, std::uint64_t counter,
      std::uint32_t size, std::uint32_t flags, std::uint32_t* out) {
    compress_rows<kShifted>(cv, block, counter, size, flags, out);
  }
  [[gnu::target("avx2"), gnu::noinline]] static void compress_shuffling(
      const std::uint32_t* cv, const std::uint32_t* block, std::uint64_t counter,
      std::uint32_t size, std::uint32_t flags, std::uint32_t* out) {
    compress_rows<kShuffled>(cv, block, counter, size, flags, out);
  }
#endif

  template <Rotation kHow>
  [[gnu::always_inline]] static void compress_rows(const std::uint32_t* cv,
                                                   const std::uint32_t* block,
                                                   std::uint64_t counter, std::uint32_t size,
                                                   std::uint32_t flags, std::uint32_t* out) {
    Row a, b, c;
    std::memcpy(&a, cv, sizeof a);
    std::memcpy(&b, cv + 4, sizeof b);
    std::memcpy(&c, kIv, sizeof c);
    Row d = {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), size,
             flags};
    Message m(block);
    for (int round = 0;; ++round) {
      mix<kHow>(a, b, c, d, m.x, m.y);
      a = __builtin_shufflevector(a, a, 3, 0, 1, 2);
      d = __builtin_shufflevector(d, d, 2, 3, 0, 1);
      c = __builtin_shufflevector(c, c, 1, 2, 3, 0);
      mix<kHow>(a, b, c, d, m.diagonal_x, m.diagonal_y);
      a = __builtin_shufflevector(a, a, 1, 2, 3, 0);
      d = __builtin_shufflevector(d, d, 2, 3, 0, 1);
      c = __builtin_shufflevector(c, c, 3, 0, 1, 2);
      if (round == 6) break;
      m.permute();
    }
    a ^= c;
    b ^= d;
    std::memcpy(out, &a, sizeof a);
    std::memcpy(out + 4, &b, sizeof b);
  }

  static void load(const std::uint8_t* bytes, std::uint32_t* words) {
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(words, bytes, kBlockBytes);
    } else {
      for (int i = 0; i < 16; ++i, bytes += 4) {
        words[i] =
            static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
            static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
      }
    }
  }

  static Hash to_hash(const std::uint32_t* words) {
    Hash hash;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(hash.bytes.data(), words, hash.bytes.size());
    } else {
      for (std::size_t i = 0; i < 32; ++i)
        hash.bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
    }
    return hash;
  }

  // The last compression of a node, which is done as root or as inner node.
  struct Output {
    std::uint32_t cv[8];
    std::uint32_t block[16];
    std::uint64_t counter;
    std::uint32_t size;
    std::uint32_t flags;

    void chaining_value(std::uint32_t* out) const {
      compress(cv, block, counter, size, flags, out);
    }
    Hash root() const {
      std::uint32_t words[8];
      compress(cv, block, 0, size, flags | kRoot, words);
      return to_hash(words);
    }
  };

  static Output parent(const std::uint32_t* left, const std::uint32_t* right) {
    Output output{};
    std::copy_n(kIv, 8, output.cv);
    std::copy_n(left, 8, output.block);
    std::copy_n(right, 8, output.block + 8);
    output.size = kBlockBytes;
    output.flags = kParent;
    return output;
  }

  class Chunk {
   public:
    explicit Chunk(std::uint64_t counter = 0) : counter_(counter) { std::copy_n(kIv, 8, cv_); }

    std::uint64_t counter() const { return counter_; }
    std::size_t size() const { return kBlockBytes * blocks_ + filled_; }

    void update(std::string_view data) {
      while (!data.empty()) {
        if (filled_ == kBlockBytes) compress_block();
        const std::size_t taken = std::min<std::size_t>(kBlockBytes - filled_, data.size());
        std::memcpy(block_ + filled_, data.data(), taken);
        filled_ += taken;
        data.remove_prefix(taken);
      }
    }

    Output output() const {
      Output output{};
      std::copy_n(cv_, 8, output.cv);
      std::uint8_t padded[kBlockBytes] = {};
      std::memcpy(padded, block_, filled_);
      load(padded, output.block);
      output.counter = counter_;
      output.size = static_cast<std::uint32_t>(filled_);
      output.flags = start_flag() | kChunkEnd;
      return output;
    }

   private:
    std::uint32_t start_flag() const { return blocks_ == 0 ? kChunkStart : 0; }
    void compress_block() {
      std::uint32_t words[16], out[8];
      load(block_, words);
      compress(cv_, words, counter_, kBlockBytes, start_flag(), out);
      std::copy_n(out, 8, cv_);
      ++blocks_;
      filled_ = 0;
    }

    std::uint32_t cv_[8];
    std::uint64_t counter_;
    std::uint8_t block_[kBlockBytes] = {};
    std::size_t filled_ = 0;
    std::size_t blocks_ = 0;
  };

  // The finished chunk joins the tree: as many subtrees merge as the number of chunks ends in zero
  // bits.
  void end_chunk() {
    std::uint32_t cv[8];
    chunk_.output().chaining_value(cv);
    const std::uint64_t chunks = chunk_.counter() + 1;
    for (std::uint64_t rest = chunks; (rest & 1) == 0; rest >>= 1) {
      std::uint32_t merged[8];
      parent(stack_[--depth_], cv).chaining_value(merged);
      std::copy_n(merged, 8, cv);
    }
    std::copy_n(cv, 8, stack_[depth_++]);
    chunk_ = Chunk(chunks);
  }

  Chunk chunk_;
  std::uint32_t
      stack_[54][8];  // 2^54 chunks are more bytes than a u64 counts; written up to depth_ only
  std::size_t depth_ = 0;
};

inline Hash blake3(std::string_view data) {
  return data.size() <= Blake3::kChunkBytes ? Blake3::of_chunk(data)
                                            : Blake3().update(data).finish();
}
// Of the first `prefix` bytes of `data`, and of all of it: for less than two hashes where both
// begin with the same blocks. REQUIRES: prefix <= data.size().
inline std::pair<Hash, Hash> blake3_prefix_and_all(std::string_view data, std::size_t prefix) {
  return data.size() <= Blake3::kChunkBytes
             ? Blake3::of_prefix_and_chunk(data, prefix)
             : std::pair(blake3(data.substr(0, prefix)), blake3(data));
}
// Hash of the concatenation, without building it.
inline Hash blake3(std::initializer_list<std::string_view> parts) {
  Blake3 hasher;
  for (std::string_view part : parts) hasher.update(part);
  return hasher.finish();
}

}  // namespace tb
