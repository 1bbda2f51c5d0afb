#include "kernel/base/background.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include "kernel/base/clock.hpp"

namespace blockd {
namespace {

std::uint64_t thread_cpu_us() {
  timespec cpu{};
  EXPECT_EQ(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu), 0);
  return static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(cpu.tv_nsec) / 1000;
}

void compute_for(std::uint64_t us) {
  const std::uint64_t end = thread_cpu_us() + us;
  while (thread_cpu_us() < end) {
  }
}

TEST(BackgroundPace, rests_three_times_as_long_as_it_has_computed) {
  BackgroundPace pace;
  pace.rest();
  for (int round = 0; round < 3; ++round) {
    compute_for(15'000);
    const std::uint64_t begin = system_clock().monotonic_us(), cpu = thread_cpu_us();
    pace.rest();
    EXPECT_GE(system_clock().monotonic_us() - begin, 45'000u);
    EXPECT_LT(thread_cpu_us() - cpu, 15'000u) << "a rest computes nothing";
  }
}

}  // namespace
}  // namespace blockd
