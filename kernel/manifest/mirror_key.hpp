// The config key of a manifest that names the folder of the plugin's mirror
// (kernel/snapshot/mirror.hpp), and what goes into it beside the namespace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/manifest/manifest.hpp"

namespace blockd {

struct MirrorKey {
  std::string key, default_dir;    // as the manifest has them
  std::vector<std::string> local;  // prefixes of rows of the local store
  std::vector<std::string> also;   // plugins whose mirrors lie in folders of their names in it
  bool copy_only = false;          // a new chain does not begin with it by itself
};
// nullopt: the plugin has no mirror.
std::optional<MirrorKey> mirror_key(const Manifest& manifest);

// What is wrong with the declarations; empty: nothing. For Manifest::parse().
std::string mirror_problem(const Manifest& manifest);

}  // namespace blockd
