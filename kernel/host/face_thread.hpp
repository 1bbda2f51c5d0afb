// FaceThread: the one thread on which the host runs what a face must never see overlap: timers,
// events, replies, commit notices, config changes. Bounded queue; timers never pile up (a late one
// runs once) and take turns with queued tasks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/base/clock.hpp"

namespace blockd {

class FaceThread {
 public:
  static constexpr std::size_t kMaxQueue = 65'536;

  explicit FaceThread(Clock& clock);
  ~FaceThread();

  // False when the queue is full or the thread was stopped. [any]
  bool post(std::function<void()> task);
  // Runs `task` every `interval_ms` from now on, until remove_timer. [any]
  std::uint64_t add_timer(std::uint64_t interval_ms, std::function<void()> task);
  // When it returns, the task does not run and never will. REQUIRES: not called from inside the
  // task unless on this thread.
  void remove_timer(std::uint64_t id);
  // Runs what is queued, then ends. Idempotent.
  void stop();
  // Waits until every task that was posted before has run. REQUIRES: not on this thread.
  void drain();
  bool on_this_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct Timer {
    std::uint64_t id;
    std::uint64_t interval_us;
    std::uint64_t next_us;
    std::function<void()> task;
  };
  void run();
  // Takes the task of the timer that is due longest, or nothing. REQUIRES: mutex_ held.
  std::function<void()> take_due_timer(std::uint64_t now_us, std::uint64_t* next_us);

  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> queue_;
  std::vector<Timer> timers_;
  std::uint64_t next_id_ = 1;
  std::uint64_t running_timer_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace blockd
