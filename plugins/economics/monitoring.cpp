// Alerts and dashboard panels of the control laws; docs/runbooks/economics.md has a section an
// alert.
#include "plugins/economics/describe.hpp"
#include "tb/panels.hpp"

namespace economics {
namespace {

constexpr std::string_view kRow = "Economic Control Laws", kBoard = "economics";

constexpr tb::AlertRow kAlerts[] = {
    {"InflationDivergence",
     "abs(economics_inflation_error_bps) > 100 and on (instance) economics_realized_inflation_bps "
     "< 65535",
     "5m", "warning", "Inflation is off its target by more than 1 %"},
    {"MultiplierCeilingHit", "economics_market_multiplier > 9.5", "5m", "warning",
     "A market multiplier is at its ceiling"},
    {"NegativeProviderMargin", "economics_provider_margin < 0", "5m", "warning",
     "Providers of a market lose money"},
    {"TariffStuckAtMax",
     "economics_tariff_bps >= 200 and on (instance) economics_treasury_contribution_bps < 500",
     "30m", "warning", "The tariff is at its bound and contributes little"},
    {"SubsidyOscillation", "stddev_over_time(economics_subsidy_share_bps[1h]) > 200", "10m",
     "warning", "Subsidy shares oscillate"},
    {"ControlLawsStalled",
     "increase(economics_control_law_update_total[15m]) == 0 and on (instance) "
     "delta(block_height_total[15m]) > 120",
     "0m", "critical", "Blocks go on and the control laws do not run"},
    {"EconomicsReplayMismatch", "increase(economics_replay_mismatch_total[10m]) > 0", "0m",
     "critical", "A snapshot does not compute again from what is stored"},
    {"SupplyNearCap", "economics_supply_remaining_block < 400000", "1h", "info",
     "The supply is nearly issued"},
};

// A row of the launch governor, which reads these samples.
void describe_main_panels(tb::Plugin& p) {
  tb::panel(p, "Launch Governor", "Economics sample",
            "economics_prev_market_metrics_utilization_ppm")
      .legend("{{market}} utilisation")
      .query("economics_prev_market_metrics_provider_margin_ppm", "{{market}} margin")
      .query("economics_block_reward_per_block", "reward")
      .query("economics_epoch_tx_count", "tx")
      .help("The last closed epoch, as the control laws saw it");
}

void describe_law_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Layer 1: Inflation Control", "economics_annual_issuance_block")
      .legend("issuance")
      .query("economics_realized_inflation_bps / 100", "realised %")
      .query("economics_inflation_error_bps / 100", "error %")
      .on({kBoard})
      .help("The reward over a year, and what it does to the supply");
  tb::panel(p, kRow, "Layer 1: reward and baselines", "economics_block_reward_per_block")
      .legend("reward")
      .query("economics_baseline_tx_count", "baseline transactions")
      .query("economics_baseline_tx_volume", "baseline volume")
      .query("economics_baseline_miners", "baseline producers")
      .on({kBoard})
      .help("Reward of a block, and what it is measured against");
  tb::panel(p, kRow, "Supply and budgets", "economics_emission_block")
      .legend("emission")
      .query("economics_supply_remaining_block", "remaining")
      .query("economics_subsidy_budget_left_block", "{{market}} budget left")
      .on({kBoard})
      .help("Supply, what may still be minted, and what the markets may mint in the epoch");
  tb::panel(p, kRow, "Layer 2: Subsidy Allocation Shares", "economics_subsidy_share_bps / 100")
      .legend("{{market}} %")
      .on({kBoard})
      .help("Shares of the subsidy budget");
  tb::panel(p, kRow, "Layer 3: Market Multipliers", "economics_market_multiplier")
      .legend("{{market}}")
      .on({kBoard})
      .help("Multipliers of usage subsidies");
  tb::panel(p, kRow, "Layer 4: Ad Market Splits", "economics_ad_market_split_bps / 100")
      .legend("{{role}} %")
      .on({kBoard})
      .help("Who gets which part of what advertisers pay");
  tb::panel(p, kRow, "Layer 4: Tariff & Treasury Contribution", "economics_tariff_bps / 100")
      .legend("tariff %")
      .query("economics_treasury_contribution_bps / 100", "treasury %")
      .on({kBoard})
      .help("Tariff on transfers, and its share of the treasury's inflow");
}

void describe_market_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Market Utilization Rates", "economics_market_utilization")
      .legend("{{market}}")
      .on({kBoard})
      .help("Utilisation of each market, 0 to 1");
  tb::panel(p, kRow, "Provider Margins", "economics_provider_margin")
      .legend("{{market}}")
      .on({kBoard})
      .help("What providers earn over their cost, -2 to 2");
  tb::panel(p, kRow, "Economic Health Score", "100 - abs(economics_inflation_error_bps) / 10")
      .legend("inflation")
      .query("100 * (1 - stddev_over_time(economics_subsidy_share_bps[1h]) / 2500)",
             "balance {{market}}")
      .query("100 - abs(economics_treasury_contribution_bps - 1000) / 20", "treasury")
      .type("gauge")
      .on({kBoard})
      .help("100 is best: inflation on target, steady shares, a tenth of the inflow by tariff");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  tb::alerts(p, kAlerts);
  describe_main_panels(p);
  describe_law_panels(p);
  describe_market_panels(p);
}

}  // namespace economics
