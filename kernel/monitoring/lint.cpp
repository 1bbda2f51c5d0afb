#include "kernel/monitoring/lint.hpp"

#include <algorithm>
#include <set>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

using Findings = std::vector<std::string>;

constexpr const char* kPanelKinds[] = {"graph",    "stat", "table",   "timeseries",    "gauge",
                                       "piechart", "row",  "heatmap", "state-timeline"};
constexpr const char* kRates[] = {"rate", "irate", "increase"};
constexpr const char* kChanges[] = {"increase", "changes", "delta"};
// The guide asks for the growth of the height, which is a gauge.
constexpr const char* kRatesAGauge[] = {"MolochNotProducingBlocks"};

template <std::size_t N>
bool among(const char* const (&list)[N], const std::string& word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::string text_of(const json::object& object, const char* member) {
  const json::value* value = object.if_contains(member);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void look_at_expression(const std::string& place, const std::string& name, const std::string& expr,
                        const MonitoringModel& model, Findings& out) {
  const Result<std::vector<SeriesUse>> uses = series_of(expr);
  if (!uses.ok()) {
    out.push_back(place + ": " + uses.status().message());
    return;
  }
  for (const SeriesUse& use : *uses) {
    const ModelMetric* metric = model.metric_of(use.name);
    if (metric == nullptr) {
      if (!model.knows(use.name))
        out.push_back(place + ": '" + use.name + "' is declared by nobody");
      continue;
    }
    const bool rated = among(kRates, use.function);
    if (rated && metric->spec.type == MetricType::kGauge && !among(kRatesAGauge, name))
      out.push_back(place + ": " + use.function + "() of the gauge '" + use.name + "'");
    if (use.name.ends_with("_bucket") && metric->spec.name != use.name && !rated)
      out.push_back(place + ": a quantile of '" + use.name + "' without rate()");
    if (metric->spec.type == MetricType::kHistogram && metric->spec.name == use.name)
      out.push_back(place + ": '" + use.name + "' is a histogram; say _bucket, _sum or _count");
  }
}

void look_at_legend(const std::string& place, std::string legend, Findings& out) {
  for (std::size_t at; (at = legend.find("{{")) != std::string::npos;) {
    const std::size_t end = legend.find("}}", at);
    if (end == std::string::npos) break;
    legend.erase(at, end + 2 - at);
  }
  if (legend.find_first_of("{}") != std::string::npos)
    out.push_back(place + ": the legend has single braces; labels stand in {{double ones}}");
}

void look_at_panel(const std::string& place, const json::object& panel,
                   const MonitoringModel& model, Findings& out) {
  const std::string kind = text_of(panel, "type");
  if (!among(kPanelKinds, kind)) out.push_back(place + ": type '" + kind + "' is not known");
  if (kind == "row") return;
  const json::value* targets = panel.if_contains("targets");
  if (targets == nullptr || !targets->is_array() || targets->get_array().empty()) {
    out.push_back(place + ": has no query");
    return;
  }
  for (const json::value& target : targets->get_array()) {
    const std::string expr = target.is_object() ? text_of(target.get_object(), "expr") : "";
    if (expr.empty()) {
      out.push_back(place + ": a query without an expression");
      continue;
    }
    look_at_expression(place, {}, expr, model, out);
    look_at_legend(place, text_of(target.get_object(), "legendFormat"), out);
  }
}

// An alert that compares the growth of something with 0 must see it for as long as it waits.
void look_at_range(const std::string& place, const LintedRule& rule, Findings& out) {
  const Result<std::vector<SeriesUse>> uses = series_of(rule.expr);
  const auto waits = promql_seconds(rule.for_duration);
  if (!uses.ok() || !waits || !rule.expr.ends_with("> 0")) return;
  for (const SeriesUse& use : *uses) {
    const auto range = promql_seconds(std::string_view(use.range).substr(0, use.range.find(':')));
    if (!range || !among(kChanges, use.function) || *range >= *waits) continue;
    out.push_back(place + ": fires on the growth of " + use.range + " only if it lasts " +
                  rule.for_duration + "; one event is missed");
  }
}

}  // namespace

std::vector<std::string> lint_dashboard(const std::string& file, const json::value& dashboard,
                                        const MonitoringModel& model) {
  const json::object* object = dashboard.if_object();
  const json::value* panels = object != nullptr ? object->if_contains("panels") : nullptr;
  if (panels == nullptr || !panels->is_array()) return {file + ": is no dashboard: no panels"};
  Findings out;
  std::set<std::int64_t> ids;
  for (const json::value& one : panels->get_array()) {
    if (!one.is_object()) {
      out.push_back(file + ": a panel that is no object");
      continue;
    }
    const json::object& panel = one.get_object();
    const std::string place = file + ": panel '" + text_of(panel, "title") + "'";
    const json::value* id = panel.if_contains("id");
    if (id == nullptr || !id->is_int64() || !ids.insert(id->get_int64()).second)
      out.push_back(place + ": its id is missing or not its own");
    look_at_panel(place, panel, model, out);
  }
  return out;
}

std::vector<std::string> lint_rule(const std::string& file, const LintedRule& rule,
                                   const MonitoringModel& model) {
  Findings out;
  const std::string place = file + ": '" + rule.name + "'";
  look_at_expression(place, rule.name, rule.expr, model, out);
  look_at_range(place, rule, out);
  return out;
}

}  // namespace blockd
