// Looks for what Grafana and Prometheus take without a word and people then miss: panels without
// data, alerts that can never fire.
#pragma once

#include "kernel/monitoring/model.hpp"

namespace blockd {

struct LintedRule {
  std::string name, expr, for_duration;  // name: of the alert or record
};

// Findings, each "place: what is wrong". Of a dashboard: kinds of panels, ids that are not unique,
// targets without an expression, legends with single braces, and its expressions.
std::vector<std::string> lint_dashboard(const std::string& file, const json::value& dashboard,
                                        const MonitoringModel& model);
// Of a rule: an expression that is malformed, reads what nobody declares, rates a gauge, or takes a
// quantile of counts that were not rated; an alert on a single event whose range is shorter than
// its `for`.
std::vector<std::string> lint_rule(const std::string& file, const LintedRule& rule,
                                   const MonitoringModel& model);

}  // namespace blockd
