// `blockd --print-manifests [--out FILE] LIBRARY…`: what the kernel and these plugins declare, as a
// JSON list of their manifests, for tools that make something from them.
#pragma once

#include <string>
#include <vector>

namespace blockd {

int print_manifests(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
