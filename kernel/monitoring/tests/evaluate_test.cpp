#include "kernel/monitoring/evaluate.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "kernel/monitoring/rule_test.hpp"

namespace blockd {
namespace {

constexpr std::int64_t kMinute = 60'000;

// `name{labels}: values`, a minute apart.
SampleStore store_of(const std::vector<std::pair<std::string, std::string>>& series) {
  SampleStore out;
  for (const auto& [text, values] : series) {
    const auto expr = parse_expression(text);
    LabelSet labels;
    for (const LabelMatcher& one : (*expr)->matchers) labels[one.label] = one.value;
    std::int64_t ms = 0;
    const auto steps = read_series_values(values);
    for (const SeriesStep& step : *steps) {
      if (step.present) out.add((*expr)->name, labels, {ms, step.value, step.stale});
      ms += kMinute;
    }
  }
  return out;
}

// "{labels} value", sorted as they come, joined by " | ".
std::string result_at(const SampleStore& samples, std::int64_t minutes, std::string_view text) {
  const auto expr = parse_expression(text);
  if (!expr.ok()) return "error: " + expr.status().message();
  const auto value = evaluate(**expr, samples, minutes * kMinute);
  if (!value.ok()) return "error: " + value.status().message();
  if (value->scalar) return prom_number(value->number);
  std::string out;
  for (const VectorSample& one : value->vector) {
    out += (out.empty() ? "" : " | ") + one.name + "{" + label_text(one.labels) + "} " +
           prom_number(one.value);
  }
  return out;
}

TEST(Evaluate, operators_bind_as_in_promql) {
  const SampleStore none;
  EXPECT_EQ(result_at(none, 0, "1 + 2 * 3 ^ 2 ^ 0"), "7");
  EXPECT_EQ(result_at(none, 0, "-2 ^ 2"), "-4");
  EXPECT_EQ(result_at(none, 0, "(1 + 2) * -3 % 5"), "-4");
  EXPECT_EQ(result_at(none, 0, "1 > bool 2"), "0");
  EXPECT_EQ(result_at(none, 0, "2 == bool 2"), "1");
  EXPECT_EQ(result_at(none, 0, "1 / 0"), "+Inf");
}

TEST(Evaluate, selects_by_labels_and_by_age) {
  const SampleStore samples = store_of(
      {{"a{x=\"1\"}", "1 2 3"}, {"a{x=\"2\"}", "5 _ stale"}, {"a{x=\"12\",y=\"z\"}", "7x20"}});
  EXPECT_EQ(result_at(samples, 1, "a{x=\"1\"}"), "a{x=\"1\"} 2");
  EXPECT_EQ(result_at(samples, 1, "a{x=~\"1.*\",y!=\"z\"}"), "a{x=\"1\"} 2");
  EXPECT_EQ(result_at(samples, 1, "a{x!~\"1|2\"}"), "a{x=\"12\",y=\"z\"} 7");
  EXPECT_EQ(result_at(samples, 7, "a{x=\"1\"}"), "a{x=\"1\"} 3");  // five minutes old
  EXPECT_EQ(result_at(samples, 8, "a{x=\"1\"}"), "");
  EXPECT_EQ(result_at(samples, 1, "a{x=\"2\"}"), "a{x=\"2\"} 5");
  EXPECT_EQ(result_at(samples, 2, "a{x=\"2\"}"), "");  // it ended
  EXPECT_EQ(result_at(samples, 3, "a{x=\"2\"} offset 2m"), "a{x=\"2\"} 5");
}

TEST(Evaluate, rates_are_stretched_to_their_window_as_prometheus_does) {
  const SampleStore samples = store_of({{"c", "0+60x30"}, {"r", "0 100 10 20"}, {"g", "10-1x10"}});
  EXPECT_EQ(result_at(samples, 20, "rate(c[5m])"), "{} 1");
  EXPECT_EQ(result_at(samples, 20, "increase(c[5m])"), "{} 300");
  EXPECT_EQ(result_at(samples, 3, "increase(r[3m])"), "{} 120");  // it began again once
  EXPECT_EQ(result_at(samples, 3, "resets(r[3m])"), "{} 1");
  EXPECT_EQ(result_at(samples, 3, "changes(r[3m])"), "{} 3");
  EXPECT_EQ(result_at(samples, 10, "delta(g[5m])"), "{} -5");
  EXPECT_EQ(result_at(samples, 0, "rate(c[5m])"), "");  // one sample tells no rate
  EXPECT_EQ(result_at(samples, 20, "avg_over_time(c[2m])"), "{} 1140");
  EXPECT_EQ(result_at(samples, 20, "max_over_time(rate(c[5m])[10m:1m])"), "{} 1");
}

TEST(Evaluate, groups_matches_and_combines) {
  const SampleStore samples = store_of({{"a{i=\"1\",k=\"x\"}", "1"},
                                        {"a{i=\"1\",k=\"y\"}", "2"},
                                        {"a{i=\"2\",k=\"x\"}", "4"},
                                        {"b{i=\"1\"}", "10"}});
  EXPECT_EQ(result_at(samples, 0, "sum(a)"), "{} 7");
  EXPECT_EQ(result_at(samples, 0, "sum by (i) (a)"), "{i=\"1\"} 3 | {i=\"2\"} 4");
  EXPECT_EQ(result_at(samples, 0, "max(a) without (k)"), "{i=\"1\"} 2 | {i=\"2\"} 4");
  EXPECT_EQ(result_at(samples, 0, "sum by (i) (a) / on (i) b"), "{i=\"1\"} 0.3");
  EXPECT_EQ(result_at(samples, 0, "a > 1 and on (i) b"), "a{i=\"1\",k=\"y\"} 2");
  EXPECT_EQ(result_at(samples, 0, "a unless on (i) b"), "a{i=\"2\",k=\"x\"} 4");
  EXPECT_EQ(result_at(samples, 0, "b or vector(3)"), "b{i=\"1\"} 10 | {} 3");
  EXPECT_EQ(result_at(samples, 0, "absent(none{j=\"n\"})"), "{j=\"n\"} 1");
  EXPECT_EQ(result_at(samples, 0, "absent(b)"), "");
  EXPECT_EQ(result_at(samples, 0, "5 > b"), "");
  EXPECT_EQ(result_at(samples, 0, "50 > b"), "b{i=\"1\"} 10");
}

TEST(Evaluate, a_quantile_is_computed_of_buckets) {
  const SampleStore samples = store_of({{"h_bucket{le=\"60\"}", "2"},
                                        {"h_bucket{le=\"120\"}", "8"},
                                        {"h_bucket{le=\"+Inf\"}", "10"}});
  EXPECT_EQ(result_at(samples, 0, "histogram_quantile(0.5, h_bucket)"), "{} 90");
  EXPECT_EQ(result_at(samples, 0, "histogram_quantile(0.99, h_bucket)"), "{} 120");
}

TEST(Evaluate, what_it_does_not_compute_is_refused_by_name) {
  const SampleStore samples = store_of({{"a{i=\"1\",k=\"x\"}", "1"}, {"a{i=\"1\",k=\"y\"}", "2"}});
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"label_replace(a, \"x\", \"y\", \"z\", \"q\")", "label_replace"},
           {"a * on (i) group_left a", "group_left"},
           {"a * on (i) a", "several series"},
           {"rate(a)", "needs a window"},
           {"a[5m]", "a window stands"},
           {"a +", "ends too early"},
           {"a{x=1}", "a text is expected"},
           {"a{x=~\"(\"}", "regular expression"},
           {"sum(1)", "a number stands"},
           {"1 > 2", "bool"},
           {"(a", "')' is expected"},
           {"a b", "not expected"}}) {
    const std::string result = result_at(samples, 0, text);
    EXPECT_TRUE(result.starts_with("error: ")) << text << ": " << result;
    EXPECT_NE(result.find(word), std::string::npos) << text << ": " << result;
  }
  std::string deep(200, '(');
  EXPECT_NE(result_at(samples, 0, deep + "1").find("too deeply"), std::string::npos);
}

TEST(Samples, keep_what_fits_and_forget_what_is_old) {
  SampleStore samples;
  samples.scrape("a 1\nb{x=\"q\\\"\"} 2\n", {{"instance", "n"}}, 1000);
  samples.scrape("a 3\n", {{"instance", "n"}}, 2000);
  EXPECT_EQ(samples.size(), 2u);
  EXPECT_TRUE(samples.find("b")[0]->points.back().stale);
  EXPECT_EQ(label_text(samples.find("b")[0]->labels), "instance=\"n\",x=\"q\\\"\"");
  samples.forget(2000);
  EXPECT_EQ(samples.find("a")[0]->points.size(), 1u);
  samples.forget(2001);
  EXPECT_EQ(samples.size(), 0u);
  for (std::size_t i = 0; i <= kMaxKeptSeries; ++i)
    samples.add("many", {{"n", std::to_string(i)}}, {1, 1, false});
  EXPECT_EQ(samples.size(), kMaxKeptSeries);
  EXPECT_EQ(samples.dropped(), 1u);
}

TEST(Rules, records_feed_alerts_and_templates_are_filled) {
  const json::value rules = boost::json::parse(R"json({"groups": [
      {"name": "late", "rules": [{"alert": "Busy", "expr": "load:max > 2", "for": "2m",
        "labels": {"severity": "warning"},
        "annotations": {"d": "value {{ $value }}{{ with $labels.instance }} on {{ . }}{{ end }}"}}]},
      {"name": "records", "rules": [{"record": "load:max", "expr": "max by (instance) (load)"}]}]})json");
  auto groups = read_rule_groups(rules);
  ASSERT_TRUE(groups.ok()) << groups.status().message();
  RuleEngine engine(*std::move(groups));
  SampleStore samples = store_of({{"load{instance=\"a\",core=\"1\"}", "1 3 3 3.5 3 1"}});
  const auto seen = [&](std::int64_t minute) {
    engine.evaluate(&samples, minute * kMinute);
    const std::vector<AlertStatus> alerts = engine.alerts();
    if (alerts[0].active.empty()) return std::string("inactive");
    const ActiveAlert& one = alerts[0].active[0];
    return (one.firing ? "firing " : "pending ") + one.annotations.at("d");
  };
  EXPECT_EQ(seen(0), "inactive");
  EXPECT_EQ(seen(1), "pending value 3 on a");
  EXPECT_EQ(seen(2), "pending value 3 on a");
  EXPECT_EQ(seen(3), "firing value 3.5 on a");
  EXPECT_EQ(seen(5), "inactive");
}

TEST(RuleTests, say_what_is_there_and_what_was_expected) {
  const json::value rules = boost::json::parse(R"json({"groups": [{"name": "g", "rules": [
      {"alert": "High", "expr": "x > 5", "labels": {"severity": "page"}}]}]})json");
  const auto read = [&](const std::string&) -> Result<json::value> { return rules; };
  const auto run = [&](const std::string& at, const std::string& labels) {
    const json::value document = boost::json::parse(
        R"({"rule_files": ["f"], "evaluation_interval": "1m", "tests": [{"name": "t", "input_series": [
          {"series": "x{i=\"a\"}", "values": "0+1x10"}], "alert_rule_test": [
          {"eval_time": ")" +
        at + R"(", "alertname": "High", "exp_alerts": [)" + labels + "]}]}]}");
    auto report = run_rule_tests(document, read);
    return !report.ok()               ? report.status().message()
           : report->failures.empty() ? std::string("ok")
                                      : report->failures[0];
  };
  EXPECT_EQ(run("5m", ""), "ok");
  EXPECT_EQ(run("6m", R"({"exp_labels": {"i": "a", "severity": "page"}})"), "ok");
  EXPECT_NE(run("6m", "").find("want nothing"), std::string::npos);
  EXPECT_NE(run("6m", R"({"exp_labels": {"i": "b", "severity": "page"}})").find("i=\"b\""),
            std::string::npos);
  EXPECT_NE(run("5m", R"({"exp_labels": {"i": "a", "severity": "page"}})").find("have nothing"),
            std::string::npos);
}

}  // namespace
}  // namespace blockd
