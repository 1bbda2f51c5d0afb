// `blockd --print-openrpc [--out FILE] LIBRARY…`: the document that a node with these plugins would
// answer to rpc.discover. Used at build time, so that contract-cli's help works before any node has
// run.
#pragma once

#include <string>
#include <vector>

namespace blockd {

// Returns the exit code; nothing is written unless all libraries could be read.
int print_openrpc(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
