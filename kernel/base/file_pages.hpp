// FilePages: the whole content of a file in pages of its own. For what is large and needed for a
// moment (a library that is checked): the pages go back to the system at the end, where a string of
// that size would stay with the heap and raise the sizes that the heap keeps. A copy, so that
// nobody who writes or cuts the file can change what was checked. Movable; one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

class FilePages {
 public:
  FilePages() = default;  // no bytes
  FilePages(FilePages&& other) noexcept;
  FilePages& operator=(FilePages&& other) noexcept;
  ~FilePages();

  // Whole content; files above `max_bytes` are refused. Errors: those of read_file(); kIo also
  // when the system has no pages to give.
  static Result<FilePages> read(const std::string& path, std::uint64_t max_bytes);

  // Valid until the object is moved or ends.
  BytesView view() const { return {start_, size_}; }

 private:
  Status grow(std::size_t capacity);

  char* start_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace blockd
