// ConfigWatcher: notices that a config file has changed.
//
// inotify on the directory of each file, so that an editor's rename over the file is seen; where
// inotify is not available, a look at time, size and inode of each file every poll_ms. After an
// event it waits kSettleMs for the rest of the same save, and calls back once. The callback runs on
// the watcher's own thread, one at a time; the destructor waits for it and must not be called from
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

class ConfigWatcher {
 public:
  static constexpr int kSettleMs = 50;
  static constexpr std::size_t kMaxFiles = 64;

  enum class Mode : unsigned char { kAuto, kInotify, kPoll };
  static Mode mode_from(std::string_view text);  // "inotify", "poll", else auto

  // The files need not exist yet. Errors: kUnavailable (kInotify asked for and not available), kIo,
  // kLimit.
  static Result<std::unique_ptr<ConfigWatcher>> start(std::vector<std::string> files, Mode mode,
                                                      unsigned poll_ms,
                                                      std::function<void()> on_change);
  ~ConfigWatcher();
  ConfigWatcher(const ConfigWatcher&) = delete;
  ConfigWatcher& operator=(const ConfigWatcher&) = delete;

  // "inotify", or "poll"; with the latter log `config_watch_fallback` when the mode was auto.
  std::string_view mode() const { return inotify_fd_ >= 0 ? "inotify" : "poll"; }

 private:
  struct Stamp {
    bool exists = false;
    std::int64_t mtime_ns = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  ConfigWatcher() = default;
  Status open_inotify();
  std::vector<Stamp> look() const;
  // True when the watcher must end.
  bool wait(int timeout_ms, bool& event);
  void drain_events();
  void run();

  std::vector<std::string> files_;
  std::function<void()> on_change_;
  unsigned poll_ms_ = 0;
  int inotify_fd_ = -1;
  int stop_fd_ = -1;
  std::vector<Stamp> seen_;
  std::thread thread_;
};

}  // namespace blockd
