#include "kernel/host/face_thread.hpp"

#include <algorithm>
#include <chrono>
#include <future>

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
  std::promise<void> done;
  if (post([&] { done.set_value(); })) done.get_future().wait();
}

std::function<void()> FaceThread::take_due_timer(std::uint64_t now_us, std::uint64_t* next_us) {
  *next_us = UINT64_MAX;
  for (Timer& t : timers_) {
    if (t.next_us <= now_us) {
      t.next_us = now_us + t.interval_us;
      running_timer_ = t.id;
      return t.task;
    }
    *next_us = std::min(*next_us, t.next_us);
  }
  return nullptr;
}

void FaceThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    std::uint64_t next_us = 0;
    const std::uint64_t now_us = clock_.monotonic_us();
    std::function<void()> task = stopping_ ? nullptr : take_due_timer(now_us, &next_us);
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
