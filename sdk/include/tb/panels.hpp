// More words for what people see of a plugin: panels with several queries, legends, dashboards of
// their own, and service level objectives. Used beside describe()'s other declarations:
//
//   #include "tb/panels.hpp"
//   tb::panel(p, "Market", "Trades", "rate(market_trades_total[5m])")
//       .legend("{{side}}")
//       .query("market_open", "open")
//       .help("Trades a second, and those that are open");
//   tb::objective(p.alert("MarketSlow").expr("market_wait_seconds_p95 > 30"),
//                 "Market", "Wait p95", "< 10 s", "market_wait_seconds_p95");
#pragma once

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

// What is promised, and the alert that tells when it is missed.
class Objective : public AlertEntry {
 public:
  Objective(const AlertEntry& entry, std::string_view system, std::string_view metric,
            std::string_view target, std::string_view query)
      : AlertEntry(entry) {
    detail::Json slo = detail::Json::object();
    slo.set("system", system);
    slo.set("metric", metric);
    slo.set("target", target);
    slo.set("query", query);
    json_->set("slo", slo);
  }
};

inline void objective(const AlertEntry& alert, std::string_view system, std::string_view metric,
                      std::string_view target, std::string_view query) {
  Objective(alert, system, metric, target, query);
}

}  // namespace tb
