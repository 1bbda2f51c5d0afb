// The circuit breaker of the executor (7.4): it stops trying while the node cannot answer. Times
// are Unix seconds of the caller. Pure, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

namespace treasury {

struct BreakerSettings {
  std::uint64_t failures = 5;       // that open it
  std::uint64_t window_secs = 300;  // older ones are forgotten
  std::uint64_t open_secs = 60;     // until half-open
  std::uint64_t successes = 2;      // in half-open, that close it
};

enum class BreakerState : std::uint8_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };
std::string_view breaker_name(BreakerState state);  // closed, open, half_open

class Breaker {
 public:
  void set(const BreakerSettings& settings) { settings_ = settings; }

  // The state at `now`: an open breaker becomes half-open by itself.
  BreakerState at(std::uint64_t now);
  void failed(std::uint64_t now);
  void succeeded(std::uint64_t now);
  // By an operator.
  void open(std::uint64_t now);
  void reset();

  std::uint64_t failures() const { return failures_.size(); }
  std::uint64_t successes() const { return successes_; }

 private:
  BreakerSettings settings_;
  BreakerState state_ = BreakerState::kClosed;
  std::deque<std::uint64_t> failures_;  // at most settings_.failures
  std::uint64_t successes_ = 0, opened_at_ = 0;
};

}  // namespace treasury
