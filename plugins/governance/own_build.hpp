// The build that this node runs: BLAKE3 of its executable, the hash by which releases name it.
#pragma once

#include <tb/plugin.hpp>

namespace governance {

// Hex; empty if the executable cannot be read. Reads the whole file: tens of milliseconds. [any]
std::string own_build();

// True if the release of build `hash` was rolled back. [face]
bool is_rolled_back(tb::View& view, std::string_view hash);
// True if a release of the node, whichever, was rolled back: else nobody needs to know the own
// build.
bool has_rolled_back_node(tb::View& view);

}  // namespace governance
