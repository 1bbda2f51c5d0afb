// What those who watch a node need, from the manifests of the kernel and of these plugins. The
// files of dashboards/prometheus and dashboards/grafana are made by it (`./dev docs`) and held to
// it by a test.
#pragma once

#include <string>
#include <vector>

namespace blockd {

// `blockd --print-rules [--dir DIR] LIBRARY…`: Prometheus rules; with --dir, one file each:
// <id>.rules.yml.
int print_rules(const std::string& program, const std::vector<std::string>& words);
// `blockd --print-dashboards --dir DIR LIBRARY…`: Grafana dashboards, one file each.
int print_dashboards(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
