// Alerts and dashboard panels of the energy market. The runbook anchors are those of docs/runbooks.
#include "plugins/energy/describe.hpp"

namespace energy {
namespace {

constexpr std::string_view kRunbook = "energy-stalled";
constexpr std::string_view kRow = "Energy Market Dashboard";

struct Alert {
  std::string_view name, expr, duration, severity, summary;
};

constexpr Alert kAlerts[] = {
    {"EnergyOracleBroken", "oracle_latency_seconds_p95 > 30", "1m", "critical",
     "Readings arrive more than 30 s late"},
    {"EnergySignatureFailuresCritical",
     "increase(energy_signature_verification_failures_total{reason!=\"unauthorized\"}[10m]) > 10",
     "0m", "critical", "Many readings with bad signatures"},
    {"EnergySettlementStalled",
     "increase(energy_settlements_total[10m]) == 0 and on() energy_pending_credits_total > 0",
     "10m", "critical", "Credits wait and nothing settles"},
    {"EnergyDisputeBacklogCritical", "energy_active_disputes_total > 50", "5m", "critical",
     "More than 50 open disputes"},
    {"EnergyOracleQuorumLost", "oracle_active_count < 3 and on() energy_provider_total >= 3", "2m",
     "critical", "Fewer than three oracles report"},
    {"EnergyOracleSlow", "oracle_latency_seconds_p95 > 10", "5m", "warning",
     "Readings arrive more than 10 s late"},
    {"EnergySignatureFailureRate", "rate(energy_signature_verification_failures_total[5m]) > 1",
     "5m", "warning", "More than one signature failure a second"},
    {"EnergyDisputeBacklog", "energy_active_disputes_total > 20", "5m", "warning",
     "More than 20 open disputes"},
    {"EnergyPendingCredits", "energy_pending_credits_total > 25", "5m", "warning",
     "More than 25 credits wait"},
    {"EnergyOracleErrorRateHigh", "rate(oracle_submission_errors_total[1m]) * 60 > 5", "5m",
     "warning", "More than five refused readings a minute"},
    {"EnergyDisputeRateHigh", "rate(energy_dispute_open_total[1m]) * 60 > 10", "10m", "warning",
     "More than ten disputes a minute"},
    {"EnergyMarketPriceAnomaly",
     "abs(energy_market_price_current - avg_over_time(energy_market_price_current[1h])) > 3 * "
     "stddev_over_time(energy_market_price_current[1h])",
     "5m", "warning", "The average price left its usual range"},
    {"EnergySlashSpike", "increase(energy_slashing_total[15m]) > 5", "0m", "warning",
     "Many slashes in a quarter of an hour"},
    {"EnergyDisputeUnresolved", "energy_dispute_oldest_age_seconds > 7200", "0m", "warning",
     "A dispute is open for two hours"},
    {"EnergySnapshotFailed", "increase(energy_snapshot_fail_total[1h]) > 0", "0m", "warning",
     "A market snapshot failed"},
};

void describe_panels(tb::Plugin& p) {
  p.panel(kRow, "Active Providers", "energy_provider_total").type("gauge").thresholds({50, 100});
  p.panel(kRow, "Settlements 24h by provider", "rate(energy_settlements_total[24h])");
  for (std::string_view quantile : {"0.5", "0.95", "0.99"}) {
    const std::string title =
        "Oracle latency p" + std::string(quantile == "0.5" ? "50" : quantile.substr(2)) + " (s)";
    p.panel(kRow, title,
            tb::cat("histogram_quantile(", quantile,
                    ", sum(rate(oracle_latency_seconds_bucket[5m])) by (le))"))
        .unit("s")
        .thresholds({10, 30});
  }
  p.panel(kRow, "Provider reputation 7d", "energy_reputation_score");
  p.panel(kRow, "Active Disputes", "energy_active_disputes_total")
      .type("gauge")
      .thresholds({20, 50});
  p.panel(kRow, "Slashing 24h", "rate(energy_slashing_total[24h])");
  p.panel(kRow, "Pending credits", "energy_pending_credits_total").thresholds({25});
  p.panel(kRow, "Backlog kWh", "energy_pending_credits_kwh").thresholds({1'000'000, 5'000'000});
  p.panel(kRow, "Signature failures 5m", "rate(energy_signature_verification_failures_total[5m])")
      .thresholds({1});
  p.panel(kRow, "Settlement mode", "energy_settlement_mode");
  p.panel(kRow, "Settlement rollbacks", "energy_settlement_rollback_total").thresholds({1, 5});
  p.panel(kRow, "Quorum shortfalls 5m", "rate(energy_quorum_shortfall_total[5m])");
  p.panel(kRow, "Reading rejections 5m", "rate(energy_reading_reject_total[5m])");
  p.panel(kRow, "Dispute states", "energy_dispute_total");
  p.panel(kRow, "Cumulative slashes", "sum(energy_slashing_total)")
      .type("gauge")
      .thresholds({1, 5});
  p.panel(kRow, "Treasury fees 24h", "increase(energy_treasury_fee_total[24h])");
  p.panel(kRow, "kWh traded", "energy_kwh_traded_total");
  p.panel(kRow, "Average price", "energy_avg_price");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  for (const Alert& alert : kAlerts) {
    p.alert(alert.name)
        .expr(alert.expr)
        .for_duration(alert.duration)
        .severity(alert.severity)
        .summary(alert.summary)
        .runbook(kRunbook);
  }
  describe_panels(p);
}

}  // namespace energy
