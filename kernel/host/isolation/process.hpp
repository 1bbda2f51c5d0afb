// ChildProcess: one process of a plugin, from its start to its end.
//
// start() and wait() belong to one thread, which must outlive the child: the system ends the child
// with the thread that started it. Everything else may be called from any thread.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/base/sanitizer.hpp"
#include "kernel/host/isolation/boot.hpp"
#include "kernel/host/isolation/mailbox.hpp"
#include "kernel/host/library.hpp"

namespace blockd::isolation {

inline constexpr std::size_t kSomeLane = kLanes + 1;
// The share of a core is looked at so often, and counts over that long.
inline constexpr std::uint64_t kCpuLookMs = 250;
inline constexpr std::uint64_t kCpuWindowMs = 2'000;

struct ChildOptions {
  std::string program;  // blockd
  std::string library;
  std::uint64_t start_ms = 10'000 * kSanitizerSlowdown;
};

// Why a child has ended, as the metric's label says it and for people.
struct Death {
  std::string reason;  // crash, hang, memory, cpu, forbidden_call, protocol, exit, killed, stopped
  std::string text;
};

class ChildProcess {
 public:
  // Errors: kInvalid (the library refused, crashed or hung while it was loaded), kUnavailable (the
  // system lets no child be made or lowered), kTimeout.
  static Result<std::shared_ptr<ChildProcess>> start(const ChildOptions& options,
                                                     const ProcessLimits& limits);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  const Description& description() const { return description_; }
  pid_t pid() const { return pid_; }
  const ProcessLimits& limits() const { return limits_; }
  Lane& lane(std::size_t index) { return region_.get().lanes[index]; }
  const std::atomic<bool>& gone() const { return gone_; }
  int* spins(std::size_t lane) { return &spins_[lane]; }  // for whoever holds the lane

  // Ends it, because of the call in `lane` (kLanes: of no call; kSomeLane: of those under way). The
  // first reason counts.
  void end(std::size_t lane, std::string reason, std::string text);
  // Waits until it has ended, and tells all lanes. Meanwhile it is held to its share of a core.
  void wait();

  // Once it is gone:
  Death death() const;
  // Whether the call in `lane` was, or may have been, what ended it.
  bool caused(std::size_t lane) const;

 private:
  explicit ChildProcess(SharedRegion region) : region_(std::move(region)) {
    spins_.fill(Mailbox::kFirstSpins);
  }
  Status boot(const ChildOptions& options, int socket);
  Status serve_boot(const ChildOptions& options, int listener);
  Status ended_while_loading();
  void note_death(int wait_status);
  Status watch_cpu();
  void hold_to_cpu();

  SharedRegion region_;
  std::array<int, kLanes> spins_{};
  ProcessLimits limits_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;           // with a limit on the CPU only
  clockid_t cpu_clock_ = -1;  // the same
  bool reaped_ = false;       // start and wait only
  Description description_;
  std::atomic<bool> gone_{false};
  mutable std::mutex mutex_;
  Death death_;
  std::size_t ended_by_ = kLanes;
  bool somebody_ = false;  // a lane is known to have caused it
  bool nobody_ = false;    // no call of the plugin did
};

}  // namespace blockd::isolation
