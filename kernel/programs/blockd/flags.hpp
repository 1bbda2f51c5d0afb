// Command line of blockd: which flags exist follows from the configuration's schema, so that a new
// key brings its flag.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/config/config_schema.hpp"

namespace blockd {

struct NodeFlags {
  std::string config_file;  // empty: default_config_file()
  bool config_given = false;
  bool foreground = false;
  bool help = false;
  std::vector<std::pair<std::string, std::string>> keys;  // key name, text
  std::vector<std::string> plugins;                       // --plugins a,b: only these
  std::vector<std::string> no_plugins;                    // --no-plugin x
};

// Errors: kInvalid with the nearest flag.
Result<NodeFlags> parse_node_flags(const ConfigSchema& schema,
                                   const std::vector<std::string>& words);
struct NodeFlagRow {
  std::string flag, help;  // "--chain VALUE", "Profile of …"
};
// Every flag of `blockd run`, for help and manual.
std::vector<NodeFlagRow> node_flag_rows(const ConfigSchema& schema);
std::string node_flags_help(const ConfigSchema& schema);

}  // namespace blockd
