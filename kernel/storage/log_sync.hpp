// LogSync: makes what the block log has appended durable, beside the appending.
//
// want() says how far the open segment is to be durable; one fdatasync covers all that was wanted
// when it began, and while more is wanted the next one follows at once. done() tells how far it is.
// A failed sync is the last one: what the disk holds is unknown then.
//
// The work is done by a thread of its own, by await() on the calling thread (kInline), or a half at
// a time by step() (kStepped): the first half settles what the sync will answer for, the second is
// the sync, so that a simulator can append, or cut the power, between the two.
//
// Thread: want(), await(), step() from the appending thread; the others from any.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "kernel/storage/log_record.hpp"

namespace blockd::internal {

class LogSync {
 public:
  // `on_sync` (may be null) hears how long each sync took, from whoever did it, under no lock.
  LogSync(LogSyncMode mode, std::function<void(std::uint64_t us)> on_sync);
  ~LogSync();  // finishes the sync that is going on; what else is wanted is not done
  LogSync(const LogSync&) = delete;
  LogSync& operator=(const LogSync&) = delete;

  // REQUIRES: of the segment before all that was wanted is done.
  void want(const std::shared_ptr<Segment>& segment, std::uint64_t end);
  // Up to where the segment that was named last is durable. 0: nothing was wanted of it.
  std::uint64_t done() const;
  // Waits until that is at least `end`. REQUIRES: so much was wanted. Errors: of the failed sync.
  Status await(std::uint64_t end);
  void step();
  Status failure() const;

 private:
  void run();
  bool has_work() const { return failure_.ok() && wanted_ > done_; }
  void sync_once(std::uint64_t end, std::unique_lock<std::mutex>& lock);

  const LogSyncMode mode_;
  const std::function<void(std::uint64_t us)> on_sync_;
  mutable std::mutex mutex_;  // a leaf; guards the rest
  std::condition_variable changed_;
  std::shared_ptr<Segment> segment_;
  std::uint64_t wanted_ = 0, begun_ = 0, done_ = 0;
  Status failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace blockd::internal
