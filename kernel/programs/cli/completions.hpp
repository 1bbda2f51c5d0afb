// Completion scripts for bash, zsh and fish, made from the catalogue. Pure. [any]
//
// Names come from a node, and the script is run by a shell: names with anything but letters,
// digits, '-', '.' and '_' are left out.
#pragma once

#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

// Errors: kInvalid (another shell).
Result<std::string> completion_script(const Catalogue& catalogue, const std::string& shell);

}  // namespace blockd::cli
