#include "kernel/log/log_sinks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "kernel/base/file.hpp"

namespace blockd {

RotatingFile::RotatingFile(std::string path, std::uint64_t max_bytes, unsigned max_files)
    : path_(std::move(path)), max_bytes_(max_bytes), max_files_(max_files) {}

RotatingFile::~RotatingFile() { close_file(); }

void RotatingFile::close_file() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Status RotatingFile::open() {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) return errno_status("log file " + path_);
  struct stat info {};
  size_ = ::fstat(fd_, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  return {};
}

Status RotatingFile::reopen() {
  close_file();
  return open();
}

Status RotatingFile::rotate() {
  close_file();
  for (unsigned n = max_files_ - 1; n > 0; --n) {
    const std::string from = n == 1 ? path_ : path_ + "." + std::to_string(n - 1);
    const std::string to = path_ + "." + std::to_string(n);
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
      return errno_status("rotate " + from);
  }
  if (max_files_ == 1 && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    return errno_status("rotate " + path_);
  return open();
}

Status RotatingFile::write_line(std::string_view line) {
  if (fd_ < 0) TB_TRY(open());
  if (size_ > 0 && size_ + line.size() + 1 > max_bytes_) TB_TRY(rotate());
  char newline = '\n';
  iovec parts[2] = {{const_cast<char*>(line.data()), line.size()}, {&newline, 1}};
  ssize_t n = 0;
  do {
    n = ::writev(fd_, parts, 2);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno_status("log file " + path_);
  size_ += static_cast<std::uint64_t>(n);
  if (static_cast<std::size_t>(n) != line.size() + 1) {
    return Status(Code::kNoSpace, "log file " + path_ + ": a line was cut short");
  }
  return {};
}

}  // namespace blockd
