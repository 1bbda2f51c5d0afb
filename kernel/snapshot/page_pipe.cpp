#include "kernel/snapshot/page_pipe.hpp"

#include "kernel/base/assert.hpp"

namespace blockd::internal {

PagePipe::PagePipe(std::uint64_t pages, Load load)
    : pages_(pages), load_(std::move(load)), free_(kPages) {
  thread_ = std::thread([this] { run(); });
}

PagePipe::~PagePipe() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Status PagePipe::next(Bytes* page) {
  std::unique_lock lock(mutex_);
  TB_ASSERT(taken_ < pages_);
  changed_.wait(lock, [this] { return !full_.empty() || !failed_.ok(); });
  if (full_.empty()) return failed_;
  page->swap(full_.front());
  free_.push_back(std::move(full_.front()));
  full_.pop_front();
  changed_.notify_all();
  if (++taken_ < pages_) return {};
  lock.unlock();
  thread_.join();  // it has nothing left to do: what it used is the caller's again
  return {};
}

void PagePipe::run() {
  std::unique_lock lock(mutex_);
  for (std::uint64_t number = 0; number < pages_ && failed_.ok(); ++number) {
    changed_.wait(lock, [this] { return !free_.empty() || stopped_; });
    if (stopped_) return;
    Bytes page = std::move(free_.front());
    free_.pop_front();
    lock.unlock();
    const Status status = load_(number, &page);
    lock.lock();
    if (status.ok()) {
      full_.push_back(std::move(page));
    } else {
      failed_ = status;
    }
    changed_.notify_all();
  }
}

}  // namespace blockd::internal
