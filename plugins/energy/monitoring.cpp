// Alerts and dashboard panels of the energy market. The runbook anchors are those of docs/runbooks.
#include "plugins/energy/describe.hpp"
#include "tb/panels.hpp"

namespace energy {
namespace {

constexpr std::string_view kRow = "Energy", kBoard = "energy";

constexpr tb::AlertRow kAlerts[] = {
    {"EnergyOracleBroken", "oracle_latency_seconds_p95 > 30", "1m", "critical",
     "readings arrive more than 30 s late"},
    {"EnergyOracleSlow", "oracle_latency_seconds_p95 > 10", "5m", "warning",
     "readings arrive more than 10 s late"},
    {"EnergyLatencySlo", "oracle_latency_seconds_p95 > 5", "5m", "info",
     "readings arrive later than the objective of 5 s"},
    {"EnergySignatureFailuresCritical",
     "sum by (instance) (increase(energy_signature_verification_failures_total"
     "{reason!=\"unauthorized\"}[10m])) > 10",
     "0m", "critical", "more than 10 readings with bad signatures in 10 min", "energy",
     "EnergySignatureFailures"},
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
     "refused readings three times their mean of an hour", "system-health"},
    {"EnergyCapacityHigh", "energy:capacity:utilization_ratio > 0.8", "15m", "warning",
     "above 80 % of 1000 readings a minute", "system-health"},
};

// What is promised, with the alert that tells when it is missed.
constexpr tb::ObjectiveRow kPromises[] = {
    {"EnergyOracleSlow", "Energy", "Oracle latency p95", "< 5 s",
     "max(oracle_latency_seconds_p95)"},
    {"EnergySignatureSymptom", "Energy", "Signature validation", "> 99.9 %",
     "max(rate(energy_readings_total[5m])) / (max(rate(energy_readings_total[5m])) + "
     "sum(rate(energy_signature_verification_failures_total{reason!=\"unauthorized\"}[5m])))"},
    {"EnergySettlementRateLow", "Energy", "Settlement rate", "> 95 %",
     "max(sum by (instance) (rate(energy_settlements_total[10m]))) / (max(sum by (instance) "
     "(rate(energy_settlements_total[10m]))) + sum(rate(energy_settlement_reject_total[10m])))"},
    {"EnergyDisputeUnresolved", "Energy", "Dispute resolution", "< 1 h",
     "max(energy_dispute_oldest_age_seconds)"},
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

// Rows of the main dashboard, which is for everyone.
void describe_main_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "energy pending credits, disputes", "energy_pending_credits_total")
      .legend("credits")
      .query("energy_active_disputes_total", "disputes")
      .help("What waits for a settlement or a decision");
  tb::panel(p, kRow, "energy settlement throughput",
            "max(sum by (instance) (rate(energy_settlements_total[5m])))")
      .legend("settlements/s")
      .query("increase(energy_treasury_fee_total[1h])", "fees 1h")
      .help("settlement throughput: settlements a second, and the fees of an hour");
  tb::panel(p, kRow, "energy_settlement_mode", "energy_settlement_mode")
      .legend("mode")
      .query("increase(energy_settlement_rollback_total[1h])", "rollbacks 1h")
      .type("state-timeline")
      .help("settlement mode and rollbacks: 0 batch, 1 real time");
}

void describe_market_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Active Providers", "energy_provider_total")
      .legend("Active Providers")
      .type("gauge")
      .thresholds({50, 100})
      .rising()
      .on({kBoard})
      .help("provider counts: registered providers");
  tb::panel(p, kRow, "Provider growth (24h)", "increase(energy_provider_register_total[24h])")
      .legend("registered")
      .on({kBoard})
      .help("provider growth: registrations of a day");
  tb::panel(p, kRow, "Settlements (24h Rate by Provider)",
            "max by (provider) (rate(energy_settlements_total[24h]))")
      .legend("{{provider}}")
      .on({kBoard})
      .help("settlement rate, settlement throughput: settlements a second over a day");
  tb::panel(p, kRow, "Provider Reputation Scores (7d Trend)", "energy_reputation_score")
      .legend("{{provider}}")
      .last("7d")
      .on({kBoard})
      .help("Reputation of each provider, 0 to 1");
  tb::panel(p, kRow, "Slashing Events (24h Rate)",
            "max by (provider, reason) (rate(energy_slashing_total[24h]))")
      .legend("{{provider}} - {{reason}}")
      .on({kBoard})
      .help("slash totals: slash records a second over a day");
  tb::panel(p, kRow, "Cumulative Energy Slashes", "max(sum by (instance) (energy_slashing_total))")
      .legend("Slashes")
      .type("gauge")
      .thresholds({1, 5})
      .on({kBoard})
      .help("slash totals, fee/slash totals, Cumulative Slashes: slash records so far");
  tb::panel(p, kRow, "Treasury fees (24h)", "increase(energy_treasury_fee_total[24h])")
      .legend("fees")
      .on({kBoard})
      .help("fee/slash totals: fees and slashes that went to the treasury in a day");
  tb::panel(p, kRow, "kWh traded, average price", "increase(energy_kwh_traded_total[1h])")
      .legend("kWh 1h")
      .query("energy_avg_price", "price")
      .on({kBoard})
      .help("Energy settled in an hour, and the price over all settlements");
}

void describe_settlement_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Pending Credits Backlog (kWh)", "energy_pending_credits_kwh")
      .legend("kWh")
      .type("gauge")
      .thresholds({1'000'000, 5'000'000})
      .on({kBoard})
      .help("settlement backlog: energy of the credits that wait");
  tb::panel(p, kRow, "Pending Credits (count)", "energy_pending_credits_total")
      .legend("credits")
      .on({kBoard})
      .help("pending credits, settlement backlog: credits that wait");
  tb::panel(p, kRow, "Settlement Mode (0=batch, 1=real_time)", "energy_settlement_mode")
      .legend("Mode")
      .type("gauge")
      .on({kBoard})
      .help("settlement mode and rollbacks: 0 batch, 1 real time");
  tb::panel(p, kRow, "Settlement Rollbacks Total", "energy_settlement_rollback_total")
      .legend("Rollbacks")
      .type("gauge")
      .thresholds({1, 5})
      .on({kBoard})
      .help("settlement mode and rollbacks: changes of the mode that were taken back");
}

void describe_reading_panels(tb::Plugin& p) {
  const auto quantile = [](std::string_view q) {
    return tb::cat("histogram_quantile(", q,
                   ", sum by (le) (rate(oracle_latency_seconds_bucket[5m]))) * 1000");
  };
  tb::panel(p, kRow, "Oracle Latency Distribution (p50, p95, p99)", quantile("0.5"))
      .legend("p50")
      .query(quantile("0.95"), "p95")
      .query(quantile("0.99"), "p99")
      .unit("ms")
      .on({kBoard})
      .help("oracle latency: time of a reading's block minus the reading's own time");
  tb::panel(p, kRow, "Signature Verification Failures (5m Rate)",
            "sum by (reason) (rate(energy_signature_verification_failures_total[5m]))")
      .legend("{{reason}}")
      .thresholds({1})
      .on({kBoard})
      .help("signature failures: readings a second whose signature was not accepted");
  tb::panel(p, kRow, "Quorum Shortfalls (5m Rate)",
            "max by (provider) (rate(energy_quorum_shortfall_total[5m]))")
      .legend("{{provider}}")
      .on({kBoard})
      .help("quorum shortfalls: settlements a second without enough oracles");
  tb::panel(p, kRow, "Reading Rejections (5m Rate)",
            "sum by (reason) (rate(energy_reading_reject_total[5m]))")
      .legend("{{reason}}")
      .on({kBoard})
      .help("reading rejects: refused readings a second");
}

void describe_dispute_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Active Disputes", "energy_active_disputes_total")
      .legend("Active Disputes")
      .type("gauge")
      .thresholds({20, 50})
      .on({kBoard})
      .help("dispute volume: open disputes, with the bounds of the alerts");
  tb::panel(p, kRow, "Dispute States", "energy_dispute_total")
      .legend("{{state}}")
      .on({kBoard})
      .help("dispute states, dispute volume: disputes by what happened to them");
  tb::panel(p, kRow, "Active Energy Disputes", "energy_active_disputes_total")
      .legend("Active")
      .type("gauge")
      .thresholds({5, 10})
      .on({kBoard})
      .help("Active Disputes, with tighter bounds than the alerts have");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  tb::alerts(p, kAlerts, kPromises);
  describe_recordings(p);
  describe_main_panels(p);
  describe_market_panels(p);
  describe_settlement_panels(p);
  describe_reading_panels(p);
  describe_dispute_panels(p);
}

}  // namespace energy
