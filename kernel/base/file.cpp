#include "kernel/base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace blockd {
namespace {

constexpr std::uint64_t kReadStep = 64 << 10;

// Closes on the way out; the places where a failed close matters have fsynced before.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags, unsigned mode = 0) {
  int fd;
  do {
    fd = ::open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

std::string directory_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Unique among the threads of this process by the counter and among processes by the pid; what a
// dead process left under the same name is refused by O_EXCL and the next number is taken.
std::string temporary_name(const std::string& path) {
  static std::atomic<std::uint64_t> counter{0};
  return path + "." + std::to_string(::getpid()) + "." + std::to_string(++counter) + ".tmp";
}

Status write_all(int fd, BytesView content, const std::string& name) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_status("cannot write " + name);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status fill_temporary(int fd, const std::string& name, BytesView content, unsigned mode) {
  // The mode that was asked for, whatever the umask of the process.
  if (::fchmod(fd, mode) != 0) return errno_status("cannot set the mode of " + name);
  TB_TRY(write_all(fd, content, name));
  if (::fsync(fd) != 0) return errno_status("cannot fsync " + name);
  return {};
}

// What the file has now; 0 when it does not tell (a pipe, /proc), or tells more than is allowed.
std::size_t size_to_expect(int fd, std::uint64_t max_bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_size < 0) return 0;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  return size <= max_bytes ? static_cast<std::size_t>(size) : 0;
}

Status sync_directory(const std::string& dir) {
  Fd fd(open_retrying(dir.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd) return errno_status("cannot open directory " + dir);
  if (::fsync(fd.get()) != 0) return errno_status("cannot fsync directory " + dir);
  return {};
}

}  // namespace

Status errno_status(std::string_view what) {
  const int error = errno;
  std::string message = std::string(what) + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Status(Code::kNoSpace, std::move(message), "free some space on this file system");
    case ENOENT:
      return Status(Code::kNotFound, std::move(message));
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(Code::kDenied, std::move(message),
                    "check the owner and the mode of the file and of its directory");
    default:
      return Status(Code::kIo, std::move(message));
  }
}

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
  Fd fd(open_retrying(path.c_str(), O_RDONLY));
  if (!fd) return errno_status("cannot open " + path);
  Bytes out;
  out.reserve(size_to_expect(fd.get(), max_bytes) + 1);  // the end is seen without growing
  while (true) {
    std::size_t old_size = out.size();
    const std::size_t room = out.capacity() - old_size;
    out.resize(old_size + (room > 0 ? room : kReadStep));
    ssize_t n = ::read(fd.get(), out.data() + old_size, out.size() - old_size);
    if (n < 0 && errno != EINTR) return errno_status("cannot read " + path);
    out.resize(old_size + static_cast<std::size_t>(n < 0 ? 0 : n));
    if (out.size() > max_bytes) {
      return Status(Code::kLimit, path + ": larger than the " + std::to_string(max_bytes) +
                                      " bytes allowed here");
    }
    if (n == 0) return out;
  }
}

Status write_file_atomic(const std::string& path, BytesView content, unsigned mode) {
  std::string temporary;
  int raw = -1;
  do {
    temporary = temporary_name(path);
    raw = open_retrying(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  } while (raw < 0 && errno == EEXIST);
  Fd fd(raw);
  if (!fd) return errno_status("cannot create " + temporary);
  Status status = fill_temporary(fd.get(), temporary, content, mode);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = errno_status("cannot rename " + temporary + " to " + path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_directory(directory_of(path));
}

Status make_directories(const std::string& path, unsigned mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return errno_status("cannot create directory " + part);
    }
    if (end == std::string::npos) break;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_status("cannot look at " + path);
  if (!S_ISDIR(info.st_mode))
    return Status(Code::kInvalid, path + ": there is a file, not a directory");
  return {};
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<DirectoryLock> DirectoryLock::acquire(const std::string& dir) {
  const std::string path = dir + "/LOCK";
  Fd fd(open_retrying(path.c_str(), O_RDWR | O_CREAT, 0644));
  if (!fd) return errno_status("cannot open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_status("cannot lock " + path);
    char pid[24] = {};
    ssize_t n = ::pread(fd.get(), pid, sizeof pid - 1, 0);
    std::string owner(pid, static_cast<std::size_t>(n > 0 ? n : 0));
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    if (owner.empty()) owner = "unknown";
    return Status(Code::kBusy, "data directory in use by pid " + owner + ": " + dir,
                  "stop that process first, or start this one with another data directory");
  }
  if (::ftruncate(fd.get(), 0) != 0) return errno_status("cannot write " + path);
  TB_TRY(write_all(fd.get(), std::to_string(::getpid()) + "\n", path));
  return DirectoryLock(fd.release());
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace blockd
