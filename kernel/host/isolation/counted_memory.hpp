// The limit of memory of a plugin's process in a build that a sanitizer watches. The runtimes
// reserve terabytes and end a process whose memory is refused, so the kernel's limits cannot hold
// such a process: what it allocates is counted instead, and who wants too much gets the same
// std::bad_alloc. Not part of other builds; see limit_memory() in sandbox.hpp.
#pragma once

#include <cstdint>

#include "kernel/base/status.hpp"

namespace blockd::isolation {

// From now on the heap may grow by `bytes`. To be called once. Only the first allocation beyond
// them throws: the process is told on and replaced after it.
Status count_memory(std::uint64_t bytes);

}  // namespace blockd::isolation
