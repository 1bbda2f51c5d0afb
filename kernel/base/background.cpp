#include "kernel/base/background.hpp"

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace blockd {

void work_in_background(int nice) {
  const auto self = ::gettid();
  sched_param none{};
  int refused = ::sched_setscheduler(self, SCHED_BATCH, &none);
  refused |= ::setpriority(PRIO_PROCESS, static_cast<id_t>(self), nice);
  refused |= static_cast<int>(
      ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, self, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
  static_cast<void>(refused);
}

}  // namespace blockd
