// A plugin "market" of somebody else and a small catalogue, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include "kernel/monitoring/model.hpp"

namespace blockd {

inline std::shared_ptr<const Manifest> parsed_manifest(const std::string& text) {
  auto parsed = Manifest::parse(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? *parsed : nullptr;
}

inline std::shared_ptr<const Manifest> market() {
  return parsed_manifest(R"json({"id": "market", "version": "1.0.0", "sm": 1, "sm_min": 1,
    "metrics": [
      {"name": "market_trades_total", "type": "counter", "labels": ["side"], "help": "trades"},
      {"name": "market_price", "type": "gauge", "help": "price now", "aliases": ["market_cost"]},
      {"name": "market_wait_seconds", "type": "histogram", "buckets": [1, 5], "help": "time to a trade"}],
    "recordings": [{"name": "market:b", "expr": "sum(market:a)"}, {"name": "market:a", "expr": "rate(market_trades_total[1m])"}],
    "alerts": [
      {"name": "MarketDear", "expr": "market_price > ${most:9}", "for": "3ep", "severity": "page", "summary": "it's dear",
       "slo": {"system": "Market", "metric": "Price", "target": "< 9 s", "query": "max(market_price)"}},
      {"name": "MarketStill", "expr": "increase(market_trades_total[10m]) == 0", "group": "still", "alias": "Still"}],
    "panels": [
      {"row": "Market", "title": "Price", "expr": "market_cost", "type": "gauge", "thresholds": [5, 9.5], "help": "what it costs"},
      {"row": "Market", "title": "Trades", "expr": "market_trades_total", "dashboards": ["trades"], "legend": "{{side}}",
       "queries": [{"expr": "market_price", "legend": "price"}], "time_from": "7d"}]
})json");
}

inline MonitoringCatalogue small_catalogue() {
  const auto document = parse_json(R"json({
    "external_metrics": [{"name": "up", "type": "gauge", "labels": ["job"]}],
    "rows": [{"title": "Nodes", "panels": ["Second", "First"]}],
    "dashboards": [
      {"file": "dashboard", "title": "All", "uid": "all"},
      {"file": "operator", "title": "Operator", "uid": "op", "mirror_of": "dashboard"}],
    "panels": [{"row": "Nodes", "title": "First", "expr": "up"}, {"row": "Nodes", "title": "Second", "expr": "sum(up)", "type": "stat"}],
    "alerts": [{"name": "NodeDown", "group": "nodes", "expr": "up == 0", "for": "1m", "severity": "critical", "summary": "gone"}],
    "targets": [{"targets": ["localhost:1"], "job": "node"}, {"targets": ["localhost:2"], "job": "later", "off": true}]
})json");
  EXPECT_TRUE(document.ok()) << document.status().message();
  auto catalogue = MonitoringCatalogue::read(document->get_object());
  EXPECT_TRUE(catalogue.ok()) << catalogue.status().message();
  return *catalogue;
}

inline MonitoringModel small_model(const ModelOptions& options = {}) {
  auto model = MonitoringModel::build({market()}, small_catalogue(), options);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return *model;
}

}  // namespace blockd
