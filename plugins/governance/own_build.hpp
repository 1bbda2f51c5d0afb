// Builds of the node that were withdrawn. A release names a build by the BLAKE3 of its executable;
// which one this node runs is answered by its method node.provenance.
#pragma once

#include <tb/plugin.hpp>

namespace governance {

// True if the release of build `hash` was rolled back. [face]
bool is_rolled_back(tb::View& view, std::string_view hash);
// True if a release of the node, whichever, was rolled back: else nobody needs to know the own
// build.
bool has_rolled_back_node(tb::View& view);

}  // namespace governance
