#include "kernel/host/upkeep.hpp"

#include <chrono>

namespace blockd {

Upkeep::Upkeep(std::function<void()> look) : look_(std::move(look)), thread_([this] { run(); }) {}

Upkeep::~Upkeep() { stop(); }

void Upkeep::now() {
  std::lock_guard lock(mutex_);
  now_ = true;
  wake_.notify_all();
}

void Upkeep::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Upkeep::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, std::chrono::milliseconds(kIntervalMs), [this] { return now_ || stop_; });
    if (stop_) return;
    now_ = false;
    lock.unlock();
    look_();
    lock.lock();
  }
}

}  // namespace blockd
