// The child that checks libraries for the tests: what the node's own program does with
// --probe-plugin and --plugin-child.
#include <cstdlib>
#include <string_view>

#include "kernel/host/isolation/child.hpp"
#include "kernel/host/library.hpp"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == blockd::kPluginChildFlag)
    return blockd::plugin_child_main(argv[2], std::strtoull(argv[3], nullptr, 10));
  if (argc != 3 || std::string_view(argv[1]) != "--probe-plugin") return 2;
  return blockd::probe_main(argv[2]);
}
