#include "plugins/treasury/breaker.hpp"

namespace treasury {

std::string_view breaker_name(BreakerState state) {
  if (state == BreakerState::kOpen) return "open";
  return state == BreakerState::kClosed ? "closed" : "half_open";
}

BreakerState Breaker::at(std::uint64_t now) {
  while (!failures_.empty() && failures_.front() + settings_.window_secs < now)
    failures_.pop_front();
  if (state_ == BreakerState::kOpen && now >= opened_at_ + settings_.open_secs) {
    state_ = BreakerState::kHalfOpen;
    successes_ = 0;
  }
  return state_;
}

void Breaker::failed(std::uint64_t now) {
  const BreakerState state = at(now);
  if (failures_.size() < settings_.failures) failures_.push_back(now);
  if (state == BreakerState::kHalfOpen || failures_.size() >= settings_.failures) open(now);
}

void Breaker::succeeded(std::uint64_t now) {
  if (at(now) != BreakerState::kHalfOpen) return;
  if (++successes_ >= settings_.successes) reset();
}

void Breaker::open(std::uint64_t now) {
  state_ = BreakerState::kOpen;
  opened_at_ = now;
  successes_ = 0;
}

void Breaker::reset() {
  state_ = BreakerState::kClosed;
  failures_.clear();
  successes_ = 0;
}

}  // namespace treasury
