// Upkeep: calls a function once a second on a thread of its own, and at once when asked.
//
// For what a node does by itself and what may take long (a library that arrives is probed in a
// child process), so that neither the executor nor the faces wait for it. [any]
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace blockd {

class Upkeep {
 public:
  static constexpr unsigned kIntervalMs = 1000;

  explicit Upkeep(std::function<void()> look);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  void now();
  // Waits for a look that is under way; none follows. Idempotent. REQUIRES: not called by `look`.
  void stop();

 private:
  void run();
  const std::function<void()> look_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool now_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace blockd
