// ReplayNonces: what callers gave as `nonce`, so that a request that arrives twice is carried out
// once. Each is remembered for ten minutes; of more than 100,000 the oldest are forgotten earlier.
// Nothing survives the process. Thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_set>

#include "kernel/base/clock.hpp"

namespace blockd {

class ReplayNonces {
 public:
  static constexpr std::size_t kMax = 100'000;
  static constexpr std::size_t kMaxBytes = 128;  // of one
  static constexpr std::uint64_t kKeepUs = 600'000'000;

  explicit ReplayNonces(Clock& clock) : clock_(clock) {}

  // Notes the nonce for the method. False: it was noted before. REQUIRES: nonce.size() <=
  // kMaxBytes.
  bool take(const std::string& method, const std::string& nonce) {
    std::lock_guard lock(mutex_);
    const std::uint64_t now = clock_.monotonic_us();
    while (!by_age_.empty() && by_age_.front().first + kKeepUs <= now) forget_oldest();
    std::string name = method + '\n' + nonce;
    if (!known_.insert(name).second) return false;
    if (by_age_.size() >= kMax) forget_oldest();
    by_age_.emplace_back(now, std::move(name));
    return true;
  }

 private:
  void forget_oldest() {
    known_.erase(by_age_.front().second);
    by_age_.pop_front();
  }

  Clock& clock_;
  std::mutex mutex_;
  std::unordered_set<std::string> known_;
  std::deque<std::pair<std::uint64_t, std::string>> by_age_;
};

}  // namespace blockd
