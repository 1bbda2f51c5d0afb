// Where log lines go: a file that rotates by size and can be opened again, for the writer's thread
// alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/base/status.hpp"

namespace blockd {

// Appends lines to `path`; before a line would pass `max_bytes` the files move up (<path> ->
// <path>.1 -> …) and the oldest of `max_files` goes. Not thread-safe.
class RotatingFile {
 public:
  RotatingFile(std::string path, std::uint64_t max_bytes, unsigned max_files);
  ~RotatingFile();
  RotatingFile(const RotatingFile&) = delete;
  RotatingFile& operator=(const RotatingFile&) = delete;

  // Errors: kIo, kDenied, kNoSpace. A failed line is lost; the next one tries again.
  Status open();
  Status write_line(std::string_view line);
  // Opens the file under its name again; after an outside rotation that is a new one.
  Status reopen();

 private:
  Status rotate();
  void close_file();

  const std::string path_;
  const std::uint64_t max_bytes_;
  const unsigned max_files_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace blockd
