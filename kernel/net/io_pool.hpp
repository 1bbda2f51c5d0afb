// IoPool: the node's io threads. n threads run one event loop; sockets and timers of the kernel
// live there.
//
// What is posted must be short, must not block and must not throw (an exception ends the process).
// Tasks may run on several threads at once, in any order. All calls [any]. The pool must outlive
// everything that uses it: servers, timers, replies in flight. stop() drops what has not started.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace blockd {

// Handle of one post_after. Destroying it does not cancel. Copyable; the copies name the same
// timer.
class IoTimer {
 public:
  IoTimer() = default;
  // True if the function has not started and will never run. [any]
  bool cancel();

 private:
  friend class IoPool;
  struct State;
  explicit IoTimer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with the event loop, whichever lets go last
};

class IoPool {
 public:
  // REQUIRES: 1 <= threads <= 64.
  explicit IoPool(unsigned threads = 2);
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void post(std::function<void()> fn);
  // Runs `fn` once, `delay_ms` from now.
  IoTimer post_after(std::uint32_t delay_ms, std::function<void()> fn);
  // Ends the threads after what they are running. Idempotent. REQUIRES: not called from one of
  // them.
  void stop();
  unsigned threads() const { return static_cast<unsigned>(threads_.size()); }
  boost::asio::io_context& context() { return *context_; }

 private:
  struct Work;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<Work> work_;  // keeps the loop alive while it has nothing to do
  std::vector<std::thread> threads_;
};

}  // namespace blockd
