// RunningQueries: the queries that workers answer, each with the moment at which its client waits
// no longer. One timer serves them all: it is set for the earliest of these moments, and a query
// that ends in time costs a slot that is taken and given back. Late queries are handed to `late`
// once, on an io thread, under no lock; their workers go on, since nothing can stop a handler.
//
// Thread safe. The pool of io threads must outlive what the timer holds: nothing but a weak
// reference to the sweeps.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "kernel/net/io_pool.hpp"

namespace blockd {

struct Call;

class RunningQueries : public std::enable_shared_from_this<RunningQueries> {
 public:
  // More than the workers' queue holds, so that the queue is what refuses.
  static constexpr std::size_t kMaxRunning = 16'384;
  using CallPtr = std::shared_ptr<Call>;
  using Late = std::function<void(const CallPtr& call, std::uint32_t limit_ms)>;

  RunningQueries(IoPool& io, Late late) : io_(io), late_(std::move(late)) {}

  // From now on `call` is late after `limit_ms`. False, and nothing is kept, when kMaxRunning run.
  bool add(const CallPtr& call, std::uint32_t limit_ms);
  // It was answered, or never began; nothing happens if it was late or was never added.
  void remove(Call& call);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Slot {
    CallPtr call;  // null: free
    Moment until;
    std::uint32_t limit_ms = 0;
  };
  void sweep();
  void set_timer(Moment until);           // REQUIRES: mutex_ held
  CallPtr give_back(std::uint32_t slot);  // the same

  IoPool& io_;
  const Late late_;
  std::mutex mutex_;  // a leaf; guards the rest
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  IoTimer timer_;
  std::optional<Moment> set_for_;  // of the timer; none: it is not set
};

}  // namespace blockd
