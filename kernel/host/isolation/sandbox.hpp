// What a plugin's process may ask of the system: next to nothing.
//
// The child lowers itself in two steps. Before the library is loaded: no new privileges, limits on
// descriptors, files and core dumps, and a filter (seccomp) that knows the calls which loading and
// threads need. Opening a file is not among them: each such call is told to the node, which opens
// the library and the system's own libraries, and nothing else, on the child's behalf. A
// constructor therefore has no more than the plugin's functions. Once it is loaded, the node hangs
// up and a second filter leaves memory, clocks, sleeping, waking and ending.
//
// Calls on files are then answered EACCES, as where a process has no right. Whatever else is not on
// the list is not carried out and ends the child; the region says which call it was
// (Lane::fault_call). Sockets, processes, threads, code and signals to others are not on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "kernel/base/status.hpp"
#include "kernel/host/isolation/mailbox.hpp"

namespace blockd::isolation {

// ---- in the child

// Ends with the parent, closes what it inherited but the two descriptors, sets the limits that do
// not depend on the library.
Status lower_process();
// Signal handlers that note in the calling thread's lane what ended the process. `lane_of` tells
// the lane of the calling thread, or null; it is called inside a signal handler.
void note_faults(Lane* (*lane_of)());
// An alternative stack for the handlers, for the calling thread.
void use_fault_stack();
// Installs the first filter for this thread and those it makes from now on. Returns the descriptor
// on which opening is asked for.
Result<int> filter_loading();
Status send_descriptor(int socket, int descriptor);
// At most `bytes` more memory than now. `sizes`: what open_sizes() gave before the first filter;
// closed.
Result<int> open_sizes();
Status limit_memory(int sizes, std::uint64_t bytes);
// The second filter, for all threads.
Status filter_running();

// ---- in the node

Result<int> receive_descriptor(int socket);
// Answers one request on `listener` by the child `pid`: opens what may be opened for loading
// `library`, refuses all else. REQUIRES: poll() said that there is one.
void answer_open(int listener, int pid, const std::string& library);
// The name of a system call for people: "socket", "number 291".
std::string system_call_name(std::uint32_t number);

}  // namespace blockd::isolation
