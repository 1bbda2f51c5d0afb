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
#include <cstdlib>
#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

namespace blockd {

inline constexpr std::size_t kHugePage = 2u << 20;

// `bytes` that begin at a huge page and lie in such, where the system has them: what is met in no
// order spares most of the lookups of addresses so. Given back with std::free. Throws
// std::bad_alloc.
void* take_huge_pages(std::size_t bytes);

// For tables that grow large and are met in no order.
template <class T>
struct HugePageAllocator {
  using value_type = T;
  HugePageAllocator() = default;
  template <class U>
  HugePageAllocator(const HugePageAllocator<U>&) {}
  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    return static_cast<T*>(bytes < kHugePage ? ::operator new(bytes) : take_huge_pages(bytes));
  }
  void deallocate(T* memory, std::size_t n) {
    n * sizeof(T) < kHugePage ? ::operator delete(memory) : std::free(memory);
  }
  bool operator==(const HugePageAllocator&) const { return true; }
};

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
  static constexpr std::size_t kChunkBytes = kHugePage;
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
