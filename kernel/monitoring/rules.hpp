// Prometheus rule files from the model: alerts in one, recording rules in the other.
//
//   groups:
//     - name: treasury            alerts, by group, then by name; every 15 s
//     - name: treasury-records    records, by name, one behind those that it reads; every 30 s
//
// Each alert links to its heading in the runbooks: docs/runbooks/<group>.md#<name in lower case>.
#pragma once

#include "kernel/monitoring/model.hpp"

namespace blockd {

std::string alert_rules(const MonitoringModel& model);
std::string recording_rules(const MonitoringModel& model);
// prometheus.yml, which reads both, and what it scrapes.
std::string prometheus_config();
std::string scrape_targets(const MonitoringModel& model);

// In single quotes, as YAML wants them.
std::string yaml_quoted(const std::string& text);

}  // namespace blockd
