// The configuration keys of the kernel itself: names, ranges, defaults, variables and flags.
//
// The keys of plugins come from their manifests; who runs the node adds them to the same schema.
#pragma once

#include <optional>

#include "kernel/config/config_schema.hpp"

namespace blockd {

// Adds every key of the kernel, the rules over several keys and the variables of the CLI and of the
// tests. REQUIRES: an empty schema.
void add_kernel_keys(ConfigSchema& schema);
// The rules alone; add_kernel_keys calls it.
void add_kernel_rules(ConfigSchema& schema);

// One plugin that the operator wants, from plugins.load.
struct PluginLoad {
  std::string id;
  std::string
      file;  // as written, else "<id>.so"; relative ones are looked up in plugins.dir by the host
  bool required = false;
  bool isolated = false;  // isolation: process
  bool enabled = true;
  bool ignore_mirror = false;  // begin with an empty namespace, whatever the plugin's mirror holds
  // Of its process; unset: as plugins.child_* say.
  std::optional<std::uint64_t> memory_mb = {}, step_ms = {}, cpu_percent = {};
};
// Entries are ids or mappings {id, file, required, isolation, enabled, ignore_mirror, memory_mb,
// step_ms, cpu_percent}. The loader has checked them by a rule, so this cannot fail on a loaded
// Config.
std::vector<PluginLoad> plugins_to_load(const Config& config);
// Errors: kInvalid "plugins.load[2]: …".
Result<std::vector<PluginLoad>> parse_plugin_list(const json::value& list);

// True when fault switches and seed keys must be refused: chain.network_kind is mainnet, or by_id
// and the id ends so.
bool is_mainnet(const Config& config);

}  // namespace blockd
