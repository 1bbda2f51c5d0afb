// How a thread says that its work can wait.
#pragma once

#include <cstdint>

namespace blockd {

// Gives the calling thread `nice` (0 to 19), makes it one that does not take a core from others
// when it wakes up, and puts its disk accesses behind everybody's. Of this thread only, as Linux
// does it. What the system does not let it have it goes without: the work is the same, only less
// polite.
void work_in_background(int nice);

// Keeps the work of one thread to a part of the time. A low priority gives way to whoever wants the
// core, but not to the other half of it, nor to who waits for memory: on a busy machine long work
// in every gap slows the others down. So rest() sleeps seven times as long as the thread has
// computed since it rested last.
class BackgroundPace {
 public:
  static constexpr std::uint64_t kLeastUs = 2'000;  // less is not worth a sleep
  static constexpr std::uint64_t kMostUs = 50'000;  // so that who stops the work need not wait
  // [the thread that works] Often: a few hundred times a second.
  void rest();

 private:
  std::uint64_t rested_at_us_ = 0;  // CPU time of the thread; 0: it has not begun
};

}  // namespace blockd
