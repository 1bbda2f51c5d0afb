#include "plugins/economics/describe.hpp"

#include "plugins/economics/metrics.hpp"
#include "plugins/economics/rules/tuning.hpp"

namespace economics {
namespace {

constexpr std::uint32_t kKillSwitchTimelock = 10'800;  // epochs

template <class Entry, class Names>
void preset(Entry& entry, const Names& names) {
  for (std::string_view name : names) entry.preset({name});
}

void describe_issuance_metrics(tb::Plugin& p) {
  p.gauge(kBlockReward, "economics_block_reward_per_block")
      .unit("BLOCK")
      .help("Reward of a block by the newest snapshot");
  p.gauge(kAnnualIssuance, "economics_annual_issuance_block").help("The reward over a year");
  p.gauge(kRealizedInflation, "economics_realized_inflation_bps")
      .help("The reward over a year as a share of the supply; 65535 is the most");
  p.gauge(kInflationError, "economics_inflation_error_bps")
      .help("Realised inflation minus inflation_target_bps");
  p.gauge(kBaselineTxCount, "economics_baseline_tx_count").help("Baseline of transactions");
  p.gauge(kBaselineTxVolume, "economics_baseline_tx_volume").help("Baseline of volume");
  p.gauge(kBaselineMiners, "economics_baseline_miners").help("Baseline of producers");
  p.gauge(kEpochTxCount, "economics_epoch_tx_count").help("Transactions of the last closed epoch");
  p.gauge(kEpochTxVolume, "economics_epoch_tx_volume_block")
      .help("Volume of the last closed epoch");
  p.gauge(kEpochInflow, "economics_epoch_treasury_inflow_block")
      .help("Treasury inflow of the last closed epoch");
}

void describe_market_metrics(tb::Plugin& p) {
  const auto by_market = [&](tb::Gauge handle, std::string_view name, std::uint64_t scale,
                             std::string_view help) -> tb::MetricEntry& {
    tb::MetricEntry& entry = p.gauge(handle, name).labels({"market"}).help(help);
    if (scale != 1) entry.scale(scale);
    preset(entry, kMarketNames);
    return entry;
  };
  by_market(kUtilizationPpm, "economics_prev_market_metrics_utilization_ppm", 1,
            "Utilisation in the last closed epoch");
  by_market(kMarginPpm, "economics_prev_market_metrics_provider_margin_ppm", 1,
            "Provider margin in the last closed epoch");
  by_market(kUtilization, "economics_utilization", kPpm, "Utilisation, 0 to 1")
      .alias("economics_market_utilization");
  by_market(kMargin, "economics_provider_margin", kPpm, "Provider margin, -2 to 2");
  by_market(kShare, "economics_subsidy_share_bps", 1, "Share of the subsidy budget");
  by_market(kMultiplier, "economics_multiplier", kPpm, "Multiplier of usage subsidies")
      .alias("economics_market_multiplier");
  constexpr std::string_view kRecipients[] = {"platform", "user", "publisher"};
  preset(p.gauge(kAdSplit, "economics_ad_split_bps").labels({"recipient"}).help("Ad split"),
         kRecipients);
  preset(p.gauge(kAdSplitRole, "economics_ad_market_split_bps")
             .labels({"role"})
             .help("Ad split under the label of the older dashboards"),
         kRecipients);
  p.gauge(kTariffBps, "economics_tariff_bps").help("Tariff on transfers of unverified senders");
  p.gauge(kContribution, "economics_tariff_treasury_contribution_bps")
      .alias("economics_treasury_contribution_bps")
      .help("Tariff revenue as a share of the treasury's inflow");
}

void describe_supply_metrics(tb::Plugin& p) {
  p.counter(kLawUpdates, "economics_control_law_update_total").help("Boundaries");
  preset(p.gauge(kFrozen, "economics_control_law_frozen")
             .labels({"layer"})
             .help("1 while the layer keeps its last output"),
         kLayerNames);
  p.gauge(kEmission, "economics_emission_block").help("Supply");
  p.gauge(kSupplyRemaining, "economics_supply_remaining_block").help("What may still be minted");
  tb::MetricEntry& minted = p.counter(kMintedTotal, "economics_minted_block_total")
                                .labels({"kind"})
                                .help("Minted BLOCK")
                                .preset({"reward"});
  preset(minted, kMarketNames);
  preset(p.gauge(kBudgetLeft, "economics_subsidy_budget_left_block")
             .labels({"market"})
             .help("What the open epoch may still mint for the market"),
         kMarketNames);
  p.counter(kTariffCollected, "economics_tariff_collected_block_total")
      .help("Tariff that transfers paid");
  p.gauge(kFairnessPpm, "economics_fairness_factor_ppm").help("Factor of the reward");
  p.gauge(kEffectiveMiners, "economics_effective_miners_milli")
      .help("Effective producers of the last closed epoch, in thousandths");
  p.counter(kReplayMismatch, "economics_replay_mismatch_total")
      .help("Newest snapshots that did not compute again; must stay 0");
  p.gauge(kActiveMiners, "active_miners").help("Producers of the last closed epoch");
  p.gauge(kBaseReward, "base_reward").help("Reward in force after the fairness factor");
  p.gauge(kIndustrialMultiplier, "industrial_multiplier")
      .help("Multiplier of the industrial lane, in percent");
}

void describe_usage_metrics(tb::Plugin& p) {
  preset(p.gauge(kRate, "subsidy_multiplier").labels({"type"}).help("Usage rates in force"),
         kUsageNames);
  preset(p.gauge(kRateRaw, "subsidy_multiplier_raw")
             .labels({"type"})
             .help("Usage rates that the tuning proposed, before its clamps"),
         kUsageNames);
  p.counter(kAutoReduced, "subsidy_auto_reduced_total")
      .help("Boundaries at which inflation reduced the tuned rates");
  p.counter(kKillSwitchTriggers, "kill_switch_trigger_total")
      .help("Boundaries with kill_switch_subsidy_reduction above 0");
  p.counter(kUsageBytes, "subsidy_bytes_total")
      .labels({"type"})
      .help("Bytes that markets reported")
      .preset({"storage"})
      .preset({"read"})
      .preset({"bytes_out"});
  p.counter(kUsageCpuMs, "subsidy_cpu_ms_total").help("Computing time that markets reported");
  p.gauge(kLegacyIssuance, "economics_legacy_annual_issuance_block")
      .help("The older inflation series; it mints nothing");
}

}  // namespace

void describe_params(tb::Plugin& p) {
  p.params(
      param_table(),
      [](const ParamSpec& row) {
        return tb::ParamSpec{row.key, row.default_value, row.min, row.max, row.unit, row.help};
      },
      [](std::uint32_t place, const ParamSpec& row, tb::ParamEntry& entry) {
        if (place == kKillSwitch) entry.timelock(kKillSwitchTimelock);
        entry.owner(place == kAutopilot ? "governor" : "economics");
        if (!row.alias.empty()) entry.alias(row.alias);
      });
}

void describe_metrics(tb::Plugin& p) {
  describe_issuance_metrics(p);
  describe_market_metrics(p);
  describe_supply_metrics(p);
  describe_usage_metrics(p);
}

}  // namespace economics
