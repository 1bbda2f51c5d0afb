#include "kernel/monitoring/dashboards.hpp"

#include "kernel/monitoring/tests/monitoring_world.hpp"

namespace blockd {
namespace {

json::array panels(const std::string& text) {
  auto document = parse_json(text);
  EXPECT_TRUE(document.ok());
  return document->at("panels").as_array();
}

std::vector<std::string> titles(const json::array& panels) {
  std::vector<std::string> out;
  for (const json::value& panel : panels) out.emplace_back(panel.at("title").as_string());
  return out;
}

TEST(Dashboards, rows_of_the_catalogue_then_of_plugins_then_what_no_panel_shows_then_objectives) {
  const auto files = grafana_dashboards(small_model());
  EXPECT_EQ(
      titles(panels(files.at("dashboard.json"))),
      (std::vector<std::string>{"Nodes", "Second", "First", "Market", "Price", "Other",
                                "market_wait_seconds (p50/p95/p99)", "SLO", "Market: Price"}));
  EXPECT_EQ(titles(panels(files.at("plugin-market.json"))),
            (std::vector<std::string>{"Market", "Price", "Trades", "Other",
                                      "market_wait_seconds (p50/p95/p99)"}));
  EXPECT_EQ(titles(panels(files.at("trades.json"))), (std::vector<std::string>{"Trades"}));
}

TEST(Dashboards, a_mirror_differs_in_title_and_uid_alone) {
  const auto files = grafana_dashboards(small_model());
  json::object a = parse_json(files.at("dashboard.json"))->get_object();
  json::object b = parse_json(files.at("operator.json"))->get_object();
  EXPECT_EQ(b.at("title"), "Operator");
  EXPECT_EQ(b.at("uid"), "op");
  for (const char* member : {"title", "uid"}) a.erase(member), b.erase(member);
  EXPECT_EQ(a, b);
}

TEST(Dashboards, a_panel_is_what_was_declared) {
  const auto files = grafana_dashboards(small_model());
  const json::array main = panels(files.at("dashboard.json"));
  const json::value& price = main[4];
  EXPECT_EQ(price.at("description"), "what it costs. By: market");
  EXPECT_EQ(price.at("targets").at(0).at("expr"), "market_cost{instance=~\"$instance\"}");
  EXPECT_EQ(price.at("targets").at(0).at("instant"), true);
  const json::array steps =
      price.at("fieldConfig").at("defaults").at("thresholds").at("steps").as_array();
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[2].at("color"), "red");
  EXPECT_EQ(steps[2].at("value"), 9.5);
  const json::array trades = panels(files.at("trades.json"));
  EXPECT_EQ(trades[0].at("timeFrom"), "7d");
  EXPECT_EQ(trades[0].at("targets").as_array().size(), 2u);
  EXPECT_EQ(trades[0].at("targets").at(1).at("legendFormat"), "price");
  const json::value& slo = main[8];
  EXPECT_EQ(slo.at("targets").at(1).at("expr"), "vector(9)");
  EXPECT_EQ(slo.at("links").at(0).at("url"), "docs/runbooks/market.md#marketdear");
}

TEST(Dashboards, numbers_its_panels_in_order_and_places_none_upon_another) {
  for (const auto& [name, text] : grafana_dashboards(small_model())) {
    std::int64_t id = 1, line = -1, right = 0;
    for (const json::value& panel : panels(text)) {
      EXPECT_EQ(panel.at("id").as_int64(), id++) << name;
      const json::object& place = panel.at("gridPos").as_object();
      if (place.at("y").as_int64() != line) right = 0;
      line = place.at("y").as_int64();
      EXPECT_EQ(place.at("x").as_int64(), right) << name;
      right += place.at("w").as_int64();
      EXPECT_LE(right, 24) << name;
    }
  }
}

TEST(Dashboards, puts_the_nodes_variable_into_selectors_and_nowhere_else) {
  const MonitoringModel model = small_model();
  EXPECT_EQ(with_variables(R"json(market_price{side="market_price"} > 2)json", model),
            R"json(market_price{instance=~"$instance",side="market_price"} > 2)json");
  EXPECT_EQ(with_variables("market_wait_seconds_bucket", model),
            R"json(market_wait_seconds_bucket{instance=~"$instance"})json");
  EXPECT_EQ(with_variables("up + market:a + market_price{}", model),
            R"json(up + market:a + market_price{instance=~"$instance"})json");
}

TEST(Dashboards, says_the_same_twice) {
  EXPECT_EQ(grafana_dashboards(small_model()), grafana_dashboards(small_model()));
}

}  // namespace
}  // namespace blockd
