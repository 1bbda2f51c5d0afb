#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kernel/base/file.hpp"
#include "kernel/storage/disk.hpp"

namespace blockd {
namespace {

class SystemFile final : public DiskFile {
 public:
  SystemFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;
  ~SystemFile() override { ::close(fd_); }

  Status write_at(std::uint64_t offset, BytesView data) override {
    while (!data.empty()) {
      ssize_t n = ::pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        return errno_status("cannot write " + path_ + " at offset " + std::to_string(offset));
      offset += static_cast<std::uint64_t>(n);
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const override {
    Bytes out(n, '\0');
    Result<std::size_t> got = read_to(offset, out);
    if (!got.ok()) return got.status();
    out.resize(*got);
    return out;
  }

  Result<std::size_t> read_to(std::uint64_t offset, std::span<char> to) const override {
    std::size_t done = 0;
    while (done < to.size()) {
      ssize_t got =
          ::pread(fd_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return errno_status("cannot read " + path_ + " at offset " + std::to_string(offset));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status sync() override {
    if (::fdatasync(fd_) != 0) return errno_status("cannot fdatasync " + path_);
    return {};
  }
  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
      return errno_status("cannot truncate " + path_);
    return {};
  }
  Status preallocate(std::uint64_t size) override {
    int error;
    do {
      error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
    } while (error == EINTR);
    if (error == 0) return {};
    errno = error;
    return errno_status("cannot reserve space for " + path_);
  }
  Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return errno_status("cannot look at " + path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) override {
    int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
    if (fd < 0) return errno_status("cannot open " + path);
    return std::unique_ptr<DiskFile>(std::make_unique<SystemFile>(fd, path));
  }

  Result<std::vector<std::string>> list(const std::string& dir) const override {
    DIR* handle = ::opendir(dir.c_str());
    if (handle == nullptr) return errno_status("cannot list directory " + dir);
    std::vector<std::string> out;
    errno = 0;
    while (const dirent* entry = ::readdir(handle)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") out.push_back(std::move(name));
    }
    Status status;
    if (errno != 0) status = errno_status("cannot list directory " + dir);
    ::closedir(handle);
    if (!status.ok()) return status;
    std::sort(out.begin(), out.end());
    return out;
  }

  Status make_dir(const std::string& dir) override { return make_directories(dir); }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return errno_status("cannot rename " + from + " to " + to);
    return {};
  }
  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return errno_status("cannot remove " + path);
    return {};
  }
  Status sync_dir(const std::string& dir) override {
    int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno_status("cannot open directory " + dir);
    Status status;
    if (::fsync(fd) != 0) status = errno_status("cannot fsync directory " + dir);
    ::close(fd);
    return status;
  }
  std::uint64_t free_bytes(const std::string& dir) const override {
    struct statvfs info {};
    if (::statvfs(dir.c_str(), &info) != 0) return UINT64_MAX;
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

}  // namespace

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace blockd
