#include "kernel/host/face_thread.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>

namespace blockd {

FaceThread::FaceThread(Clock& clock) : clock_(clock), thread_([this] { run(); }) {}

FaceThread::~FaceThread() { stop(); }

bool FaceThread::post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (stopping_ || queue_.size() >= kMaxQueue) return false;
  queue_.push_back(std::move(task));
  wake_.notify_one();
  return true;
}

std::uint64_t FaceThread::add_timer(std::uint64_t interval_ms, std::function<void()> task) {
  std::lock_guard lock(mutex_);
  const std::uint64_t interval_us = std::max<std::uint64_t>(interval_ms, 1) * 1000;
  timers_.push_back({next_id_, interval_us, clock_.monotonic_us() + interval_us, std::move(task)});
  wake_.notify_one();
  return next_id_++;
}

void FaceThread::remove_timer(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  std::erase_if(timers_, [&](const Timer& t) { return t.id == id; });
  if (!on_this_thread()) idle_.wait(lock, [&] { return running_timer_ != id; });
}

void FaceThread::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void FaceThread::drain() {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> ended = done->get_future();
  if (post([done] { done->set_value(); })) ended.wait();
}

std::function<void()> FaceThread::take_due_timer(std::uint64_t now_us, std::uint64_t* next_us) {
  *next_us = UINT64_MAX;
  auto first = std::min_element(timers_.begin(), timers_.end(), [](const Timer& a, const Timer& b) {
    return a.next_us < b.next_us;
  });
  if (first == timers_.end()) return nullptr;
  *next_us = first->next_us;
  if (first->next_us > now_us) return nullptr;
  first->next_us = now_us + first->interval_us;
  running_timer_ = first->id;
  return first->task;
}

void FaceThread::run() {
  std::unique_lock lock(mutex_);
  bool was_timer = false;
  for (;;) {
    std::uint64_t next_us = 0;
    const std::uint64_t now_us = clock_.monotonic_us();
    // Timers and queued tasks take turns: a timer that runs longer than its interval must not keep
    // events waiting for ever.
    std::function<void()> task;
    if (!stopping_ && !(was_timer && !queue_.empty())) task = take_due_timer(now_us, &next_us);
    was_timer = static_cast<bool>(task);
    if (!task && !queue_.empty()) {
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    if (task) {
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      running_timer_ = 0;
      idle_.notify_all();
      continue;
    }
    if (stopping_) return;
    if (next_us == UINT64_MAX) {
      wake_.wait(lock);
    } else {
      wake_.wait_for(lock, std::chrono::microseconds(next_us - now_us));
    }
  }
}

}  // namespace blockd
