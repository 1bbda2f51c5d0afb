// WorkerPool: threads for work that blocks or takes long, behind a bounded queue that never makes a
// caller wait. Who is refused answers "busy" to its own client. Tasks must not throw (an exception
// ends the process).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace blockd {

class WorkerPool {
 public:
  // REQUIRES: 1 <= threads <= 256, 1 <= max_queue.
  WorkerPool(unsigned threads, std::size_t max_queue);
  ~WorkerPool();  // stop()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and `task` will not run, when `max_queue` tasks wait or the pool was stopped. [any]
  bool submit(std::function<void()> task);
  // Tasks that wait. [any]
  std::size_t queue_size() const;
  std::size_t max_queue() const { return max_queue_; }
  // Takes nothing more, runs what waits, ends the threads. Idempotent. REQUIRES: not called by a
  // task.
  void stop();

 private:
  void run();
  const std::size_t max_queue_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace blockd
