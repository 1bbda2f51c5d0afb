#include "kernel/chain/row_memory.hpp"

#include <sys/mman.h>

namespace blockd {

void* take_huge_pages(std::size_t bytes) {
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* const memory = std::aligned_alloc(kHugePage, whole);
  if (memory == nullptr) throw std::bad_alloc();
  static_cast<void>(::madvise(memory, whole, MADV_HUGEPAGE));  // advice
  return memory;
}

void RowMemory::FreeChunk::operator()(char* chunk) const { std::free(chunk); }

void RowMemory::add_chunk() {
  chunks_.emplace_back(static_cast<char*>(take_huge_pages(kChunkBytes)));
  next_ = chunks_.back().get();
  left_ = kChunkBytes;
  bytes_ += kChunkBytes;
}

char* RowMemory::take(std::size_t size) {
  if (size > kLargest) {
    auto memory = std::make_unique_for_overwrite<char[]>(size);
    char* out = memory.get();
    large_.emplace(out, std::move(memory));
    bytes_ += size;
    return out;
  }
  const std::size_t steps = step_of(size);
  if (Free* const found = free_[steps]; found != nullptr) {
    free_[steps] = found->next;
    return reinterpret_cast<char*>(found);
  }
  if (left_ < steps * kStep) add_chunk();  // the rest of the old one, less than a row, is lost
  char* const out = next_;
  next_ += steps * kStep;
  left_ -= steps * kStep;
  return out;
}

void RowMemory::give(char* memory, std::size_t size) {
  if (size > kLargest) {
    large_.erase(memory);
    bytes_ -= size;
    return;
  }
  Free*& first = free_[step_of(size)];
  first = new (memory) Free{first};
}

}  // namespace blockd
