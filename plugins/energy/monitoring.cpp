// Alerts and dashboard panels of the energy market. The runbook anchors are those of docs/runbooks.
#include "plugins/energy/describe.hpp"

namespace energy {
namespace {

constexpr std::string_view kRow = "Energy Market Dashboard";

struct Alert {
  std::string_view name, expr, duration, severity, summary;
};

constexpr Alert kAlerts[] = {
    {"EnergyOracleBroken", "oracle_latency_seconds_p95 > 30", "1m", "critical",
     "readings arrive more than 30 s late"},
    {"EnergyOracleSlow", "oracle_latency_seconds_p95 > 10", "5m", "warning",
     "readings arrive more than 10 s late"},
    {"EnergyLatencySlo", "oracle_latency_seconds_p95 > 5", "5m", "info",
     "readings arrive later than the objective of 5 s"},
    {"EnergySignatureFailuresCritical",
     "sum by (instance) (increase(energy_signature_verification_failures_total"
     "{reason!=\"unauthorized\"}[10m])) > 10",
     "0m", "critical", "more than 10 readings with bad signatures in 10 min"},
    {"EnergySignatureFailureRate",
     "sum by (instance) (rate(energy_signature_verification_failures_total[5m])) > 1", "5m",
     "warning", "more than one signature failure a second"},
    {"EnergySettlementStalled",
     "sum by (instance) (increase(energy_settlements_total[10m])) == 0 and on (instance) "
     "energy_pending_credits_total > 0",
     "10m", "critical", "credits wait and nothing settles"},
    {"EnergySettlementRateLow",
     "max(sum by (instance) (rate(energy_settlements_total[10m]))) / (max(sum by (instance) "
     "(rate(energy_settlements_total[10m]))) + sum(rate(energy_settlement_reject_total[10m]))) < "
     "0.9",
     "10m", "warning", "fewer than nine of ten settlements succeed"},
    {"EnergyDisputeBacklogCritical", "energy_active_disputes_total > 50", "5m", "critical",
     "more than 50 open disputes"},
    {"EnergyDisputeBacklog", "energy_active_disputes_total > 20", "5m", "warning",
     "more than 20 open disputes"},
    {"EnergyDisputeUnresolved", "energy_dispute_oldest_age_seconds > 7200", "0m", "warning",
     "a dispute is open for more than two hours"},
    {"EnergyPendingCredits", "energy_pending_credits_total > 25", "5m", "warning",
     "more than 25 credits wait"},
    {"EnergySlashSpike", "sum by (instance) (increase(energy_slashing_total[15m])) > 5", "0m",
     "warning", "more than five slashes in a quarter of an hour"},
    {"EnergyOracleQuorumLost",
     "oracle_active_count < 3 and on (instance) energy_provider_total >= 3", "2m", "critical",
     "fewer than three oracles report"},
    {"EnergyOracleErrorRateHigh",
     "sum by (instance) (rate(oracle_submission_errors_total[1m])) * 60 > 5", "5m", "warning",
     "more than five refused readings a minute"},
    {"EnergyDisputeRateHigh", "rate(energy_dispute_open_total[1m]) * 60 > 10", "10m", "warning",
     "more than ten disputes a minute"},
    {"EnergyMarketPriceAnomaly",
     "abs(energy_market_price_current - avg_over_time(energy_market_price_current[1h])) > 3 * "
     "stddev_over_time(energy_market_price_current[1h]) and "
     "stddev_over_time(energy_market_price_current[1h]) > 0",
     "5m", "warning", "the price left its usual range"},
    {"EnergySnapshotFailed", "increase(energy_snapshot_fail_total[1h]) > 0", "0m", "warning",
     "a snapshot of the market failed"},
    {"EnergyCreditsSymptom",
     "delta(energy_pending_credits_total[10m]) >= 0 and energy_pending_credits_total > 0", "10m",
     "symptom", "pending credits do not decrease"},
    {"EnergyReadingsSymptom",
     "sum by (instance) (increase(energy_meter_reading_total[10m])) > 0 and sum by (instance) "
     "(increase(energy_settlements_total[10m])) == 0",
     "10m", "symptom", "readings arrive and do not settle"},
    {"EnergyDisputesSymptom", "delta(energy_active_disputes_total[30m]) > 0", "10m", "symptom",
     "the backlog of disputes grows"},
    {"EnergySignatureSymptom",
     "sum by (instance) (increase(energy_signature_verification_failures_total[1m])) > 1", "0m",
     "symptom", "more than one signature failure a minute"},
    {"OracleErrorSpike", "energy:oracle_errors:spike_detected == 1", "2m", "warning",
     "refused readings three times their mean of an hour"},
    {"EnergyCapacityHigh", "energy:capacity:utilization_ratio > 0.8", "15m", "warning",
     "above 80 % of 1000 readings a minute"},
};

struct Recording {
  std::string_view name, expr;
};

constexpr Recording kRecordings[] = {
    {"energy:readings:total", "max(energy_readings_total)"},
    {"energy:oracle_errors:total:by_reason", "sum by (reason) (oracle_submission_errors_total)"},
    {"energy:disputes_raised:total:by_type", "max by (type) (energy_disputes_raised_total)"},
    {"energy:disputes_resolved:total:by_outcome",
     "max by (outcome) (energy_disputes_resolved_total)"},
    {"energy:market_price:current", "avg(energy_market_price_current)"},
    {"energy:market_volume:current", "max(energy_market_volume_current)"},
    {"energy:oracles:active:total", "max(oracle_active_count)"},
    {"energy:disputes:pending:total", "max(energy_disputes_pending)"},
    {"energy:readings:rate1m", "rate(energy_readings_total[1m])"},
    {"energy:readings:rate1h", "rate(energy_readings_total[1h])"},
    {"energy:oracle_errors:rate1m", "rate(oracle_submission_errors_total[1m])"},
    {"energy:disputes_raised:rate1m", "rate(energy_disputes_raised_total[1m])"},
    {"energy:disputes_resolved:rate1m", "rate(energy_disputes_resolved_total[1m])"},
    {"energy:capacity:utilization_ratio", "max(rate(energy_readings_total[1m])) * 60 / 1000"},
    {"energy:oracle_errors:spike_detected",
     "sum(rate(oracle_submission_errors_total[1m])) > bool 3 * "
     "avg_over_time(sum(rate(oracle_submission_errors_total[1m]))[1h:1m])"},
    {"energy:disputes:backlog_spike_detected",
     "max(energy_disputes_pending) > bool 2 * "
     "avg_over_time(max(energy_disputes_pending)[1h:30s])"},
};

void describe_recordings(tb::Plugin& p) {
  for (const Recording& rule : kRecordings) p.recording(rule.name, rule.expr);
  for (std::string_view q : {"50", "95", "99"}) {
    const auto quantile = [&](std::string_view metric) {
      return tb::cat("histogram_quantile(0.", q, ", sum by (le) (rate(", metric, "_bucket[5m])))");
    };
    p.recording(tb::cat("energy:oracle_inclusion_lag:p", q),
                quantile("oracle_inclusion_lag_seconds"));
    p.recording(tb::cat("energy:dispute_resolution:p", q),
                quantile("energy_dispute_resolution_seconds"));
  }
}

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
        .runbook(tb::cat("energy.md#", alert.name));
  }
  describe_recordings(p);
  describe_panels(p);
}

}  // namespace energy
