#include "kernel/chain/row_memory.hpp"

#include <sys/mman.h>

#include <bit>
#include <cstring>

namespace blockd {

void* take_huge_pages(std::size_t bytes) {
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* const memory = std::aligned_alloc(kHugePage, whole);
  if (memory == nullptr) throw std::bad_alloc();
  static_cast<void>(::madvise(memory, whole, MADV_HUGEPAGE));  // advice
  return memory;
}

void RowMemory::FreeChunk::operator()(char* chunk) const { std::free(chunk); }

std::size_t RowMemory::class_of(std::size_t size) {
  if (size <= kLargest) return (size + kStep - 1) / kStep;
  return kSmall + static_cast<std::size_t>(std::bit_width((size - 1) / kLargest)) - 1;
}

std::size_t RowMemory::bytes_of(std::size_t row_class) {
  return row_class < kSmall ? row_class * kStep : (kLargest << 1) << (row_class - kSmall);
}

// A row that is larger than a chunk takes as many numbers as chunks lie in it.
void RowMemory::add_chunk(std::size_t bytes) {
  constexpr std::size_t kMaxChunks = (std::size_t{1} << 32) / kChunkSteps;
  const std::size_t numbers = bytes / kChunkBytes;
  if (chunks_.size() + numbers > kMaxChunks) throw std::bad_alloc();
  chunks_.emplace_back(static_cast<char*>(take_huge_pages(bytes)));
  chunks_.resize(chunks_.size() + numbers - 1);
  bytes_ += bytes;
}

RowMemory::Place RowMemory::cut(std::size_t bytes) {
  if (bytes > kChunkBytes) {
    const std::size_t chunk = chunks_.size();
    add_chunk(bytes);
    return static_cast<Place>(chunk * kChunkSteps);
  }
  const std::size_t steps = bytes / kStep;
  if (left_ < steps) {  // the rest of the old one is lost
    next_ = chunks_.size() * kChunkSteps;
    left_ = kChunkSteps;
    add_chunk(kChunkBytes);
  }
  const std::size_t place = next_;
  next_ += steps;
  left_ -= steps;
  return static_cast<Place>(place);
}

RowMemory::Place RowMemory::take(std::size_t size) {
  const std::size_t row_class = class_of(size);
  if (const Place found = free_[row_class]; found != 0) {
    std::memcpy(&free_[row_class], at(found), sizeof found);
    return found;
  }
  // The very first step stands for none.
  if (chunks_.empty()) static_cast<void>(cut(kStep));
  return cut(bytes_of(row_class));
}

void RowMemory::give(Place place, std::size_t size) {
  Place& first = free_[class_of(size)];
  std::memcpy(at(place), &first, sizeof first);
  first = place;
}

}  // namespace blockd
