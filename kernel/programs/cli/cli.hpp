// contract-cli: one command line, from its words to the exit code (world.hpp). One thread.
#pragma once

#include <string>
#include <vector>

#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

inline constexpr std::size_t kMaxArguments = 10'000;

// `args` without the program's name.
int run_cli(World& world, const std::vector<std::string>& args);

}  // namespace blockd::cli
