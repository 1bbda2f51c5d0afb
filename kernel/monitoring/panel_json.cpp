#include "kernel/monitoring/panel_json.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

constexpr int kWidth = 24;

std::string unit_of(const std::string& expr, const MonitoringModel& model) {
  const Result<std::vector<SeriesUse>> uses = series_of(expr);
  if (!uses.ok()) return "short";
  for (const SeriesUse& use : *uses) {
    const ModelMetric* metric = model.metric_of(use.name);
    if (metric == nullptr) continue;
    const std::string_view name = metric->spec.name;
    if (name.ends_with("_seconds")) return "s";
    if (name.ends_with("_bytes")) return "bytes";
    if (name.ends_with("_ms")) return "ms";
    if (name.ends_with("_micros") && !name.ends_with("_usd_micros")) return "µs";
    return name.ends_with("_ratio") ? "percentunit" : "short";
  }
  return "short";
}

json::value plain_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

json::object threshold_steps(const FullPanel& panel) {
  static constexpr const char* kFalling[] = {"green", "yellow", "red"};
  static constexpr const char* kRising[] = {"red", "yellow", "green"};
  const auto& colours = panel.rising ? kRising : kFalling;
  const char* first = panel.thresholds.empty() ? "green" : colours[0];
  json::array steps{json::object{{"color", first}, {"value", nullptr}}};
  for (std::size_t i = 0; i < panel.thresholds.size() && i + 1 < std::size(colours); ++i) {
    steps.emplace_back(
        json::object{{"color", colours[i + 1]}, {"value", plain_number(panel.thresholds[i])}});
  }
  return {{"mode", "absolute"}, {"steps", std::move(steps)}};
}

json::object options_of(const std::string& type, bool legends) {
  if (type == "timeseries") {
    return {{"legend", json::object{{"calcs", json::array{"lastNotNull"}},
                                    {"displayMode", "list"},
                                    {"placement", "bottom"},
                                    {"showLegend", legends}}},
            {"tooltip", json::object{{"mode", "multi"}, {"sort", "desc"}}}};
  }
  if (type == "table") return {{"cellHeight", "sm"}, {"showHeader", true}};
  if (type == "state-timeline")
    return {{"mergeValues", true}, {"showValue", "auto"}, {"rowHeight", 0.9}};
  if (type == "heatmap") return {{"calculate", false}, {"cellGap", 1}};
  json::object reduced{
      {"reduceOptions",
       json::object{{"calcs", json::array{"lastNotNull"}}, {"fields", ""}, {"values", false}}},
      {"orientation", "auto"}};
  if (type == "stat") {
    reduced["colorMode"] = "value";
    reduced["graphMode"] = "none";
    reduced["textMode"] = "auto";
  } else {
    reduced["showThresholdLabels"] = false;
    reduced["showThresholdMarkers"] = true;
  }
  return reduced;
}

json::object custom_of(const std::string& type) {
  if (type != "timeseries") return {};
  return {{"drawStyle", "line"},
          {"fillOpacity", 10},
          {"lineWidth", 1},
          {"showPoints", "never"},
          {"spanNulls", false}};
}

// "0 batch, 1 real time" of a help text, as names of values.
json::array mappings_of(const std::string& help) {
  json::object names;
  for (std::size_t i = 0; i < help.size(); ++i) {
    const bool begins = i == 0 || help[i - 1] == ' ';
    if (!begins || std::isdigit(static_cast<unsigned char>(help[i])) == 0) continue;
    const std::size_t blank = help.find_first_not_of("0123456789", i);
    if (blank == std::string::npos || help[blank] != ' ') continue;
    const std::size_t end = std::min(help.find_first_of(",;:", blank), help.size());
    names[help.substr(i, blank - i)] =
        json::object{{"text", help.substr(blank + 1, end - blank - 1)}, {"index", names.size()}};
    i = end;
  }
  if (names.empty()) return {};
  return {json::object{{"type", "value"}, {"options", std::move(names)}}};
}

json::array targets_of(const FullPanel& panel, const MonitoringModel& model) {
  const bool instant = panel.type == "stat" || panel.type == "gauge" || panel.type == "table";
  json::array targets;
  char ref = 'A';
  for (const PanelQuery& query : panel.queries) {
    json::object target{{"datasource", data_source()},
                        {"editorMode", "code"},
                        {"expr", with_variables(query.expr, model)},
                        {"instant", instant},
                        {"legendFormat", query.legend.empty() ? "__auto" : query.legend},
                        {"range", !instant},
                        {"refId", std::string(1, ref++)}};
    if (panel.type == "table") target["format"] = "table";
    targets.push_back(std::move(target));
  }
  return targets;
}

std::string description_of(const ModelPanel& panel, const MonitoringModel& model) {
  std::string text = panel.spec.help;
  const Result<std::vector<SeriesUse>> uses = series_of(panel.spec.queries[0].expr);
  if (text.empty() && uses.ok() && !uses->empty()) {
    const ModelMetric* metric = model.metric_of((*uses)[0].name);
    if (metric != nullptr) text = metric->spec.help;
  }
  return text + (text.empty() ? "By: " : ". By: ") + panel.by;
}

json::object panel_json(const ModelPanel& panel, int id, json::object place,
                        const MonitoringModel& model) {
  FullPanel spec = panel.spec;
  if (spec.type.empty()) spec.type = "timeseries";
  const bool legends = std::any_of(spec.queries.begin(), spec.queries.end(),
                                   [](const PanelQuery& query) { return !query.legend.empty(); });
  json::object defaults{
      {"color", json::object{{"mode", "palette-classic"}}},
      {"unit", spec.unit.empty() ? unit_of(spec.queries[0].expr, model) : spec.unit},
      {"thresholds", threshold_steps(spec)},
      {"custom", custom_of(spec.type)}};
  if (spec.type == "state-timeline") defaults["mappings"] = mappings_of(spec.help);
  json::object out{{"id", id},
                   {"type", spec.type},
                   {"title", spec.title},
                   {"description", description_of(panel, model)},
                   {"datasource", data_source()},
                   {"gridPos", std::move(place)},
                   {"targets", targets_of(spec, model)},
                   {"fieldConfig",
                    json::object{{"defaults", std::move(defaults)}, {"overrides", json::array{}}}},
                   {"options", options_of(spec.type, legends)}};
  if (!spec.time_from.empty()) out["timeFrom"] = spec.time_from;
  if (spec.type == "table") {
    const json::object hidden{{"Time", true}, {"__name__", true}};
    out["transformations"] = json::array{
        json::object{{"id", "organize"}, {"options", json::object{{"excludeByName", hidden}}}}};
  }
  if (!panel.runbook.empty()) {
    out["links"] = json::array{
        json::object{{"title", "Runbook"}, {"url", panel.runbook}, {"targetBlank", true}}};
  }
  return out;
}

}  // namespace

json::object data_source() { return {{"type", "prometheus"}, {"uid", "${datasource}"}}; }

json::array laid_out(const std::vector<DashboardRow>& rows, const MonitoringModel& model) {
  json::array out;
  int id = 1, y = 0;
  for (const DashboardRow& row : rows) {
    if (row.panels.empty()) continue;
    if (!row.title.empty()) {
      out.emplace_back(
          json::object{{"id", id++},
                       {"type", "row"},
                       {"title", row.title},
                       {"collapsed", false},
                       {"panels", json::array{}},
                       {"gridPos", json::object{{"h", 1}, {"w", kWidth}, {"x", 0}, {"y", y++}}}});
    }
    int x = 0, tallest = 0;
    for (const ModelPanel& panel : row.panels) {
      const bool small = panel.spec.type == "stat" || panel.spec.type == "gauge";
      const int w = small ? 6 : 12, h = small ? 4 : 8;
      if (x + w > kWidth) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      json::object place{{"h", h}, {"w", w}, {"x", x}, {"y", y}};
      out.emplace_back(panel_json(panel, id++, std::move(place), model));
      x += w;
      tallest = std::max(tallest, h);
    }
    y += tallest;
  }
  return out;
}

std::string with_variables(const std::string& expr, const MonitoringModel& model) {
  const Result<std::vector<SeriesUse>> uses = series_of(expr);
  if (!uses.ok()) return expr;  // build() has refused it
  std::string out;
  std::size_t done = 0;
  for (const SeriesUse& use : *uses) {
    const ModelMetric* metric = model.metric_of(use.name);
    if (metric == nullptr || metric->scope == MetricScope::kExternal) continue;
    std::string wanted = "instance=~\"$instance\"";
    const std::vector<std::string>& labels = metric->spec.labels;
    if (std::find(labels.begin(), labels.end(), "plugin") != labels.end())
      wanted += ",plugin=~\"$plugin\"";
    out.append(expr, done, use.end - done);
    done = use.end;
    const std::size_t brace = expr.find_first_not_of(" \t\n", done);
    if (brace == std::string::npos || expr[brace] != '{') {
      out += "{" + wanted + "}";
      continue;
    }
    done = brace + 1;
    out += "{" + wanted + (use.selector.empty() ? "" : ",");
  }
  return out.append(expr, done, std::string::npos);
}

}  // namespace blockd
