// A node's configuration, read without the node, as a start would read it.
#pragma once

#include <string>
#include <vector>

#include "kernel/config/config_loader.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

struct ReadConfig {
  ConfigLoad load;
  std::vector<std::string> unchecked;  // why the keys of a plugin are not known
  std::vector<std::string> faults;     // libraries without which the node would not start
};

// `named` empty: the file that blockd would take by itself; with `required` its absence is an
// error, else defaults and a warning. First with the kernel's keys, which say what plugins there
// are, then with those of the plugins too. A library that is not here or not right is a fault
// where it would keep this node from starting, and no fault of the file in any case.
// `data_dir`, unless empty, is what the node gets by its flag --data-dir.
ReadConfig read_node_config(Session& session, const std::string& named, bool required,
                            const std::string& data_dir = {});

}  // namespace blockd::cli
