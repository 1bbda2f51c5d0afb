#include "kernel/manifest/dashboards.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

std::shared_ptr<const Manifest> manifest() {
  auto parsed = Manifest::parse(R"({"id": "market", "version": "1.0.0", "summary": "A market",
    "metrics": [
      {"name": "market_trades_total", "type": "counter", "labels": ["side"], "help": "trades"},
      {"name": "market_price", "type": "gauge", "help": "price now"},
      {"name": "market_wait_seconds", "type": "histogram", "buckets": [1, 5], "help": "time to a trade"}],
    "alerts": [{"name": "MarketDear", "expr": "market_price > 9", "severity": "warning", "summary": "dear"}],
    "panels": [{"row": "Market", "title": "Price", "expr": "market_price", "type": "gauge", "thresholds": [5, 9]}]})");
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return *parsed;
}

json::array panels(const std::string& text) {
  auto document = parse_json(text);
  EXPECT_TRUE(document.ok());
  return document->at("panels").as_array();
}

TEST(Dashboards, shows_what_is_declared_and_every_metric_besides) {
  const auto files = grafana_dashboards({manifest()}, {});
  ASSERT_TRUE(files.contains("plugin-market.json"));
  EXPECT_EQ(panels(files.at("market.json")).size(), 2u);
  const json::array found = panels(files.at("plugin-market.json"));
  ASSERT_EQ(found.size(), 4u);  // the row and three panels
  EXPECT_EQ(found[0].at("type"), "row");
  EXPECT_EQ(found[1].at("title"), "Price");
  EXPECT_EQ(found[1].at("links").at(0).at("url"), "docs/runbooks/market.md#marketdear");
  EXPECT_EQ(found[2].at("title"), "market_trades_total (5m delta)");
  EXPECT_EQ(found[2].at("targets").at(0).at("expr"),
            "max by (side) (increase(market_trades_total{instance=~\"$instance\"}[5m]))");
  EXPECT_EQ(found[3].at("targets").as_array().size(), 3u);
  EXPECT_EQ(found[3].at("fieldConfig").at("defaults").at("unit"), "s");
}

TEST(Dashboards, numbers_its_panels_in_order_and_places_none_upon_another) {
  const json::array found = panels(grafana_dashboards({manifest()}, {}).at("dashboard.json"));
  std::int64_t id = 1;
  for (const json::value& panel : found) {
    EXPECT_EQ(panel.at("id").as_int64(), id++);
    const json::object& place = panel.at("gridPos").as_object();
    EXPECT_LE(place.at("x").as_int64() + place.at("w").as_int64(), 24);
  }
}

TEST(Dashboards, puts_the_nodes_variable_into_selectors_and_nowhere_else) {
  const auto m = manifest();
  std::map<std::string, const MetricSpec*> metrics;
  for (const MetricSpec& metric : m->metrics) metrics[metric.name] = &metric;
  EXPECT_EQ(with_instance(R"(market_price{side="market_price"} > 2)", metrics),
            R"(market_price{instance=~"$instance",side="market_price"} > 2)");
  EXPECT_EQ(with_instance("market_wait_seconds_bucket", metrics),
            R"(market_wait_seconds_bucket{instance=~"$instance"})");
  EXPECT_EQ(with_instance("other_price", metrics), "other_price");
}

TEST(Dashboards, says_the_same_twice) {
  EXPECT_EQ(grafana_dashboards({manifest()}, {}), grafana_dashboards({manifest()}, {}));
}

}  // namespace
}  // namespace blockd
