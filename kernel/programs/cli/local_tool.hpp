// Tools of plugins that work without a node, such as signing a meter reading. A plugin keeps its
// tools in plugins/<id>/cli, a static library with the two functions below in the plugin's
// namespace; kernel/programs lists these libraries and generates local_tools() from the list, so
// that the kernel includes no header of a plugin.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace blockd::cli {

struct LocalTool {
  // One line a verb: path, positionals and summary, then a flag and its help a field, divided by
  // tabs: "energy sign-reading\t\tPrint a signed reading\t--meter TEXT\tAddress of the meter".
  const char* (*catalogue)();
  // `args` with the verb's path in front. Answers --help. Returns the exit code (world.hpp).
  int (*run)(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
};
std::span<const LocalTool> local_tools();

}  // namespace blockd::cli
