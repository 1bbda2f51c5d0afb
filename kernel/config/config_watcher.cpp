#include "kernel/config/config_watcher.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

ConfigWatcher::Mode ConfigWatcher::mode_from(std::string_view text) {
  return text == "inotify" ? Mode::kInotify : text == "poll" ? Mode::kPoll : Mode::kAuto;
}

Result<std::unique_ptr<ConfigWatcher>> ConfigWatcher::start(std::vector<std::string> files,
                                                            Mode mode, unsigned poll_ms,
                                                            std::function<void()> on_change) {
  if (files.size() > kMaxFiles) return Status(Code::kLimit, "config watch: more than 64 files");
  std::unique_ptr<ConfigWatcher> w(new ConfigWatcher);
  w->files_ = std::move(files);
  w->on_change_ = std::move(on_change);
  w->poll_ms_ = poll_ms;
  w->stop_fd_ = eventfd(0, EFD_CLOEXEC);
  if (w->stop_fd_ < 0) return errno_status("config watch");
  if (mode != Mode::kPoll) {
    Status opened = w->open_inotify();
    if (!opened.ok() && mode == Mode::kInotify) return opened;
  }
  w->seen_ = w->look();  // after the watch is in place: a change in between shows in the next look
  w->thread_ = std::thread([raw = w.get()] { raw->run(); });
  return w;
}

ConfigWatcher::~ConfigWatcher() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    const ssize_t n = ::write(stop_fd_, &one, sizeof one);
    TB_ASSERT(n == sizeof one);
    thread_.join();
  }
  if (inotify_fd_ >= 0) ::close(inotify_fd_);
  if (stop_fd_ >= 0) ::close(stop_fd_);
}

Status ConfigWatcher::open_inotify() {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0)
    return Status(Code::kUnavailable, errno_status("config watch: inotify").message(),
                  "set config.watch to poll");
  std::set<std::string> dirs;
  for (const std::string& file : files_) dirs.insert(directory_of(file));
  for (const std::string& dir : dirs) {
    constexpr std::uint32_t kEvents =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB;
    if (inotify_add_watch(fd, dir.c_str(), kEvents) >= 0) continue;
    const std::string why = errno_status("config watch: " + dir).message();
    ::close(fd);
    return Status(Code::kUnavailable, why, "set config.watch to poll");
  }
  inotify_fd_ = fd;
  return {};
}

std::vector<ConfigWatcher::Stamp> ConfigWatcher::look() const {
  std::vector<Stamp> out;
  for (const std::string& file : files_) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) {
      out.emplace_back();
      continue;
    }
    out.push_back(
        {true,
         static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec,
         static_cast<std::int64_t>(info.st_size), static_cast<std::uint64_t>(info.st_ino)});
  }
  return out;
}

bool ConfigWatcher::wait(int timeout_ms, bool& event) {
  pollfd fds[2] = {{stop_fd_, POLLIN, 0},
                   {inotify_fd_, POLLIN, 0}};  // poll ignores a negative descriptor
  event = ::poll(fds, 2, timeout_ms) > 0 && (fds[1].revents & POLLIN) != 0;
  return (fds[0].revents & POLLIN) != 0;
}

void ConfigWatcher::drain_events() {
  alignas(inotify_event) char buffer[4096];
  while (::read(inotify_fd_, buffer, sizeof buffer) > 0) {
  }
}

void ConfigWatcher::run() {
  for (;;) {
    bool event = false;
    if (wait(inotify_fd_ >= 0 ? -1 : static_cast<int>(poll_ms_), event)) return;
    if (event) {
      // The rest of the same save (truncate, write, rename) comes within moments; only the stop
      // ends this wait early.
      pollfd stop{stop_fd_, POLLIN, 0};
      if (::poll(&stop, 1, kSettleMs) > 0) return;
      drain_events();
    }
    std::vector<Stamp> now = look();
    if (now == seen_) continue;
    seen_ = std::move(now);
    on_change_();
  }
}

}  // namespace blockd
