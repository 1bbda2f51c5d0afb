// The child: what `blockd --plugin-child LIBRARY MEMORY_BYTES` does.
#pragma once

#include <cstdint>
#include <string>

namespace blockd {

inline constexpr const char* kPluginChildFlag = "--plugin-child";

// Lowers the process, loads the library, tells the node what it is, and serves its calls until the
// node ends it. REQUIRES: the two descriptors of protocol.hpp, an absolute path. Returns the exit
// code of a child that could not start; the region says why.
int plugin_child_main(const std::string& library, std::uint64_t memory_bytes);

}  // namespace blockd
