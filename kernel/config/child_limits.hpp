// What an entry of plugins.load may say of the process of its plugin, with the bounds that the keys
// plugins.child_* have as well. For the files of this folder.
#pragma once

#include <array>

#include "kernel/config/kernel_keys.hpp"

namespace blockd {

struct ChildLimit {
  std::string_view name;
  std::uint64_t least, most;
  std::optional<std::uint64_t> PluginLoad::*member;
};
inline constexpr std::array<ChildLimit, 3> kChildLimits = {{
    {"memory_mb", 16, 65'536, &PluginLoad::memory_mb},
    {"step_ms", 100, 60'000, &PluginLoad::step_ms},
    {"cpu_percent", 0, 6'400, &PluginLoad::cpu_percent},
}};

}  // namespace blockd
