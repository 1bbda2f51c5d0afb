#include "kernel/base/file_area.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxName = 128;
constexpr std::string_view kNewVersion = ".tmp";
constexpr mode_t kOwnerOnly = 0600, kForEverybody = 0644;

class AreaFd {
 public:
  AreaFd(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, kOwnerOnly)) {}
  AreaFd(const AreaFd&) = delete;
  AreaFd& operator=(const AreaFd&) = delete;
  ~AreaFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool plain_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxName && name.front() != '.' &&
         !name.ends_with(kNewVersion) && std::all_of(name.begin(), name.end(), plain);
}

bool lies_below(const fs::path& path, const fs::path& place) {
  const auto [in_path, in_place] =
      std::mismatch(path.begin(), path.end(), place.begin(), place.end());
  return in_place == place.end() && std::all_of(in_path, path.end(), [](const fs::path& part) {
           return plain_name(part.string());
         });
}

struct AreaEntry {
  std::string name;
  std::uint64_t bytes = 0;
};

Status each_file(const std::string& folder, const FileArea::Visitor& visit) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;  // a file that went meanwhile
    if (!it->is_regular_file(gone) || gone) continue;
    const std::uint64_t bytes = it->file_size(gone);
    if (!gone && !visit(it->path().filename().string(), bytes)) return {};
  }
  if (error == std::errc::no_such_file_or_directory)
    return Status(Code::kNotFound, folder + ": there is no such folder");
  return error ? Status(Code::kIo, folder + ": " + error.message()) : Status();
}

// Whether `other` is a version of the file `name` that is being made, or was left.
bool is_version_of(std::string_view other, std::string_view name) {
  if (!other.starts_with(name) || !other.ends_with(kNewVersion)) return false;
  other.remove_prefix(name.size());
  other.remove_suffix(std::min(other.size(), kNewVersion.size()));
  return other.empty() ||
         (other.front() == '.' && other.find_first_not_of("0123456789", 1) == std::string::npos);
}

void remove_if_left(const fs::path& version) {
  std::error_code gone;  // it took its place meanwhile, or cannot be removed: then it counts on
  const fs::file_time_type written = fs::last_write_time(version, gone);
  if (!gone && fs::file_time_type::clock::now() - written > kAreaLeftoverAge)
    fs::remove(version, gone);
}

// Before a new version of the file `name` begins.
Status make_room(const std::string& folder, const std::string& name) {
  TB_TRY(make_directories(folder));
  std::uint64_t bytes = 0;
  std::size_t others = 0;
  TB_TRY(each_file(folder, [&](const std::string& other, std::uint64_t size) {
    if (is_version_of(other, name)) {
      remove_if_left(fs::path(folder) / other);
      return true;
    }
    bytes += size;
    others += other == name ? 0 : 1;
    return others < kMaxAreaFiles && bytes <= kMaxAreaFolderBytes;
  }));
  if (others < kMaxAreaFiles && bytes <= kMaxAreaFolderBytes) return {};
  return Status(Code::kLimit,
                folder + " is full: a plugin may keep " + std::to_string(kMaxAreaFiles) +
                    " files and " + std::to_string(kMaxAreaFolderBytes) + " bytes in a folder",
                "remove what is not needed any more");
}

Status append_to(int fd, const std::string& path, BytesView text) {
  struct stat now {};
  if (::fstat(fd, &now) != 0) return errno_status(path);
  if (static_cast<std::uint64_t>(now.st_size) + text.size() > kMaxAreaFileBytes)
    return Status(Code::kLimit,
                  path + ": more than " + std::to_string(kMaxAreaFileBytes) + " bytes");
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_status("cannot write " + path);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status sync_folder(const std::string& folder) {
  const AreaFd fd(folder, O_RDONLY | O_DIRECTORY);
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return errno_status("cannot sync folder " + folder);
  return {};
}

}  // namespace

Result<std::string> FileArea::allowed(BytesView path) const {
  std::error_code error;
  const fs::path whole = fs::absolute(fs::path(std::string(path)), error);
  const bool climbs =
      std::any_of(whole.begin(), whole.end(), [](const fs::path& part) { return part == ".."; });
  if (!error && !climbs && path.find('\0') == BytesView::npos) {
    for (const std::string& place : places_) {
      if (lies_below(whole, place)) return whole.string();
    }
  }
  std::string known;
  for (const std::string& place : places_) known += (known.empty() ? "" : ", ") + place;
  return Status(Code::kInvalid,
                std::string(path.substr(0, 4096)) +
                    " is not a file that the plugin may keep; its places: " +
                    (known.empty() ? "none" : known),
                "set the config key that names its folder");
}

Status FileArea::write(BytesView path, bool begin, bool end, BytesView text,
                       Readers readers) const {
  if (text.size() > kMaxAreaText)
    return Status(Code::kLimit, "more than " + std::to_string(kMaxAreaText) + " bytes in one call");
  Result<std::string> target = allowed(path);
  if (!target.ok()) return target.status();
  const std::string fresh = *target + "." + std::to_string(writer_) + std::string(kNewVersion);
  const fs::path whole(*target);
  const std::string folder = whole.parent_path().string();
  if (begin) TB_TRY(make_room(folder, whole.filename().string()));
  const AreaFd fd(fresh, O_WRONLY | O_NOFOLLOW | (begin ? O_CREAT | O_TRUNC : O_APPEND));
  if (fd.get() < 0) return errno_status("cannot write " + fresh);
  // What a killed process left may have been for everybody; before the first byte it is not.
  const mode_t mode = readers == Readers::kOwner ? kOwnerOnly : kForEverybody;
  if (begin && ::fchmod(fd.get(), mode) != 0)
    return errno_status("cannot set the rights of " + fresh);
  TB_TRY(append_to(fd.get(), fresh, text));
  if (!end) return {};
  if (::fsync(fd.get()) != 0) return errno_status("cannot sync " + fresh);
  if (::rename(fresh.c_str(), target->c_str()) != 0) return errno_status("cannot rename " + fresh);
  return sync_folder(folder);
}

Result<Bytes> FileArea::read(BytesView path, std::uint64_t offset, std::uint64_t limit) const {
  Result<std::string> target = allowed(path);
  if (!target.ok()) return target.status();
  const AreaFd fd(*target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd.get() < 0) return errno_status(*target);
  struct stat now {};
  if (::fstat(fd.get(), &now) != 0) return errno_status(*target);
  if (!S_ISREG(now.st_mode)) return Status(Code::kInvalid, *target + ": not a plain file");
  const auto size = static_cast<std::uint64_t>(now.st_size);
  const std::uint64_t left = offset < size ? size - offset : 0;
  Bytes out(static_cast<std::size_t>(std::min({limit, left, std::uint64_t{kMaxAreaText}})), '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_status("cannot read " + *target);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  out.resize(done);
  return out;
}

Status FileArea::list(BytesView folder, const Visitor& visit) const {
  Result<std::string> target = allowed(folder);
  if (!target.ok()) return target.status();
  std::vector<AreaEntry> found;
  TB_TRY(each_file(*target, [&](const std::string& name, std::uint64_t bytes) {
    if (plain_name(name)) found.push_back({name, bytes});
    return found.size() <= kMaxAreaListed;
  }));
  if (found.size() > kMaxAreaListed)
    return Status(Code::kLimit,
                  *target + ": more than " + std::to_string(kMaxAreaListed) + " files");
  std::sort(found.begin(), found.end(),
            [](const AreaEntry& a, const AreaEntry& b) { return a.name < b.name; });
  for (const AreaEntry& entry : found) {
    if (!visit(entry.name, entry.bytes)) break;
  }
  return {};
}

Status FileArea::remove(BytesView path) const {
  Result<std::string> target = allowed(path);
  if (!target.ok()) return target.status();
  if (::unlink(target->c_str()) != 0) return errno_status("cannot remove " + *target);
  return sync_folder(fs::path(*target).parent_path().string());
}

}  // namespace blockd
