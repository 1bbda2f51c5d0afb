// `blockd --print-reference [--dir DIR] LIBRARY…`: the reference pages in Markdown, from the
// manifests of the kernel and of these plugins and from the schema of the configuration. With
// --dir, one file each: node.md, <id>.md, config.md. The pages of docs/reference are made by it
// (`./dev docs`) and held to it by a test.
#pragma once

#include <string>
#include <vector>

namespace blockd {

// Returns the exit code; nothing is written unless all libraries could be read.
int print_reference(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
