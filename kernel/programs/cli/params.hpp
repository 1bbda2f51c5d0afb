// From the words of a command line to the params of a method, by the fields that the plugin
// declared.
//
// Types, ranges and choices are checked here, so that a slip is answered at once and with the
// flag's name; the node checks again. Defaults are left to the node: they may change between its
// version and this program's copy.
#pragma once

#include <string>
#include <vector>

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

// `words`: all that follows the verb's path. Global flags go to session.options. Errors: kInvalid,
// with the nearest flag or the usage line as hint. After --help nothing more is checked.
Result<json::object> parse_params(Session& session, const CliNode& node,
                                  const std::vector<std::string>& words);

// One value as text: "5", "0x…", "a,b", "{…}", "key=value". Errors: kInvalid "expected 1..10, found
// '11'".
Result<json::value> value_of_text(World& world, const CliArg& arg, const std::string& text);

// "contract-cli energy settle <provider_id> <kwh> [--buyer TEXT]"
std::string usage_line(const CliNode& node);
// What stands for a value in usage lines: "TEXT", "N", "FILE".
std::string placeholder(const CliArg& arg);

}  // namespace blockd::cli
