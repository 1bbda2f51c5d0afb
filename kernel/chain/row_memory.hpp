// RowMemory: memory for rows that come and go one by one and in the end go together, as those of a
// replay do. It costs a few instructions where the general allocator costs a hundred, and giving
// all of it back costs nothing for each row.
//
// A row's place is a number of 32 bits, half of what a pointer takes in a table. Sizes are rounded
// up to steps of 16 bytes, those above kLargest to a power of two; what is given back is kept for
// the next row of that size. Memory stays until the object goes. At most 64 GiB. One thread at a
// time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
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
  using Place = std::uint32_t;  // never 0
  static constexpr std::size_t kStep = 16;

  // At least `size` bytes, aligned for any row header. Throws std::bad_alloc.
  Place take(std::size_t size);
  // REQUIRES: `place` came from take(size) with the same size.
  void give(Place place, std::size_t size);
  char* at(Place place) const {
    return chunks_[place / kChunkSteps].get() + place % kChunkSteps * kStep;
  }
  // What is held, used or not.
  std::uint64_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kLargest = 1024;
  static constexpr std::size_t kChunkBytes = kHugePage, kChunkSteps = kChunkBytes / kStep;
  static constexpr std::size_t kSmall = kLargest / kStep + 1, kClasses = kSmall + 22;
  struct FreeChunk {
    void operator()(char* chunk) const;
  };
  // Rows of one class have one size.
  static std::size_t class_of(std::size_t size);
  static std::size_t bytes_of(std::size_t row_class);
  Place cut(std::size_t bytes);
  void add_chunk(std::size_t bytes);

  std::vector<std::unique_ptr<char, FreeChunk>> chunks_;
  std::size_t next_ = 0, left_ = 0;     // unused part of the newest chunk of usual size: steps
  std::array<Place, kClasses> free_{};  // the first that was given back; it names the next
  std::uint64_t bytes_ = 0;
};

}  // namespace blockd
