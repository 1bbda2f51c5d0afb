// The configuration keys that plugins declare in their manifests, as keys of the node's schema.
#pragma once

#include "kernel/config/config_schema.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd {

// "stall_warn_secs" of plugin "mock-oracle" -> "mock_oracle.stall_warn_secs".
std::string plugin_config_key(const Manifest& manifest, const std::string& key);

// A schema with the kernel's keys and those of all `manifests`. Errors: kExists for a clash,
// kInvalid for a default outside its range.
Result<std::shared_ptr<const ConfigSchema>> make_schema(
    const std::vector<std::shared_ptr<const Manifest>>& manifests);

}  // namespace blockd
