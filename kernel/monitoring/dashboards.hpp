// Grafana dashboards from the model: each declared panel where it belongs, and one for every metric
// that no panel shows, so that a plugin of somebody else has its panels by existing.
//
// Classic dashboard model, schema version 39, importable and provisionable as it is; a variable
// chooses the data source, others the node and the plugin. The same model gives the same bytes.
#pragma once

#include "kernel/monitoring/model.hpp"

namespace blockd {

// A row of a dashboard; panels without a row stand under an empty title.
struct DashboardRow {
  std::string title;
  std::vector<ModelPanel> panels;
};
// The main dashboard: rows as the catalogue orders them, then those of other plugins, then "Other"
// with a panel for each metric that none shows, then "SLO".
std::vector<DashboardRow> main_rows(const MonitoringModel& model);

// File name -> text: those of the catalogue, those that only panels name, and plugin-<id>.json with
// all of a plugin.
std::map<std::string, std::string> grafana_dashboards(const MonitoringModel& model);

// `expr` with the variables in the selectors of the metrics that nodes expose:
// "rate(a_total[5m])" -> "rate(a_total{instance=~\"$instance\"}[5m])".
std::string with_variables(const std::string& expr, const MonitoringModel& model);

// Two spaces a level, members sorted, a line each, a newline at the end.
std::string pretty_json(const json::value& value);

}  // namespace blockd
