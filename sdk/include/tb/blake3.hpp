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

#include "tb/values.hpp"

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
    std::uint32_t cv[8], words[16];
    std::copy_n(kIv, 8, cv);
    std::uint32_t flags = kChunkStart;
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
  // Where each round reads the message: the permutation of the paper, applied round by round.
  static constexpr std::uint8_t kSchedule[7][16] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
      {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
      {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
      {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
      {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
      {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
      {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

  static void mix(std::uint32_t* v, int a, int b, int c, int d, std::uint32_t x, std::uint32_t y) {
    v[a] += v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 7);
  }

  static void compress(const std::uint32_t* cv, const std::uint32_t* block, std::uint64_t counter,
                       std::uint32_t size, std::uint32_t flags, std::uint32_t* out) {
    std::uint32_t v[16] = {cv[0],
                           cv[1],
                           cv[2],
                           cv[3],
                           cv[4],
                           cv[5],
                           cv[6],
                           cv[7],
                           kIv[0],
                           kIv[1],
                           kIv[2],
                           kIv[3],
                           static_cast<std::uint32_t>(counter),
                           static_cast<std::uint32_t>(counter >> 32),
                           size,
                           flags};
    for (const std::uint8_t* at : kSchedule) {
      mix(v, 0, 4, 8, 12, block[at[0]], block[at[1]]);
      mix(v, 1, 5, 9, 13, block[at[2]], block[at[3]]);
      mix(v, 2, 6, 10, 14, block[at[4]], block[at[5]]);
      mix(v, 3, 7, 11, 15, block[at[6]], block[at[7]]);
      mix(v, 0, 5, 10, 15, block[at[8]], block[at[9]]);
      mix(v, 1, 6, 11, 12, block[at[10]], block[at[11]]);
      mix(v, 2, 7, 8, 13, block[at[12]], block[at[13]]);
      mix(v, 3, 4, 9, 14, block[at[14]], block[at[15]]);
    }
    for (int i = 0; i < 8; ++i) out[i] = v[i] ^ v[i + 8];
  }

  static void load(const std::uint8_t* bytes, std::uint32_t* words) {
    for (int i = 0; i < 16; ++i, bytes += 4) {
      words[i] = static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
                 static_cast<std::uint32_t>(bytes[2]) << 16 |
                 static_cast<std::uint32_t>(bytes[3]) << 24;
    }
  }

  static Hash to_hash(const std::uint32_t* words) {
    Hash hash;
    for (std::size_t i = 0; i < 32; ++i)
      hash.bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
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
// Hash of the concatenation, without building it.
inline Hash blake3(std::initializer_list<std::string_view> parts) {
  Blake3 hasher;
  for (std::string_view part : parts) hasher.update(part);
  return hasher.finish();
}

}  // namespace tb
