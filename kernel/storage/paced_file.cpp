#include "kernel/storage/paced_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "kernel/base/clock.hpp"
#include "kernel/base/file.hpp"

namespace blockd {

PacedFile::PacedFile(std::string path, PacedFileOptions options)
    : path_(std::move(path)),
      options_(options),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (fd_ < 0) failed_ = errno_status("cannot make " + path_);
}

PacedFile::~PacedFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status PacedFile::fail(const char* what) {
  return failed_ = errno_status("cannot " + std::string(what) + " " + path_);
}

Status PacedFile::append(BytesView data) {
  TB_TRY(failed_);
  waiting_.reserve(kPieceBytes);
  while (!data.empty()) {
    const BytesView part = data.substr(0, kPieceBytes - waiting_.size());
    waiting_.append(part);
    data.remove_prefix(part.size());
    if (waiting_.size() == kPieceBytes) TB_TRY(push());
  }
  return {};
}

// What a file system cannot reserve it may still be able to write.
Status PacedFile::reserve() {
  if (options_.reserve_bytes == 0 || bytes() <= reserved_) return {};
  reserved_ = bytes() + options_.reserve_bytes;
  const int refused = ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(reserved_));
  return refused != 0 && errno == ENOSPC ? fail("write") : Status();
}

// That a piece could not be written the system tells once: to this wait or to the sync at the end.
// So it counts here too. What else the calls answer is that a file system does not know them.
Status PacedFile::await_piece() {
  const auto begin = static_cast<off_t>(piece_), size = static_cast<off_t>(written_ - piece_);
  if (size == 0) return {};
  const std::uint64_t from = system_clock().monotonic_us();
  if (options_.paced && ::sync_file_range(fd_, begin, size, SYNC_FILE_RANGE_WAIT_BEFORE) != 0 &&
      (errno == EIO || errno == ENOSPC || errno == EDQUOT))
    return fail("write");
  const std::uint64_t waited = system_clock().monotonic_us() - from;
  if (options_.rests)
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(waited, kMostRestUs)));
  const int hint = options_.forget ? ::posix_fadvise(fd_, begin, size, POSIX_FADV_DONTNEED) : 0;
  static_cast<void>(hint);
  return {};
}

Status PacedFile::push() {
  TB_TRY(failed_);
  if (waiting_.empty()) return {};
  TB_TRY(reserve());
  TB_TRY(await_piece());
  piece_ = written_;
  for (BytesView rest = waiting_; !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("write");
    written_ += static_cast<std::uint64_t>(n);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  waiting_.clear();
  const int hint = ::sync_file_range(fd_, static_cast<off_t>(piece_),
                                     static_cast<off_t>(written_ - piece_), SYNC_FILE_RANGE_WRITE);
  static_cast<void>(hint);
  return {};
}

Status PacedFile::sync() {
  TB_TRY(push());
  TB_TRY(await_piece());
  if (reserved_ > written_ && ::ftruncate(fd_, static_cast<off_t>(written_)) != 0)
    return fail("cut");
  reserved_ = 0;
  return ::fsync(fd_) == 0 ? Status() : fail("sync");
}

Status PacedFile::close() {
  TB_TRY(push());
  const int refused = fd_ >= 0 ? ::close(fd_) : 0;
  fd_ = -1;
  return refused == 0 ? Status() : fail("close");
}

}  // namespace blockd
