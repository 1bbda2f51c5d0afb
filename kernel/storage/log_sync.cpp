#include "kernel/storage/log_sync.hpp"

#include "kernel/base/assert.hpp"
#include "kernel/base/clock.hpp"

namespace blockd::internal {

LogSync::LogSync(LogSyncMode mode, std::function<void(std::uint64_t us)> on_sync)
    : mode_(mode), on_sync_(std::move(on_sync)) {
  if (mode_ == LogSyncMode::kThread) thread_ = std::thread([this] { run(); });
}

LogSync::~LogSync() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogSync::want(const std::shared_ptr<Segment>& segment, std::uint64_t end) {
  {
    std::lock_guard lock(mutex_);
    if (segment_ != segment) {
      TB_ASSERT(done_ == wanted_ || !failure_.ok());
      segment_ = segment;
      begun_ = done_ = 0;
    }
    wanted_ = end;
  }
  changed_.notify_all();
}

std::uint64_t LogSync::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

Status LogSync::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

Status LogSync::await(std::uint64_t end) {
  std::unique_lock lock(mutex_);
  TB_ASSERT(end <= wanted_);
  while (failure_.ok() && done_ < end) {
    if (mode_ == LogSyncMode::kThread) {
      changed_.wait(lock);
    } else {
      sync_once(wanted_, lock);
    }
  }
  return failure_;
}

void LogSync::step() {
  if (mode_ != LogSyncMode::kStepped) return;
  std::unique_lock lock(mutex_);
  if (!has_work()) return;
  if (begun_ <= done_) {
    begun_ = wanted_;
  } else {
    sync_once(begun_, lock);
  }
}

void LogSync::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || has_work(); });
    if (stop_) return;
    sync_once(wanted_, lock);
  }
}

void LogSync::sync_once(std::uint64_t end, std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<Segment> segment = segment_;
  lock.unlock();
  const std::uint64_t begun_us = system_clock().monotonic_us();
  const Status status = segment->file->sync();
  const std::uint64_t took_us = system_clock().monotonic_us() - begun_us;
  lock.lock();
  if (status.ok()) {
    done_ = end;
  } else {
    failure_ = status;
  }
  changed_.notify_all();
  lock.unlock();
  if (on_sync_) on_sync_(took_us);
  lock.lock();
}

}  // namespace blockd::internal
