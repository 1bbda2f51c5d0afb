// BLAKE3-256, the only hash of the system (hash mode, 32 bytes of output, no key, no context).
// Source: the BLAKE3 paper, version 2021-11-05, section 2. Held to the official test vectors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "kernel/base/bytes.hpp"

namespace blockd {

// Incremental hashing. Cheap to construct (no allocation), copyable. [any]
class Blake3 {
 public:
  Blake3();
  Blake3& update(BytesView data);
  Hash finish() const;

 private:
  struct ChunkState {
    std::uint32_t cv[8];
    std::uint64_t counter;
    std::uint8_t block[64];
    std::uint8_t block_len;
    std::uint8_t blocks_compressed;
  };
  void add_chunk_cv(const std::uint32_t cv[8], std::uint64_t total_chunks);
  ChunkState chunk_;
  std::uint32_t stack_[54][8];  // 2^54 chunks of 1 KiB: more than u64 bytes
  std::uint8_t stack_len_ = 0;
};

Hash blake3(BytesView data);
// Hash of the concatenation, without building it.
Hash blake3(std::initializer_list<BytesView> parts);

// out[i] = blake3(prefix || inputs[i]), without joining them. Inputs of like lengths that have up
// to 1 KiB with the prefix are hashed eight at once where the processor can: a quarter of the cost.
// `inputs` may lie in the memory of `out` if none begins before its own place there.
// REQUIRES: `prefix` has less than 64 bytes; `out` has room for all.
void blake3_many(BytesView prefix, std::span<const BytesView> inputs, Hash* out);
inline void blake3_many(std::span<const BytesView> inputs, Hash* out) {
  blake3_many({}, inputs, out);
}

}  // namespace blockd
