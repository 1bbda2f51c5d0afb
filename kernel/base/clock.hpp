// Clock: where the kernel gets time from, so that the simulator and the test kit can give it
// another. [any]
#pragma once

#include <cstdint>

namespace blockd {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t unix_ms() const = 0;       // wall clock, milliseconds since 1970
  virtual std::uint64_t monotonic_us() const = 0;  // never goes back, microseconds since some start
};

// The operating system's clock. Lives for ever.
Clock& system_clock();

}  // namespace blockd
