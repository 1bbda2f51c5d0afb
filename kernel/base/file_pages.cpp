#include "kernel/base/file_pages.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

constexpr std::size_t kLeastPages = 64u << 10;

int open_to_read(const std::string& path) {
  int fd;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

struct Closed {
  int fd;
  ~Closed() { ::close(fd); }
};

}  // namespace

FilePages::FilePages(FilePages&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

FilePages& FilePages::operator=(FilePages&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

FilePages::~FilePages() {
  if (start_ != nullptr) ::munmap(start_, capacity_);
}

Status FilePages::grow(std::size_t capacity) {
  void* at = start_ == nullptr ? ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                               : ::mremap(start_, capacity_, capacity, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return errno_status("no memory for " + std::to_string(capacity) + " bytes");
  start_ = static_cast<char*>(at);
  capacity_ = capacity;
  return {};
}

Result<FilePages> FilePages::read(const std::string& path, std::uint64_t max_bytes) {
  const int fd = open_to_read(path);
  if (fd < 0) return errno_status("cannot open " + path);
  const Closed closed{fd};
  // The size is where to begin, not to be trusted: a pipe has none, and a file may grow meanwhile.
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
  const std::uint64_t expected = known ? static_cast<std::uint64_t>(info.st_size) : 0;
  const auto too_large = [&] {
    return Status(Code::kLimit,
                  path + ": larger than the " + std::to_string(max_bytes) + " bytes allowed here");
  };
  if (expected > max_bytes) return too_large();
  FilePages out;
  TB_TRY(out.grow(std::max<std::size_t>(expected + 1, kLeastPages)));
  while (true) {
    if (out.size_ == out.capacity_) TB_TRY(out.grow(out.capacity_ * 2));
    const ssize_t n = ::read(fd, out.start_ + out.size_, out.capacity_ - out.size_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_status("cannot read " + path);
    if (n == 0) return out;
    out.size_ += static_cast<std::size_t>(n);
    if (out.size_ > max_bytes) return too_large();
  }
}

}  // namespace blockd
