// Where a node finds its files, seen from the program, so that a build tree and an installed prefix
// work alike and from any directory: <program's folder>/../plugins in a build,
// <prefix>/lib/the-block/plugins and <prefix>/share/the-block in a prefix. blockd and contract-cli
// both ask here, so that `config check` reads what a start would read. [any]
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/config/config_loader.hpp"
#include "kernel/config/kernel_keys.hpp"

namespace blockd {

// The file that is read when no --config names one: TB_CONFIG, else config/node.yaml of the working
// directory, else the installed one, else config/node.yaml again, which is then reported as
// missing.
std::string default_config_file(const std::map<std::string, std::string>& environment,
                                const std::string& program_dir);
// Where <profile>.yaml is looked for, in order: beside the configuration file first.
std::vector<std::string> profile_dirs_of(const std::string& config_file,
                                         const std::string& program_dir);
// The folder of the libraries that came with the program.
std::string plugins_dir_of(const std::string& program_dir);
// The library of an entry of plugins.load: absolute as written, else the first that exists in the
// program's own folders and then in plugins.dir; where none exists, the last place that was looked
// at.
std::string plugin_file(const Config& config, const std::string& program_dir,
                        const PluginLoad& wanted);

}  // namespace blockd
