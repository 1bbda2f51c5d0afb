// What `config show` and `config env` print. Secrets are never in it: a secret that is set shows as
// "***". [any]
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "kernel/config/config.hpp"

namespace blockd {

// {"rpc.max_body_bytes": {"value": …, "source": "file", "origin": "config/node.yaml:17", "default":
// …, "reload": "yes",
//  "unit": "bytes", "help": …}}, for keys that begin with `prefix`.
json::object config_show(const Config& config, std::string_view prefix = {});
// Rows of key, value, source, origin.
std::vector<std::array<std::string, 4>> config_show_table(const Config& config,
                                                          std::string_view prefix = {});
// Rows of variable, value ("" if unset), key, source of the key's value; sorted by variable.
std::vector<std::array<std::string, 4>> config_env_table(
    const Config& config, const std::map<std::string, std::string>& environment);

}  // namespace blockd
