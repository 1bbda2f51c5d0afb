#include "kernel/base/background.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <thread>

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

TEST(BackgroundWork, lets_every_other_thread_go_first_to_the_core_and_to_the_disk) {
  const auto disk_class = [] { return ::syscall(SYS_ioprio_get, 1, 0) >> 13; };  // of this thread
  const auto own = disk_class();
  std::thread([&] {
    work_in_background(7);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())), 7);
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(disk_class(), 3) << "ioprio_set(2): 3 is the class idle";
  }).join();
  EXPECT_EQ(disk_class(), own) << "the thread only";
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
