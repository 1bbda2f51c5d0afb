// RowMemory: memory for rows that come and go one by one and in the end go together, as those of a
// replay do. It costs a few instructions where the general allocator costs a hundred, and giving
// all of it back costs nothing for each row.
//
// Sizes are rounded up to steps of 32 bytes; what is given back is kept for the next row of that
// size. Larger rows than kLargest come from the general allocator. Memory stays until the object
// goes. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace blockd {

class RowMemory {
 public:
  // At least `size` bytes, aligned for any row header.
  char* take(std::size_t size);
  // REQUIRES: `memory` came from take(size) with the same size.
  void give(char* memory, std::size_t size);
  // What is held, used or not.
  std::uint64_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kStep = 32, kLargest = 1024;
  static constexpr std::size_t kChunkBytes = 2u << 20;  // a huge page, where the system has them
  struct Free {
    Free* next;
  };
  struct FreeChunk {
    void operator()(char* chunk) const;
  };
  static std::size_t step_of(std::size_t size) { return (size + kStep - 1) / kStep; }
  void add_chunk();

  std::vector<std::unique_ptr<char, FreeChunk>> chunks_;
  char* next_ = nullptr;  // unused part of the newest chunk
  std::size_t left_ = 0;
  std::array<Free*, kLargest / kStep + 1> free_{};  // by steps
  std::unordered_map<char*, std::unique_ptr<char[]>> large_;
  std::uint64_t bytes_ = 0;
};

}  // namespace blockd
