// `blockd --print-rules [--dir DIR] LIBRARY…`: the Prometheus rules of the kernel and of these
// plugins. With --dir, one file each: <id>.rules.yml. The files of dashboards/prometheus are made
// by it (`./dev docs`) and held to it by a test.
#pragma once

#include <string>
#include <vector>

namespace blockd {

int print_rules(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
