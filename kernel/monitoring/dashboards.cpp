#include "kernel/monitoring/dashboards.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <optional>
#include <set>

#include "kernel/monitoring/panel_json.hpp"
#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

constexpr std::string_view kAbout =
    "Generated from the plugins' manifests and dashboards/catalogue.yaml by contract-cli monitor "
    "render. Do not edit.";
constexpr const char* kMainFile = "dashboard";
constexpr const char* kOther = "Other";

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

std::string joined(const std::vector<std::string>& labels, std::string_view between,
                   std::string_view before = "", std::string_view after = "") {
  std::string out;
  for (const std::string& label : labels) {
    if (!out.empty()) out += between;
    out.append(before).append(label).append(after);
  }
  return out;
}

// All nodes count the same events of the chain: a sum over nodes would multiply them.
ModelPanel panel_of(const ModelMetric& metric) {
  const MetricSpec& spec = metric.spec;
  ModelPanel out;
  out.by = metric.by;
  out.spec.title = spec.name;
  out.spec.help = spec.help;
  const std::string legend = joined(spec.labels, " · ", "{{", "}}");
  if (spec.type == MetricType::kCounter) {
    out.spec.title += " (5m delta)";
    const std::string grown = "increase(" + spec.name + "[5m])";
    const std::string by = std::string(metric.scope == MetricScope::kChain ? "max" : "sum") +
                           " by (" + joined(spec.labels, ", ") + ") ";
    out.spec.queries = {{spec.labels.empty() ? grown : by + "(" + grown + ")", legend}};
  } else if (spec.type == MetricType::kHistogram) {
    out.spec.title += " (p50/p95/p99)";
    for (const char* q : {"0.5", "0.95", "0.99"}) {
      out.spec.queries.push_back(
          {std::string("histogram_quantile(") + q + ", sum by (le) (rate(" + spec.name +
               "_bucket[5m])))",
           std::string("p") + (std::string_view(q) == "0.5" ? "50" : q + 2)});
    }
  } else {
    out.spec.queries = {{spec.name, legend}};
  }
  out.spec.expr = out.spec.queries[0].expr;
  return out;
}

// Metrics under their own names that a declared panel shows, whatever name it calls them by.
std::set<std::string> shown_metrics(const MonitoringModel& model) {
  std::set<std::string> out;
  for (const ModelPanel& panel : model.panels) {
    for (const PanelQuery& query : panel.spec.queries) {
      const Result<std::vector<SeriesUse>> uses = series_of(query.expr);
      if (!uses.ok()) continue;
      for (const SeriesUse& use : *uses) {
        const ModelMetric* metric = model.metric_of(use.name);
        if (metric == nullptr) continue;
        out.insert(metric->alias_of.empty() ? metric->spec.name : metric->alias_of);
      }
    }
  }
  return out;
}

// Panels for what no declared panel shows, in the order of the manifests.
std::vector<ModelPanel> made_panels(const MonitoringModel& model) {
  const std::set<std::string> shown = shown_metrics(model);
  std::vector<ModelPanel> out;
  for (const auto& manifest : model.manifests) {
    for (const MetricSpec& spec : manifest->metrics) {
      if (!shown.contains(spec.name)) out.push_back(panel_of(model.metrics.at(spec.name)));
    }
  }
  return out;
}

// The number of "< 300 s" or "99.95 %" in the unit of the series; nothing for "all markets".
std::optional<double> target_value(const std::string& target) {
  const std::size_t at = target.find_first_of("0123456789");
  if (at == std::string::npos) return std::nullopt;
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(target.substr(at), &used);
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
  std::string unit = target.substr(at + used);
  unit.erase(0, std::min(unit.find_first_not_of(' '), unit.size()));
  if (unit == "%") return value / 100;
  if (unit == "ms") return value / 1000;
  if (unit == "min") return value * 60;
  if (unit == "h") return value * 3600;
  return value;
}

DashboardRow slo_row(const MonitoringModel& model) {
  DashboardRow row{"SLO", {}};
  for (const ModelSlo& slo : model.slos) {
    ModelPanel panel;
    panel.by = slo.by;
    panel.runbook = model.alerts.contains(slo.spec.alert) ? model.alerts.at(slo.spec.alert).runbook
                                                          : std::string();
    panel.spec.title = slo.spec.system + ": " + slo.spec.metric;
    panel.spec.help = "Promised: " + slo.spec.target + "; the alert is " + slo.spec.alert;
    panel.spec.queries = {{slo.spec.query, slo.spec.metric}};
    if (slo.spec.target.find('%') != std::string::npos) panel.spec.unit = "percentunit";
    if (const auto line = target_value(slo.spec.target)) {
      std::string text = std::to_string(*line);
      text.erase(text.find_last_not_of('0') + 1);
      if (text.ends_with('.')) text.pop_back();
      panel.spec.queries.push_back({"vector(" + text + ")", "target " + slo.spec.target});
    }
    row.panels.push_back(std::move(panel));
  }
  return row;
}

bool is_on(const ModelPanel& panel, const std::string& file) {
  const std::vector<std::string>& files = panel.spec.dashboards;
  return std::find(files.begin(), files.end(), file) != files.end();
}

// Those whose titles are listed first, in that order; the rest as they came.
void put_in_order(std::vector<ModelPanel>& panels, const std::vector<std::string>& titles) {
  const auto place = [&](const ModelPanel& panel) {
    return std::find(titles.begin(), titles.end(), panel.spec.title) - titles.begin();
  };
  std::stable_sort(panels.begin(), panels.end(),
                   [&](const ModelPanel& a, const ModelPanel& b) { return place(a) < place(b); });
}

std::vector<DashboardRow> rows_of_plugin(const MonitoringModel& model, const std::string& id,
                                         const std::vector<ModelPanel>& made) {
  std::vector<DashboardRow> rows;
  const auto add = [&](const std::string& title, const ModelPanel& panel) {
    auto at = std::find_if(rows.begin(), rows.end(),
                           [&](const DashboardRow& row) { return row.title == title; });
    if (at == rows.end()) at = rows.insert(rows.end(), DashboardRow{title, {}});
    at->panels.push_back(panel);
  };
  for (const ModelPanel& panel : model.panels) {
    if (panel.by == id) add(panel.spec.row, panel);
  }
  for (const ModelPanel& panel : made) {
    if (panel.by == id) add(kOther, panel);
  }
  return rows;
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
        {"datasource", data_source()},
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

std::string document(const DashboardSpec& spec, const std::vector<DashboardRow>& rows,
                     const MonitoringModel& model) {
  const json::object link{{"type", "dashboards"},    {"tags", json::array{"the-block"}},
                          {"asDropdown", true},      {"title", "The Block"},
                          {"includeVars", true},     {"keepTime", true},
                          {"icon", "external link"}, {"targetBlank", false},
                          {"tooltip", ""},           {"url", ""}};
  return pretty_json(json::object{{"annotations", json::object{{"list", json::array{}}}},
                                  {"description", kAbout},
                                  {"editable", false},
                                  {"graphTooltip", 1},
                                  {"id", nullptr},
                                  {"links", json::array{link}},
                                  {"panels", laid_out(rows, model)},
                                  {"refresh", spec.refresh},
                                  {"schemaVersion", 39},
                                  {"tags", json::array{"the-block"}},
                                  {"templating", json::object{{"list", variables()}}},
                                  {"time", json::object{{"from", spec.from}, {"to", "now"}}},
                                  {"timezone", "browser"},
                                  {"title", spec.title},
                                  {"uid", spec.uid},
                                  {"version", 1}});
}

// A dashboard without rows of its own: those of the main one that it names, then its panels.
std::vector<DashboardRow> rows_of_board(const MonitoringModel& model, const DashboardSpec& spec,
                                        const std::vector<DashboardRow>& main) {
  std::vector<DashboardRow> rows;
  DashboardRow own;
  for (const ModelPanel& panel : model.panels) {
    if (is_on(panel, spec.file)) own.panels.push_back(panel);
  }
  put_in_order(own.panels, spec.panels);
  rows.push_back(std::move(own));
  for (const std::string& title : spec.rows) {
    std::copy_if(main.begin(), main.end(), std::back_inserter(rows),
                 [&](const DashboardRow& row) { return row.title == title; });
  }
  return rows;
}

// Those of the catalogue, and those that only panels name.
std::vector<DashboardSpec> all_boards(const MonitoringModel& model) {
  std::vector<DashboardSpec> out = model.catalogue.dashboards;
  for (const ModelPanel& panel : model.panels) {
    for (const std::string& file : panel.spec.dashboards) {
      const bool known = std::any_of(out.begin(), out.end(),
                                     [&](const DashboardSpec& one) { return one.file == file; });
      if (known) continue;
      DashboardSpec made;
      made.file = file;
      made.title = "The Block: " + file;
      made.uid = "the-block-" + file;
      out.push_back(std::move(made));
    }
  }
  return out;
}

}  // namespace

std::string pretty_json(const json::value& value) {
  std::string out;
  pretty(value, 0, out);
  return out + "\n";
}

std::vector<DashboardRow> main_rows(const MonitoringModel& model) {
  std::vector<DashboardRow> rows;
  for (const RowSpec& spec : model.catalogue.rows) rows.push_back({spec.title, {}});
  const auto row = [&](const std::string& title) -> DashboardRow& {
    const auto at = std::find_if(rows.begin(), rows.end(),
                                 [&](const DashboardRow& one) { return one.title == title; });
    return at != rows.end() ? *at : rows.emplace_back(DashboardRow{title, {}});
  };
  for (const ModelPanel& panel : model.panels) {
    if (is_on(panel, kMainFile)) row(panel.spec.row).panels.push_back(panel);
  }
  for (const RowSpec& spec : model.catalogue.rows)
    put_in_order(row(spec.title).panels, spec.panels);
  rows.push_back({kOther, made_panels(model)});
  rows.push_back(slo_row(model));
  std::erase_if(rows, [](const DashboardRow& one) { return one.panels.empty(); });
  return rows;
}

std::map<std::string, std::string> grafana_dashboards(const MonitoringModel& model) {
  std::map<std::string, std::string> out;
  std::map<std::string, std::vector<DashboardRow>> rows;
  const std::vector<DashboardRow> main = main_rows(model);
  for (const DashboardSpec& spec : all_boards(model)) {
    rows[spec.file] = spec.file == kMainFile    ? main
                      : !spec.mirror_of.empty() ? rows.at(spec.mirror_of)
                                                : rows_of_board(model, spec, main);
    const std::string text = document(spec, rows.at(spec.file), model);
    const bool any = std::any_of(rows.at(spec.file).begin(), rows.at(spec.file).end(),
                                 [](const DashboardRow& row) { return !row.panels.empty(); });
    if (any) out[spec.file + ".json"] = text;
  }
  const std::vector<ModelPanel> made = made_panels(model);
  for (const std::string& id : model.plugins) {
    const std::vector<DashboardRow> own = rows_of_plugin(model, id, made);
    if (own.empty()) continue;
    DashboardSpec spec;
    spec.title = "Plugin " + id;
    spec.uid = "plugin-" + id;
    out["plugin-" + id + ".json"] = document(spec, own, model);
  }
  return out;
}

}  // namespace blockd
