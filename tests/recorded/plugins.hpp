// The plugins of this build, by name, and the folder of their recorded chains.
#pragma once

#include <sstream>

#include "tests/recorded/replay.hpp"

namespace blockd::recorded {

inline std::vector<std::string> plugin_names() {
  std::vector<std::string> out;
  std::istringstream in(TB_RECORDED_PLUGINS);
  for (std::string name; std::getline(in, name, ',');) out.push_back(name);
  return out;
}

}  // namespace blockd::recorded
