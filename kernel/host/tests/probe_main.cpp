// The child that checks libraries for the tests: what the node's own program does with
// --probe-plugin.
#include <string_view>

#include "kernel/host/library.hpp"

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--probe-plugin") return 2;
  return blockd::probe_main(argv[2]);
}
