// Disk: the few file operations that the block log needs, so that the simulator can give it a disk
// that tears writes, fills up, fails an fsync or loses power at any step. [one thread changes a
// file; read_at, size and sync from any thread, also at the same time; a sync covers at least what
// was written before it began]
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual Status write_at(std::uint64_t offset, BytesView data) = 0;
  // Up to `n` bytes; fewer only at the end of the file.
  virtual Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const = 0;
  // The same into `to`, as many bytes as it has room for. Answers how many were there.
  virtual Result<std::size_t> read_to(std::uint64_t offset, std::span<char> to) const {
    Result<Bytes> bytes = read_at(offset, to.size());
    if (!bytes.ok()) return bytes.status();
    std::copy(bytes->begin(), bytes->end(), to.begin());
    return bytes->size();
  }
  virtual Status sync() = 0;  // fdatasync. After an error the file must not be used again.
  virtual Status truncate(std::uint64_t size) = 0;
  virtual Status preallocate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& dir) const = 0;  // names, sorted
  virtual Status make_dir(const std::string& dir) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Status sync_dir(const std::string& dir) = 0;
  // Bytes that files in `dir` can still take, UINT64_MAX when that is not known.
  virtual std::uint64_t free_bytes(const std::string& dir) const {
    static_cast<void>(dir);
    return UINT64_MAX;
  }
};

// The operating system's file system. Lives for ever.
Disk& system_disk();

}  // namespace blockd
