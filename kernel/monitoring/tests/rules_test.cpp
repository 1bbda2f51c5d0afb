#include "kernel/monitoring/rules.hpp"

#include "kernel/monitoring/lint.hpp"
#include "kernel/monitoring/render.hpp"
#include "kernel/monitoring/tests/monitoring_world.hpp"

namespace blockd {
namespace {

TEST(Rules, alerts_by_group_and_name_with_their_values_filled_in) {
  const std::string text = alert_rules(small_model({.epoch_seconds = 30}));
  EXPECT_NE(text.find("expr: 'market_price > 9'\n        for: 90s"), std::string::npos) << text;
  EXPECT_NE(text.find("plugin: market\n          service: market\n          severity: page"),
            std::string::npos);
  EXPECT_NE(text.find("runbook_url: docs/runbooks/market.md#marketdear"), std::string::npos);
  EXPECT_NE(text.find("summary: 'it''s dear'"), std::string::npos);
  EXPECT_NE(text.find("alias: Still\n          plugin: market\n          service: still"),
            std::string::npos);
  EXPECT_LT(text.find("name: market\n"), text.find("name: nodes\n"));
  EXPECT_NE(text.find("plugin: catalogue"), std::string::npos);
  const std::string without = alert_rules(small_model({.values = {{"most", 0}}}));
  EXPECT_EQ(without.find("MarketDear"), std::string::npos);
}

TEST(Rules, a_record_stands_behind_those_that_it_reads) {
  const std::string text = recording_rules(small_model());
  EXPECT_LT(text.find("record: market:a"), text.find("record: market:b"));
  EXPECT_NE(text.find("name: market-records\n    interval: 30s"), std::string::npos);
}

TEST(Rules, targets_that_are_off_are_comments) {
  const std::string text = scrape_targets(small_model());
  EXPECT_NE(text.find("\n- {targets: [\"localhost:1\"], labels: {job: node}}\n"),
            std::string::npos);
  EXPECT_NE(text.find("\n# - {targets: [\"localhost:2\"], labels: {job: later}}\n"),
            std::string::npos);
}

TEST(Rules, durations_are_written_in_the_largest_unit) {
  EXPECT_EQ(rule_duration(0), "0m");
  EXPECT_EQ(rule_duration(90), "90s");
  EXPECT_EQ(rule_duration(360), "6m");
  EXPECT_EQ(rule_duration(7200), "2h");
}

TEST(Model, refuses_what_does_not_hold_and_names_it) {
  const auto wrong = [](const std::string& part) {
    const auto bad = parsed_manifest(R"json({"id": "bad", "version": "1.0.0", )json" + part + "}");
    return MonitoringModel::build({market(), bad}, small_catalogue(), {}).status().message();
  };
  EXPECT_NE(
      wrong(R"json("alerts": [{"name": "A", "expr": "nothing > 1"}])json").find("reads 'nothing'"),
      std::string::npos);
  EXPECT_NE(wrong(R"json("alerts": [{"name": "A", "expr": "up > ("}])json").find("alert 'A'"),
            std::string::npos);
  EXPECT_NE(wrong(R"json("alerts": [{"name": "MarketDear", "expr": "up"}])json").find("twice"),
            std::string::npos);
  EXPECT_NE(wrong(R"json("panels": [{"title": "Price", "expr": "up"}])json").find("twice"),
            std::string::npos);
  EXPECT_NE(
      wrong(R"json("alerts": [{"name": "A", "expr": "up > ${x}"}])json").find("has no default"),
      std::string::npos);
}

TEST(Model, a_part_of_the_plugins_leaves_out_what_reads_the_others) {
  auto model = MonitoringModel::build({parsed_manifest(R"json({"id": "half", "version": "1.0.0",
        "metrics": [{"name": "half_total", "type": "counter"}],
        "recordings": [{"name": "half:a", "expr": "sum(market_price)"}],
        "alerts": [{"name": "OnOther", "expr": "half:a > 1"}, {"name": "OnOwn", "expr": "half_total > 1"}]})json")},
                                      small_catalogue(), {.partial = true});
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_FALSE(model->alerts.contains("OnOther"));
  EXPECT_TRUE(model->alerts.contains("OnOwn"));
}

TEST(Render, each_file_has_its_hash_and_each_guide_name_its_file) {
  const auto files = monitoring_files(small_model(), "text");
  const auto pinned = parse_json(files.at("generated.json"));
  ASSERT_TRUE(pinned.ok());
  for (const auto& [path, text] : files) {
    EXPECT_EQ(path != "generated.json", pinned->at("files").as_object().contains(path)) << path;
  }
  const auto links = guide_links(files);
  EXPECT_EQ(links.at("monitoring/grafana/dashboard.json"), "dashboards/grafana/dashboard.json");
  EXPECT_FALSE(links.contains("monitoring/compute_market_dashboard.json"));
  EXPECT_EQ(relative_link("monitoring/grafana/a.json", "dashboards/b"), "../../dashboards/b");
  EXPECT_NE(files.at("wrappers.json").find("market|market_trades_total|side"), std::string::npos);
}

TEST(Lint, finds_each_planted_fault) {
  const MonitoringModel model = small_model();
  const auto rule = [&](const std::string& expr, const std::string& wait = "0m") {
    const auto found = lint_rule("f", {"R", expr, wait}, model);
    return found.empty() ? std::string() : found[0];
  };
  EXPECT_EQ(rule("rate(market_trades_total[5m]) > 1"), "");
  EXPECT_NE(rule("rate(market_price[5m]) > 1").find("rate() of the gauge"), std::string::npos);
  EXPECT_NE(rule("absent_metric > 1").find("declared by nobody"), std::string::npos);
  EXPECT_NE(rule("histogram_quantile(0.9, market_wait_seconds_bucket)").find("without rate()"),
            std::string::npos);
  EXPECT_NE(rule("increase(market_trades_total[1m]) > 0", "5m").find("one event is missed"),
            std::string::npos);
  EXPECT_EQ(rule("increase(market_trades_total[5m]) > 0", "5m"), "");
  const auto board = [&](const std::string& panel) {
    const auto document = parse_json(R"json({"panels": [)json" + panel + "]}");
    EXPECT_TRUE(document.ok());
    const auto found = lint_dashboard("f", *document, model);
    return found.empty() ? std::string() : found[0];
  };
  const std::string good =
      R"json({"id": 1, "type": "stat", "title": "t", "targets": [{"expr": "up", "legendFormat": "{{job}}"}]})json";
  EXPECT_EQ(board(good), "");
  EXPECT_NE(board(good + "," + good).find("not its own"), std::string::npos);
  EXPECT_NE(
      board(R"json({"id": 1, "type": "pie", "targets": [{"expr": "up"}]})json").find("type 'pie'"),
      std::string::npos);
  EXPECT_NE(
      board(
          R"json({"id": 1, "type": "stat", "targets": [{"expr": "up", "legendFormat": "{job}"}]})json")
          .find("single braces"),
      std::string::npos);
  EXPECT_NE(board(R"json({"id": 1, "type": "stat", "targets": []})json").find("no query"),
            std::string::npos);
}

}  // namespace
}  // namespace blockd
