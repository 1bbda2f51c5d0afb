// What `plugin check` finds in the rules of one plugin.
#include "kernel/monitoring/own_rules.hpp"

#include "kernel/monitoring/tests/monitoring_world.hpp"

namespace blockd {
namespace {

using Texts = std::vector<std::string>;

OwnRules rules_with(const std::string& expr) {
  const auto manifest =
      parsed_manifest(R"json({"id": "fish-market", "version": "1.0.0",
    "metrics": [
      {"name": "fish_market_sold_total", "type": "counter", "help": "fish sold"},
      {"name": "fish_market_wait_seconds", "type": "histogram", "buckets": [1, 5], "help": "wait"}],
    "recordings": [{"name": "fish:rate", "expr": "rate(fish_market_sold_total[5m])"}],
    "alerts": [{"name": "NoFish", "expr": ")json" +
                      expr + R"json(", "severity": "page", "summary": "none"}]})json");
  return look_at_own_rules(*manifest);
}

TEST(OwnRules, what_is_sound_is_not_refused) {
  EXPECT_EQ(look_at_own_rules(*market()).wrong, Texts());
  for (const char* expr :
       {"increase(fish_market_sold_total[10m]) == 0", "fish:rate < 1 and on (instance) up == 1",
        "histogram_quantile(0.9, sum by (le) (rate(fish_market_wait_seconds_bucket[5m]))) > 3",
        "ledger_transfers_total > ${most:5}", "increase(x[${epoch_seconds}s]) > 0"}) {
    const OwnRules found = rules_with(expr);
    EXPECT_EQ(found.wrong, Texts()) << expr;
    EXPECT_EQ(found.not_judged, Texts()) << expr;
  }
}

TEST(OwnRules, what_is_broken_is_named_with_its_alert) {
  for (const char* expr :
       {"rate(fish_market_sold_total[5m] > 0", "fish_market_sold_total) > 0", " ",
        "fish_market_sold_total >", "fish_market_sold_total > > 1", "sum(fish_market_sold_total",
        "fish_market_sold_total[5 minutes] > 0", "fish_market_sold_total{side=buy} > 0",
        "fish_market_sold_total > ${most}", "rate(sum(fish_market_sold_total)[5m]) > 0"}) {
    const OwnRules found = rules_with(expr);
    ASSERT_EQ(found.wrong.size(), 1u) << expr;
    EXPECT_EQ(found.wrong[0].rfind("alert 'NoFish': ", 0), 0u) << found.wrong[0];
  }
}

TEST(OwnRules, a_series_of_its_own_that_it_does_not_declare_is_named_with_the_nearest) {
  EXPECT_EQ(rules_with("fish_market_sol_total > 0").wrong,
            (Texts{"alert 'NoFish': the plugin declares no series 'fish_market_sol_total'; did you "
                   "mean 'fish_market_sold_total'?"}));
  EXPECT_EQ(rules_with("fish_market_thrown_overboard > 0").wrong.size(), 1u);
  EXPECT_EQ(rules_with("fish_market_wait_seconds > 0").wrong.size(), 1u)
      << "a histogram has no series of its bare name";
}

TEST(OwnRules, what_goes_beyond_is_not_judged_and_says_so) {
  for (const char* expr : {"topk by (instance) (3, fish_market_sold_total)",
                           "fish_market_sold_total > on (a) group_left (b) up",
                           "quantile(0.5, fish_market_sold_total) > 1"}) {
    const OwnRules found = rules_with(expr);
    EXPECT_EQ(found.wrong, Texts()) << expr;
  }
  EXPECT_EQ(rules_with("up > on (a) group_left (b) fish_market_sold_total").not_judged,
            (Texts{"alert 'NoFish': 'group_left' is not understood here; have `promtool check "
                   "rules` look at it"}));
}

}  // namespace
}  // namespace blockd
