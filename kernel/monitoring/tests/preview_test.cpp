#include "kernel/monitoring/preview.hpp"

#include <limits>

#include "kernel/monitoring/tests/monitoring_world.hpp"

namespace blockd {
namespace {

TEST(Preview, a_quantile_lies_inside_its_bucket) {
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(bucket_quantile(0.5, {{60, 2}, {120, 8}, {infinite, 10}}), 90.0);
  EXPECT_EQ(bucket_quantile(0.99, {{60, 2}, {120, 8}, {infinite, 10}}), 120.0);
  EXPECT_EQ(bucket_quantile(0.5, {{60, 0}, {infinite, 0}}), std::nullopt);
  EXPECT_EQ(bucket_quantile(0.5, {}), std::nullopt);
}

TEST(Preview, shows_values_escapes_text_and_says_what_is_missing) {
  Preview preview;
  preview.source = "http://localhost/metrics";
  preview.text =
      "# HELP market_price price now\nmarket_price 7\nmarket_cost 7\n"
      "market_trades_total{side=\"<img src=x onerror=alert(1)>\"} 1.5\nrubbish\n";
  const std::string page = preview_page(small_model(), preview);
  EXPECT_NE(page.find("<td>market_cost</td><td>price now</td><td>7</td>"), std::string::npos);
  EXPECT_NE(page.find("class=missing>missing"), std::string::npos);  // market_wait_seconds
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("MarketDear"), std::string::npos);
  preview.text.reset();
  preview.error = "cannot reach <it>";
  EXPECT_NE(preview_page(small_model(), preview).find("cannot reach &lt;it&gt;"),
            std::string::npos);
}

TEST(Preview, shows_the_largest_series_and_how_many_more_there_are) {
  Preview preview;
  std::string text;
  for (int i = 0; i < 25; ++i)
    text += "up{job=\"j" + std::to_string(i) + "\"} " + std::to_string(i) + "\n";
  preview.text = text;
  const std::string page = preview_page(small_model(), preview);
  EXPECT_NE(page.find("j24&quot;: 24<br>"), std::string::npos);
  EXPECT_NE(page.find("… 5 more"), std::string::npos);
  EXPECT_NE(preview_summary(small_model(), preview).find("Nodes: up 300\n"), std::string::npos);
}

}  // namespace
}  // namespace blockd
