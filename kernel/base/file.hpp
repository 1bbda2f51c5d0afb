// Small files, written so that a crash leaves the old or the new content, never a mixture.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

// Whole content; files above `max_bytes` are refused. Errors: kNotFound, kLimit, kDenied, kIo.
Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes = 64ull << 20);
// Temp file in the same directory, fsync, rename, fsync of the directory. Errors: kNoSpace, kIo,
// kDenied.
Status write_file_atomic(const std::string& path, BytesView content, unsigned mode = 0644);
Status make_directories(const std::string& path, unsigned mode = 0755);
bool file_exists(const std::string& path);
// Status of the present errno: `what` + ": " + strerror. ENOSPC/EDQUOT -> kNoSpace, ENOENT ->
// kNotFound, EACCES/EPERM/EROFS -> kDenied, else kIo.
Status errno_status(std::string_view what);

// An exclusive lock on a data directory, `<dir>/LOCK` with the owner's pid in it; released on
// destruction (and by the system when the process dies).
class DirectoryLock {
 public:
  // Errors: kBusy "data directory in use by pid N: <dir>".
  static Result<DirectoryLock> acquire(const std::string& dir);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace blockd
