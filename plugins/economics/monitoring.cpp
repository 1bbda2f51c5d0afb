// Alerts and dashboard panels of the control laws; docs/runbooks/economics.md has a section an
// alert.
#include "plugins/economics/describe.hpp"

namespace economics {
namespace {

constexpr std::string_view kRow = "Economic Control Laws";

struct Alert {
  std::string_view name, expr, duration, severity, summary;
};

constexpr Alert kAlerts[] = {
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

void describe_panels(tb::Plugin& p) {
  p.panel(kRow, "Layer 1: Inflation Control: issuance", "economics_annual_issuance_block");
  p.panel(kRow, "Layer 1: Inflation Control: realised %", "economics_realized_inflation_bps / 100");
  p.panel(kRow, "Layer 1: Inflation Control: error %", "economics_inflation_error_bps / 100");
  p.panel(kRow, "Layer 1: reward", "economics_block_reward_per_block");
  for (std::string_view baseline : {"tx_count", "tx_volume", "miners"})
    p.panel(kRow, tb::cat("Layer 1: baseline ", baseline),
            tb::cat("economics_baseline_", baseline));
  p.panel(kRow, "Supply and budgets: emission", "economics_emission_block");
  p.panel(kRow, "Supply and budgets: remaining", "economics_supply_remaining_block");
  p.panel(kRow, "Supply and budgets: budget left", "economics_subsidy_budget_left_block");
  p.panel(kRow, "Layer 2: Subsidy Allocation Shares", "economics_subsidy_share_bps / 100");
  p.panel(kRow, "Layer 3: Market Multipliers", "economics_market_multiplier");
  p.panel(kRow, "Layer 4: Ad Market Splits", "economics_ad_market_split_bps / 100");
  p.panel(kRow, "Layer 4: Tariff", "economics_tariff_bps / 100");
  p.panel(kRow, "Layer 4: Treasury Contribution", "economics_treasury_contribution_bps / 100");
  p.panel(kRow, "Market Utilization Rates", "economics_market_utilization");
  p.panel(kRow, "Provider Margins", "economics_provider_margin");
  p.panel(kRow, "Economic Health Score: inflation", "100 - abs(economics_inflation_error_bps) / 10")
      .type("gauge");
  p.panel(kRow, "Economic Health Score: balance",
          "100 * (1 - stddev_over_time(economics_subsidy_share_bps[1h]) / 2500)")
      .type("gauge");
  p.panel(kRow, "Economic Health Score: treasury",
          "100 - abs(economics_treasury_contribution_bps - 1000) / 20")
      .type("gauge");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  for (const Alert& alert : kAlerts) {
    p.alert(alert.name)
        .expr(alert.expr)
        .for_duration(alert.duration)
        .severity(alert.severity)
        .summary(alert.summary);
  }
  describe_panels(p);
}

}  // namespace economics
