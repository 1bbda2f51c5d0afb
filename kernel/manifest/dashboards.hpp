// Grafana dashboards from manifests: each declared panel, and one for every metric that no panel
// shows, so that a plugin of somebody else has its panels by existing.
//
// Classic dashboard model, schema version 39, importable and provisionable as it is; a variable
// chooses the data source, another the node. The same manifests give the same bytes.
#pragma once

#include <map>
#include <string>

#include "kernel/manifest/manifest.hpp"
#include "kernel/manifest/openrpc.hpp"

namespace blockd {

struct DashboardOptions {
  std::string runbook_base = "docs/runbooks";
};

// File name -> text: dashboard.json with all rows, its mirrors telemetry.json, dev.json and
// operator.json; plugin-<id>.json with all of a plugin, <id>.json with what it declares.
std::map<std::string, std::string> grafana_dashboards(const ManifestList& manifests,
                                                      const DashboardOptions& options);

// `expr` with the node's variable in the selector of each of these metrics (histogram series
// included): "rate(a_total[5m])" -> "rate(a_total{instance=~\"$instance\"}[5m])".
std::string with_instance(const std::string& expr,
                          const std::map<std::string, const MetricSpec*>& metrics);

}  // namespace blockd
