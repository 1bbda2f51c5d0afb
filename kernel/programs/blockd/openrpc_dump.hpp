// `blockd --print-openrpc FILE…`: the document that a node with these plugins would answer to rpc.discover. Used at build time, so that
// contract-cli's help works before any node has run.
#pragma once

#include <string>
#include <vector>

namespace blockd {

int print_openrpc(const std::string& program, const std::vector<std::string>& files);

}  // namespace blockd
