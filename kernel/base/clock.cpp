#include "kernel/base/clock.hpp"

#include <chrono>

namespace blockd {
namespace {

class SystemClock final : public Clock {
 public:
  std::uint64_t unix_ms() const override {
    return count<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  std::uint64_t monotonic_us() const override {
    return count<std::chrono::microseconds>(std::chrono::steady_clock::now());
  }

 private:
  template <class Unit, class TimePoint>
  static std::uint64_t count(TimePoint t) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<Unit>(t.time_since_epoch()).count());
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace blockd
