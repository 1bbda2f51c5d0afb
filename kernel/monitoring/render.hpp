// All files that are made for those who watch a node, and the guides' names for them.
#pragma once

#include "kernel/monitoring/model.hpp"

namespace blockd {

// Path below the dashboards folder -> text: grafana/*.json, prometheus/*.yml,
// prometheus/targets.yaml, metrics.json, telemetry.yaml, wrappers.json, and generated.json with the
// BLAKE3 hash of each. `catalogue_text`: of dashboards/catalogue.yaml, for its hash.
std::map<std::string, std::string> monitoring_files(const MonitoringModel& model,
                                                    std::string_view catalogue_text);

// Files of the dashboards folder that are written by hand and stand beside made ones.
bool is_by_hand(const std::string& path);

// A name of the guides, and the file that it stands for, both from the project's root:
// "monitoring/grafana_energy_dashboard.json" -> "dashboards/grafana/energy.json". Only of `files`
// and those written by hand.
std::map<std::string, std::string> guide_links(const std::map<std::string, std::string>& files);

// "../dashboards/grafana/energy.json": what the link at `path` holds.
std::string relative_link(const std::string& path, const std::string& target);

}  // namespace blockd
