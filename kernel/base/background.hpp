// How a thread says that its work can wait.
#pragma once

namespace blockd {

// Gives the calling thread `nice` (0 to 19), makes it one that does not take a core from others
// when it wakes up, and puts its disk accesses behind everybody's. Of this thread only, as Linux
// does it. What the system does not let it have it goes without: the work is the same, only less
// polite.
void work_in_background(int nice);

}  // namespace blockd
