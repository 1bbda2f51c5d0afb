// More words for what people see of a plugin: panels with several queries, legends, dashboards of
// their own, alerts and service level objectives by the table. Used beside describe()'s other
// declarations:
//
//   #include "tb/panels.hpp"
//   tb::panel(p, "Market", "Trades", "rate(market_trades_total[5m])")
//       .legend("{{side}}")
//       .query("market_open", "open")
//       .help("Trades a second, and those that are open");
//   constexpr tb::AlertRow kAlerts[] = {
//       {"MarketSlow", "market_wait_seconds_p95 > 30", "5m", "warning", "Trades wait"}};
//   constexpr tb::ObjectiveRow kObjectives[] = {
//       {"MarketSlow", "Market", "Wait p95", "< 10 s", "market_wait_seconds_p95"}};
//   tb::alerts(p, kAlerts, kObjectives);
#pragma once

#include <span>

#include "tb/plugin.hpp"

namespace tb {

class Panel : public PanelEntry {
 public:
  explicit Panel(const PanelEntry& entry) : PanelEntry(entry), query_(json_) {}

  // Text of the newest query's lines: "{{provider}}".
  Panel& legend(std::string_view text) {
    query_->set("legend", text);
    return *this;
  }
  // One more query of the same panel.
  Panel& query(std::string_view promql, std::string_view legend) {
    query_ = &json_->array_at("queries").push(detail::Json::object());
    query_->set("expr", promql);
    query_->set("legend", legend);
    return *this;
  }
  // timeseries unless given; stat, gauge, table, heatmap, state-timeline.
  Panel& type(std::string_view name) {
    json_->set("type", name);
    return *this;
  }
  Panel& unit(std::string_view name) {
    json_->set("unit", name);
    return *this;
  }
  Panel& help(std::string_view text) {
    json_->set("help", text);
    return *this;
  }
  // Yellow from the first, red from the second.
  Panel& thresholds(std::initializer_list<double> values) {
    PanelEntry::thresholds(values);
    return *this;
  }
  // More is better: red below the first, yellow below the second.
  Panel& rising() {
    json_->set("rising", true);
    return *this;
  }
  // Dashboards that show it instead of the main one: {"energy"} is dashboards/grafana/energy.json.
  Panel& on(Texts dashboards) {
    for (std::string_view name : dashboards) json_->array_at("dashboards").push(name);
    return *this;
  }
  // "7d": what it shows, whatever the dashboard's range.
  Panel& last(std::string_view range) {
    json_->set("time_from", range);
    return *this;
  }

 private:
  detail::Json* query_;
};

inline Panel panel(Plugin& p, std::string_view row, std::string_view title,
                   std::string_view promql) {
  return Panel(p.panel(row, title, promql));
}

// A row of a plugin's table of alerts: as AlertEntry has them, empty where nothing is to be said.
struct AlertRow {
  std::string_view name, expr, duration, severity, summary, group = {}, alias = {};
};

// A service level objective, and the alert that tells when it is missed.
struct ObjectiveRow {
  std::string_view alert, system, metric, target, query;
};

namespace detail {

class AlertWithObjective : public AlertEntry {
 public:
  explicit AlertWithObjective(const AlertEntry& entry) : AlertEntry(entry) {}
  void objective(const ObjectiveRow& row) {
    Json slo = Json::object();
    slo.set("system", row.system);
    slo.set("metric", row.metric);
    slo.set("target", row.target);
    slo.set("query", row.query);
    json_->set("slo", slo);
  }
};

}  // namespace detail

inline void alerts(Plugin& p, std::span<const AlertRow> rows,
                   std::span<const ObjectiveRow> objectives = {}) {
  for (const AlertRow& row : rows) {
    AlertEntry& alert = p.alert(row.name);
    alert.expr(row.expr).for_duration(row.duration).severity(row.severity).summary(row.summary);
    if (!row.group.empty()) alert.group(row.group);
    if (!row.alias.empty()) alert.alias(row.alias);
    for (const ObjectiveRow& objective : objectives) {
      if (objective.alert == row.name) detail::AlertWithObjective(alert).objective(objective);
    }
  }
}

}  // namespace tb
