#include "kernel/monitoring/promql.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

std::string seen(std::string_view expr) {
  const Result<std::vector<SeriesUse>> uses = series_of(expr);
  if (!uses.ok()) return "error: " + uses.status().message();
  std::string out;
  for (const SeriesUse& use : *uses) {
    out += (out.empty() ? "" : " ") + use.function + ":" + use.name;
    if (!use.selector.empty()) out += "{" + use.selector + "}";
    if (!use.range.empty()) out += "[" + use.range + "]";
  }
  return out;
}

TEST(Promql, names_the_series_and_what_is_done_with_them) {
  EXPECT_EQ(seen("up"), ":up");
  EXPECT_EQ(seen("rate(a_total{x=\"1\"}[5m])"), "rate:a_total{x=\"1\"}[5m]");
  EXPECT_EQ(seen("sum by (le, x) (rate(b_bucket[1h30m]))"), "rate:b_bucket[1h30m]");
  EXPECT_EQ(seen("sum(increase(a[5m])) by (x)"), "increase:a[5m]");
  EXPECT_EQ(seen("a{} > on (instance) group_left (y) b offset 15m"), ":a :b");
  EXPECT_EQ(seen("treasury:lag:p95 > bool 2 * avg_over_time(treasury:lag:p95[1h:30s])"),
            ":treasury:lag:p95 avg_over_time:treasury:lag:p95[1h:30s]");
  EXPECT_EQ(seen("clamp_max((c - d) / 10, 1) * 0.4"), "clamp_max:c clamp_max:d");
  EXPECT_EQ(seen("max(e) / 1e3 unless vector(1)"), "max:e");
  EXPECT_EQ(seen("f{x=\"} not the end {\", y!='{'}"), ":f{x=\"} not the end {\", y!='{'}");
}

TEST(Promql, says_where_it_stops_to_understand) {
  for (const char* wrong : {"", "rate(a[5m]", "a)", "a{x=\"1\"", "a[5 minutes]", "a[5m", "\"open",
                            "a ? b", "a[]", "sum by (x"}) {
    EXPECT_EQ(seen(wrong).rfind("error: ", 0), 0u) << wrong << " gave " << seen(wrong);
  }
  EXPECT_NE(seen("a ? b").find("character 2"), std::string::npos) << seen("a ? b");
  EXPECT_FALSE(series_of(std::string(kMaxExpressionBytes + 1, 'a')).ok());
}

TEST(Promql, durations) {
  EXPECT_EQ(promql_seconds("90s"), 90u);
  EXPECT_EQ(promql_seconds("1h30m"), 5400u);
  EXPECT_EQ(promql_seconds("7d"), 604'800u);
  EXPECT_EQ(promql_seconds("5"), std::nullopt);
  EXPECT_EQ(promql_seconds(""), std::nullopt);
  EXPECT_EQ(promql_seconds("5x"), std::nullopt);
}

}  // namespace
}  // namespace blockd
