#include "kernel/base/background.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace blockd {
namespace {

constexpr std::uint64_t kRests = 7;  // how much longer than the work

// ioprio_set(2), and include/uapi/linux/ioprio.h: not included, because that header of some kernels
// of Debian 12 (6.1.192) is no C++.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioIdle = 3 << 13;  // the class, level 0

}  // namespace

void work_in_background(int nice) {
  const auto self = ::gettid();
  sched_param none{};
  int refused = ::sched_setscheduler(self, SCHED_BATCH, &none);
  refused |= ::setpriority(PRIO_PROCESS, static_cast<id_t>(self), nice);
  refused |= static_cast<int>(::syscall(SYS_ioprio_set, kIoprioWhoProcess, self, kIoprioIdle));
  static_cast<void>(refused);
}

void BackgroundPace::rest() {
  timespec cpu{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) != 0) return;
  const std::uint64_t now = static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000 +
                            static_cast<std::uint64_t>(cpu.tv_nsec) / 1000 + 1;
  if (rested_at_us_ == 0) rested_at_us_ = now;
  const std::uint64_t worked = now - rested_at_us_;
  if (worked < kLeastUs) return;
  rested_at_us_ = now;
  std::this_thread::sleep_for(std::chrono::microseconds(std::min(kRests * worked, kMostUs)));
}

}  // namespace blockd
