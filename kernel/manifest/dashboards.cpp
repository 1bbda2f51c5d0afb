#include "kernel/manifest/dashboards.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <set>

namespace blockd {
namespace {

using Metrics = std::map<std::string, const MetricSpec*>;

constexpr std::string_view kAbout =
    "Generated from the plugins' manifests by `./dev docs`. Do not edit.";
constexpr int kWidth = 24;
constexpr const char* kInstance = "instance=~\"$instance\"";

struct Query {
  std::string expr, legend;
};
struct Panel {
  std::string title, type, unit, description, runbook;
  std::vector<Query> queries;
  std::vector<double> thresholds;
  bool declared = false;
};
struct Row {
  std::string title;
  std::vector<Panel> panels;
};

// Two spaces a level, members sorted, a line each.
void pretty(const json::value& value, int level, std::string& out) {
  const std::string pad(static_cast<std::size_t>(level + 1) * 2, ' ');
  const auto close = [&](char bracket) { out += "\n" + pad.substr(2) + bracket; };
  if (const json::object* object = value.if_object(); object && !object->empty()) {
    std::map<std::string_view, const json::value*> sorted;
    for (const auto& member : *object) sorted[member.key()] = &member.value();
    char mark = '{';
    for (const auto& [key, inner] : sorted) {
      out += mark;
      out += "\n" + pad;
      append_json_string(out, key);
      out += ": ";
      pretty(*inner, level + 1, out);
      mark = ',';
    }
    return close('}');
  }
  if (const json::array* array = value.if_array(); array && !array->empty()) {
    char mark = '[';
    for (const json::value& inner : *array) {
      out += mark;
      out += "\n" + pad;
      pretty(inner, level + 1, out);
      mark = ',';
    }
    return close(']');
  }
  out += json::serialize(value);
}

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
}

// The metric that a series belongs to: "a_seconds" for "a_seconds_bucket".
const MetricSpec* owner(const std::string& series, const Metrics& metrics) {
  if (const auto at = metrics.find(series); at != metrics.end()) return at->second;
  for (const std::string_view end : {"_bucket", "_sum", "_count"}) {
    if (!series.ends_with(end)) continue;
    const auto at = metrics.find(series.substr(0, series.size() - end.size()));
    if (at != metrics.end() && at->second->type == MetricType::kHistogram) return at->second;
  }
  return nullptr;
}

// Calls f(series, begin, end) for each word of the expression that names a series. Strings are
// passed over.
template <class F>
void each_series(const std::string& expr, const F& f) {
  for (std::size_t i = 0; i < expr.size();) {
    if (expr[i] == '"') {
      for (++i; i < expr.size() && expr[i] != '"'; ++i) i += expr[i] == '\\' ? 1 : 0;
      ++i;
      continue;
    }
    if (!is_name(expr[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < expr.size() && is_name(expr[i])) ++i;
    f(expr.substr(begin, i - begin), begin, i);
  }
}

std::string unit_of(const std::string& expr, const Metrics& metrics) {
  std::string found = "short";
  each_series(expr, [&](const std::string& series, std::size_t, std::size_t) {
    const MetricSpec* metric = owner(series, metrics);
    if (found != "short" || !metric) return;
    const std::string_view name = metric->name;
    if (name.ends_with("_seconds")) found = "s";
    if (name.ends_with("_bytes")) found = "bytes";
    if (name.ends_with("_ms")) found = "ms";
    if (name.ends_with("_micros") && !name.ends_with("_usd_micros")) found = "µs";
    if (name.ends_with("_ratio")) found = "percentunit";
  });
  return found;
}

std::string legend_of(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) out += (out.empty() ? "{{" : " · {{") + label + "}}";
  return out;
}

std::string joined(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) out += (out.empty() ? "" : ", ") + label;
  return out;
}

// All nodes count the same events of the chain: a sum over nodes would multiply them.
Panel panel_of(const MetricSpec& metric) {
  Panel out{metric.name, "timeseries", {}, metric.help, {}, {}, {}, false};
  const std::string by = metric.labels.empty() ? "" : "max by (" + joined(metric.labels) + ") ";
  const std::string legend = legend_of(metric.labels);
  if (metric.type == MetricType::kCounter) {
    out.title += " (5m delta)";
    const std::string grown = "increase(" + metric.name + "[5m])";
    out.queries.push_back({by.empty() ? grown : by + "(" + grown + ")", legend});
  } else if (metric.type == MetricType::kHistogram) {
    out.title += " (p50/p95/p99)";
    for (const char* q : {"0.5", "0.95", "0.99"}) {
      out.queries.push_back({std::string("histogram_quantile(") + q + ", sum by (le) (rate(" +
                                 metric.name + "_bucket[5m])))",
                             std::string("p") + (std::string_view(q) == "0.5" ? "50" : q + 2)});
    }
  } else {
    out.queries.push_back({metric.name, legend});
  }
  return out;
}

json::object source_of() { return {{"type", "prometheus"}, {"uid", "${datasource}"}}; }

json::object threshold_steps(const std::vector<double>& thresholds) {
  static constexpr const char* kColours[] = {"yellow", "red", "dark-red"};
  json::array steps{json::object{{"color", "green"}, {"value", nullptr}}};
  for (std::size_t i = 0; i < thresholds.size() && i < std::size(kColours); ++i)
    steps.emplace_back(json::object{{"color", kColours[i]}, {"value", thresholds[i]}});
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
  json::object reduced{
      {"reduceOptions",
       json::object{{"calcs", json::array{"lastNotNull"}}, {"fields", ""}, {"values", false}}},
      {"orientation", "auto"}};
  if (type == "stat") {
    reduced["colorMode"] = "value";
    reduced["graphMode"] = "none";
    reduced["textMode"] = "auto";
  } else if (type == "gauge") {
    reduced["showThresholdLabels"] = false;
    reduced["showThresholdMarkers"] = true;
  } else {
    return {{"cellHeight", "sm"}, {"showHeader", true}};
  }
  return reduced;
}

json::object panel_json(const Panel& panel, int id, json::object place, const Metrics& metrics) {
  const bool instant = panel.type != "timeseries";
  json::array targets;
  char ref = 'A';
  bool legends = false;
  for (const Query& query : panel.queries) {
    json::object target{{"datasource", source_of()},
                        {"editorMode", "code"},
                        {"expr", with_instance(query.expr, metrics)},
                        {"instant", instant},
                        {"legendFormat", query.legend.empty() ? "__auto" : query.legend},
                        {"range", !instant},
                        {"refId", std::string(1, ref++)}};
    legends = legends || !query.legend.empty();
    if (panel.type == "table") target["format"] = "table";
    targets.push_back(std::move(target));
  }
  json::object custom;
  if (panel.type == "timeseries") {
    custom = {{"drawStyle", "line"},
              {"fillOpacity", 10},
              {"lineWidth", 1},
              {"showPoints", "never"},
              {"spanNulls", false}};
  }
  json::object defaults{
      {"color", json::object{{"mode", "palette-classic"}}},
      {"unit", panel.unit.empty() ? unit_of(panel.queries[0].expr, metrics) : panel.unit},
      {"thresholds", threshold_steps(panel.thresholds)},
      {"custom", std::move(custom)}};
  json::object out{{"id", id},
                   {"type", panel.type},
                   {"title", panel.title},
                   {"description", panel.description},
                   {"datasource", source_of()},
                   {"gridPos", std::move(place)},
                   {"targets", std::move(targets)},
                   {"fieldConfig",
                    json::object{{"defaults", std::move(defaults)}, {"overrides", json::array{}}}},
                   {"options", options_of(panel.type, legends)}};
  if (!panel.runbook.empty()) {
    out["links"] = json::array{
        json::object{{"title", "Runbook"}, {"url", panel.runbook}, {"targetBlank", true}}};
  }
  return out;
}

// Panels from left to right; a new line where the next does not fit.
json::array laid_out(const std::vector<Row>& rows, const Metrics& metrics) {
  json::array out;
  int id = 1, y = 0;
  for (const Row& row : rows) {
    if (row.panels.empty()) continue;
    out.emplace_back(
        json::object{{"id", id++},
                     {"type", "row"},
                     {"title", row.title},
                     {"collapsed", false},
                     {"panels", json::array{}},
                     {"gridPos", json::object{{"h", 1}, {"w", kWidth}, {"x", 0}, {"y", y++}}}});
    int x = 0, tallest = 0;
    for (const Panel& panel : row.panels) {
      const bool small = panel.type == "stat" || panel.type == "gauge";
      const int w = small ? 6 : 12, h = small ? 4 : 8;
      if (x + w > kWidth) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      json::object place{{"h", h}, {"w", w}, {"x", x}, {"y", y}};
      out.emplace_back(panel_json(panel, id++, std::move(place), metrics));
      x += w;
      tallest = std::max(tallest, h);
    }
    y += tallest;
  }
  return out;
}

json::array variables() {
  const json::object source{{"name", "datasource"},
                            {"label", "Data source"},
                            {"type", "datasource"},
                            {"query", "prometheus"},
                            {"hide", 0},
                            {"includeAll", false},
                            {"multi", false},
                            {"regex", ""},
                            {"refresh", 1}};
  const auto choice = [](const char* name, const char* label, const char* query) {
    return json::object{
        {"name", name},
        {"label", label},
        {"type", "query"},
        {"datasource", source_of()},
        {"query", query},
        {"definition", query},
        {"multi", true},
        {"includeAll", true},
        {"allValue", ".*"},
        {"current", json::object{{"selected", true}, {"text", "All"}, {"value", "$__all"}}},
        {"refresh", 2},
        {"sort", 1},
        {"hide", 0},
        {"regex", ""}};
  };
  return {source, choice("instance", "Node", "label_values(up, instance)"),
          choice("plugin", "Plugin", "label_values(plugin_info, plugin)")};
}

std::string document(const std::string& title, const std::string& uid, const std::vector<Row>& rows,
                     const Metrics& metrics) {
  const json::object link{{"type", "dashboards"},    {"tags", json::array{"the-block"}},
                          {"asDropdown", true},      {"title", "The Block"},
                          {"includeVars", true},     {"keepTime", true},
                          {"icon", "external link"}, {"targetBlank", false},
                          {"tooltip", ""},           {"url", ""}};
  const json::object out{{"annotations", json::object{{"list", json::array{}}}},
                         {"description", kAbout},
                         {"editable", false},
                         {"graphTooltip", 1},
                         {"id", nullptr},
                         {"links", json::array{link}},
                         {"panels", laid_out(rows, metrics)},
                         {"refresh", "10s"},
                         {"schemaVersion", 39},
                         {"tags", json::array{"the-block"}},
                         {"templating", json::object{{"list", variables()}}},
                         {"time", json::object{{"from", "now-1h"}, {"to", "now"}}},
                         {"timezone", "browser"},
                         {"title", title},
                         {"uid", uid},
                         {"version", 1}};
  std::string text;
  pretty(out, 0, text);
  return text + "\n";
}

// What the plugin's panels show: declared ones by row, then the metrics that none of them shows.
std::vector<Row> rows_of(const Manifest& manifest, const Metrics& metrics,
                         const DashboardOptions& options) {
  std::vector<Row> rows;
  std::set<std::string> shown;
  const auto row = [&](const std::string& title) -> Row& {
    const auto at =
        std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.title == title; });
    return at != rows.end() ? *at : rows.emplace_back(Row{title, {}});
  };
  for (const PanelSpec& spec : manifest.panels) {
    Panel panel{spec.title,
                spec.type.empty() ? "timeseries" : spec.type,
                spec.unit,
                {},
                {},
                {{spec.expr, {}}},
                spec.thresholds,
                true};
    each_series(spec.expr, [&](const std::string& series, std::size_t, std::size_t) {
      const MetricSpec* metric = owner(series, metrics);
      if (!metric) return;
      shown.insert(metric->name);
      if (panel.description.empty()) panel.description = metric->help;
    });
    panel.description += (panel.description.empty() ? "By: " : ". By: ") + manifest.id;
    for (const AlertSpec& alert : manifest.alerts) {
      if (!panel.runbook.empty() || alert.expr.find(spec.expr) == std::string::npos) continue;
      const std::string page = alert.group.empty() ? manifest.id : alert.group;
      std::string anchor = alert.name;
      std::transform(anchor.begin(), anchor.end(), anchor.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      panel.runbook = options.runbook_base + "/" + page + ".md#" + anchor;
    }
    row(spec.row.empty() ? manifest.id : spec.row).panels.push_back(std::move(panel));
  }
  for (const MetricSpec& metric : manifest.metrics) {
    if (shown.contains(metric.name)) continue;
    Panel panel = panel_of(metric);
    panel.description += (panel.description.empty() ? "By: " : ". By: ") + manifest.id;
    row(rows.empty() ? manifest.id : rows.front().title).panels.push_back(std::move(panel));
  }
  return rows;
}

// Without the panels that stand for metrics which no declared panel shows.
std::vector<Row> declared(const std::vector<Row>& rows) {
  std::vector<Row> out;
  for (const Row& row : rows) {
    Row& kept = out.emplace_back(Row{row.title, {}});
    std::copy_if(row.panels.begin(), row.panels.end(), std::back_inserter(kept.panels),
                 [](const Panel& panel) { return panel.declared; });
  }
  return out;
}

}  // namespace

std::string with_instance(const std::string& expr, const Metrics& metrics) {
  std::string out;
  std::size_t done = 0;
  each_series(expr, [&](const std::string& series, std::size_t, std::size_t end) {
    if (!owner(series, metrics)) return;
    out.append(expr, done, end - done);
    done = end;
    if (end >= expr.size() || expr[end] != '{') {
      out += "{" + std::string(kInstance) + "}";
      return;
    }
    done = end + 1;
    const bool bare = done < expr.size() && expr[done] == '}';
    out += "{" + std::string(kInstance) + (bare ? "" : ",");
  });
  return out.append(expr, done, std::string::npos);
}

std::map<std::string, std::string> grafana_dashboards(const ManifestList& manifests,
                                                      const DashboardOptions& options) {
  Metrics metrics;
  for (const auto& manifest : manifests) {
    for (const MetricSpec& metric : manifest->metrics) metrics[metric.name] = &metric;
  }
  std::map<std::string, std::string> out;
  std::vector<Row> all;
  for (const auto& manifest : manifests) {
    std::vector<Row> rows = rows_of(*manifest, metrics, options);
    if (rows.empty()) continue;
    out["plugin-" + manifest->id + ".json"] =
        document("Plugin " + manifest->id, "plugin-" + manifest->id, rows, metrics);
    if (!manifest->panels.empty()) {
      out[manifest->id + ".json"] = document("The Block: " + manifest->id,
                                             "the-block-" + manifest->id, declared(rows), metrics);
    }
    for (Row& row : rows) {
      const auto at =
          std::find_if(all.begin(), all.end(), [&](const Row& r) { return r.title == row.title; });
      if (at == all.end())
        all.push_back(std::move(row));
      else
        std::move(row.panels.begin(), row.panels.end(), std::back_inserter(at->panels));
    }
  }
  out["dashboard.json"] = document("The-Block Auto", "the-block-auto", all, metrics);
  out["telemetry.json"] = document("Telemetry Dashboard", "the-block-telemetry", all, metrics);
  out["dev.json"] = document("Dev Dashboard", "the-block-dev", all, metrics);
  out["operator.json"] = document("Operator Dashboard", "the-block-operator", all, metrics);
  return out;
}

}  // namespace blockd
