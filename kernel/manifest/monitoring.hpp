// What a manifest declares for those who watch a node: the whole of its panels and its service
// level objectives. A node needs none of it to run, so it is read from the declaration when
// dashboards and rules are made.
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

inline constexpr std::size_t kMaxPanelQueries = 16;

struct PanelQuery {
  std::string expr, legend;  // legend: "{{label}} text"
};
struct FullPanel : PanelSpec {
  std::vector<PanelQuery> queries;      // the first is PanelSpec::expr
  std::vector<std::string> dashboards;  // "energy": file names without .json; empty: "dashboard"
  std::string help;
  std::string time_from;  // "7d": what it shows, whatever the dashboard's range
  bool rising = false;    // of thresholds: more is better
};

// What is promised, and the alert that tells when it is missed.
struct SloSpec {
  std::string system, metric, target, alert, query;
};

struct MonitoringPart {
  std::vector<FullPanel> panels;
  std::vector<SloSpec> slos;
};
MonitoringPart monitoring_of(const Manifest& manifest);

}  // namespace blockd
