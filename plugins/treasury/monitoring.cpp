// Alerts and dashboard panels of the treasury. The runbook anchors are those of docs/runbooks.
#include "plugins/treasury/describe.hpp"
#include "tb/panels.hpp"

namespace treasury {
namespace {

constexpr std::string_view kRow = "Treasury", kBoard = "treasury";
constexpr std::string_view kLagSeries = "treasury_disbursement_lag_seconds";
constexpr std::string_view kTickSeries = "treasury_executor_tick_duration_seconds";

std::string quantile(std::string_view q, std::string_view metric) {
  return tb::cat("histogram_quantile(0.", q, ", sum by (le) (rate(", metric, "_bucket[5m])))");
}

constexpr tb::AlertRow kAlerts[] = {
    {"TreasuryBacklogCritical", "treasury_disbursement_backlog{status=\"\"} > 100", "3ep",
     "critical", "more than 100 open disbursements for 3 epochs"},
    {"TreasuryBacklogModerate", "treasury_disbursement_backlog{status=\"\"} > 50", "2ep", "warning",
     "more than 50 for 2 epochs"},
    {"ComputeSettleMismatch", "increase(settle_audit_mismatch_total[5m]) > 0", "0m", "page",
     "a settlement audit differs", "compute"},
    {"TreasuryExecutorFailing", "sum by (instance) (rate(treasury_execution_errors_total[5m])) > 1",
     "0m", "critical", "more than one executor error per second"},
    {"TreasuryNoProgress",
     "increase(governance_disbursements_total{status=\"finalized\"}[10m]) == 0 and on (instance) "
     "treasury_executor_pending_matured > 0",
     "0m", "critical", "matured disbursements, none finalised in 10 min"},
    {"TreasuryLatencyHigh",
     "histogram_quantile(0.95, sum by (le) (rate(treasury_disbursement_lag_seconds_bucket[10m]))) "
     "> 600",
     "10m", "warning", "execution latency p95 above 600 s"},
    {"TreasuryProposalStalled",
     "treasury_disbursement_oldest_state_age_seconds{status=\"matured\"} > ${epoch_seconds}", "1ep",
     "warning", "a matured disbursement waits longer than ROLLBACK_WINDOW_EPOCHS (1 epoch)"},
    {"TreasuryLeaseReleased", "treasury_executor_lease_released == 1", "5m", "warning",
     "no executor holds the lease"},
    {"TreasuryLeaseWatermarkLagging",
     "clamp_min(treasury_executor_last_submitted_nonce - treasury_executor_lease_last_nonce, 0) > "
     "1 and delta(treasury_executor_last_submitted_nonce[10m]) > 0 and "
     "delta(treasury_executor_lease_last_nonce[10m]) == 0",
     "10m", "page", "lease watermark stuck behind submitted nonces"},
    {"TreasuryLeaseWatermarkRegression", "delta(treasury_executor_lease_last_nonce[15m]) < 0", "5m",
     "page", "lease watermark went back"},
    {"TreasuryCircuitBreakerOpen", "treasury_circuit_breaker_state == 1", "1m", "critical",
     "circuit breaker open"},
    {"TreasuryBalanceCriticallyLow", "treasury:balance:total < ${treasury_min_balance:1000000}",
     "5m", "critical", "treasury balance below the configured minimum"},
    {"TreasuryHighErrorRate", "sum by (instance) (treasury:errors:rate1m) * 60 > 1", "5m",
     "warning", "more than one error per minute"},
    {"TreasuryDisbursementLagHigh", "treasury:disbursement_lag:p95 > 3600", "15m", "warning",
     "lag p95 above 1 h"},
    {"TreasuryDependencyFailuresHigh",
     "sum by (instance) (rate(treasury_dependency_failures_total[1m])) > 0.5", "5m", "warning",
     "dependency checks fail"},
    {"TreasuryAvailabilitySlo",
     "sum(rate(treasury_executor_result_total{result=\"error\"}[5m])) / "
     "sum(rate(treasury_executor_result_total[5m])) > 0.001",
     "5m", "warning", "errors above 0.1 % of the executor's intents (objective 99.95 %)"},
    {"TreasuryLagSymptom", "treasury_disbursement_lag_seconds_p95 > 300", "0m", "symptom",
     "executions come more than 300 s after maturity"},
    {"TreasuryExecutorErrorSymptom",
     "treasury_executor_last_error_seconds > treasury_executor_last_success_seconds", "0m",
     "symptom", "executor.last_error is set"},
    {"TreasuryStaleSymptom",
     "treasury_disbursement_oldest_state_age_seconds{status=\"queued\"} > 259200", "0m", "symptom",
     "a disbursement is queued for more than 3 days"},
    {"TreasuryNoTransitionsSymptom",
     "sum by (instance) (increase(governance_disbursements_total[30m])) == 0 and on (instance) "
     "treasury_disbursement_backlog{status=\"\"} > 0",
     "0m", "symptom", "a backlog and no transition in 30 min"},
    {"TreasuryErrorSpike", "treasury:errors:spike_detected == 1", "2m", "warning",
     "error rate 3 times its 1 h mean", "system-health"},
    {"TreasuryLagSpike", "treasury:lag:spike_detected == 1", "5m", "warning",
     "lag twice its 1 h mean", "system-health"},
    {"TreasuryCapacityHigh", "treasury:capacity:utilization_ratio > 0.8", "15m", "warning",
     "above 80 % of 100 disbursements/min", "system-health"},
};

// What is promised, with the alert that tells when it is missed.
constexpr tb::ObjectiveRow kPromises[] = {
    {"TreasuryAvailabilitySlo", "Treasury", "Availability", "99.95 %",
     "1 - sum(rate(treasury_executor_result_total{result=\"error\"}[5m])) / "
     "sum(rate(treasury_executor_result_total[5m]))"},
    {"TreasuryLatencyHigh", "Treasury", "Execution latency p95", "< 300 s",
     "treasury:disbursement_lag:p95"},
    {"TreasuryExecutorFailing", "Treasury", "Error rate", "< 0.1 %",
     "sum(rate(treasury_executor_result_total{result=\"error\"}[5m])) / "
     "sum(rate(treasury_executor_result_total[5m]))"},
    {"TreasuryBacklogCritical", "Treasury", "Queue depth", "< 100",
     "max(treasury_disbursement_backlog{status=\"\"})"},
};

struct Recording {
  std::string_view name, expr;
};

constexpr Recording kRecordings[] = {
    {"treasury:disbursements:total:by_status", "max by (status) (governance_disbursements_total)"},
    {"treasury:backlog:current:by_status",
     "max by (status) (treasury_disbursement_backlog{status!=\"\"})"},
    {"treasury:errors:total:by_reason", "sum by (reason) (treasury_execution_errors_total)"},
    {"treasury:dependency_failures:total:by_type",
     "max by (failure_type) (treasury_dependency_failures_total)"},
    {"treasury:balance:total", "max(treasury_balance)"},
    {"treasury:balance:ct:total", "max(treasury_balance)"},
    {"treasury:disbursements:rate1m", "rate(governance_disbursements_total[1m])"},
    {"treasury:disbursements:rate1h", "rate(governance_disbursements_total[1h])"},
    {"treasury:errors:rate1m", "rate(treasury_execution_errors_total[1m])"},
    {"treasury:dependency_failures:rate1m", "rate(treasury_dependency_failures_total[1m])"},
    {"treasury:capacity:utilization_ratio",
     "max(rate(governance_disbursements_total{status=\"draft\"}[1m])) * 60 / 100"},
    {"treasury:errors:spike_detected",
     "sum(rate(treasury_execution_errors_total[1m])) > bool 3 * "
     "avg_over_time(sum(rate(treasury_execution_errors_total[1m]))[1h:1m])"},
    {"treasury:lag:spike_detected",
     "treasury:disbursement_lag:p95 > bool 2 * "
     "avg_over_time(treasury:disbursement_lag:p95[1h:30s])"},
};

void describe_recordings(tb::Plugin& p) {
  for (const Recording& rule : kRecordings) p.recording(rule.name, rule.expr);
  for (std::string_view q : {"50", "95", "99"}) {
    p.recording(tb::cat("treasury:disbursement_lag:p", q), quantile(q, kLagSeries));
    p.recording(tb::cat("treasury:executor_tick:p", q), quantile(q, kTickSeries));
  }
  p.recording("treasury_disbursement_lag_seconds_p95", quantile("95", kLagSeries));
}

// Rows of the main dashboard, which is for everyone.
void describe_main_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "treasury_executor_last_submitted_nonce",
            "treasury_executor_last_submitted_nonce")
      .legend("submitted")
      .query("treasury_executor_lease_last_nonce", "lease")
      .help("Newest nonces that this executor submitted, and that were executed");
  tb::panel(p, kRow, "Executor queue depth and lease", "treasury_executor_pending_matured")
      .legend("matured")
      .query("treasury_executor_staged_intents", "staged")
      .query("treasury_disbursement_backlog{status=\"\"}", "backlog")
      .query("treasury_executor_lease_released", "released")
      .help("executor queue depth and lease state");
}

void describe_pipeline_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Disbursement Pipeline (State Transitions Over Time)",
            "governance_disbursements_total")
      .legend("{{status}}")
      .on({kBoard})
      .help("Disbursements that entered a state");
  tb::panel(p, kRow, "Queue Depth (Queued Status)",
            "treasury_disbursement_backlog{status=\"queued\"}")
      .legend("Queued")
      .type("gauge")
      .thresholds({50, 100})
      .on({kBoard})
      .help("Disbursements that are queued");
  tb::panel(p, kRow, "Balance Trend (7d)", "treasury_balance")
      .legend("Treasury Balance")
      .last("7d")
      .on({kBoard})
      .help("Balance of the treasury over a week");
  tb::panel(p, kRow, "Disbursements by status", "treasury_disbursement_backlog{status!=\"\"}")
      .legend("{{status}}")
      .on({kBoard})
      .help("Disbursements that are in a state now");
  tb::panel(p, kRow, "Oldest record by state", "treasury_disbursement_oldest_state_age_seconds")
      .legend("{{status}}")
      .unit("s")
      .on({kBoard})
      .help("How long the oldest record of a state is in it");
  tb::panel(p, kRow, "Accruals by source (1h)",
            "max by (source) (increase(treasury_accrual_total[1h]))")
      .legend("{{source}}")
      .on({kBoard})
      .help("Money that came in");
  tb::panel(p, kRow, "Finalised in 10 minutes",
            "increase(governance_disbursements_total{status=\"finalized\"}[10m])")
      .legend("finalized")
      .on({kBoard})
      .help("Disbursements that were finalised");
}

void describe_executor_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Execution Lag (p95)", quantile("95", kLagSeries))
      .legend("p95")
      .type("gauge")
      .unit("s")
      .thresholds({300, 600})
      .on({kBoard})
      .help("From maturity to execution");
  tb::panel(p, kRow, "Execution Errors (Rate, Error Types)",
            "sum by (reason) (rate(treasury_execution_errors_total[5m]))")
      .legend("{{reason}}")
      .on({kBoard})
      .help("Refused executions and errors of the executor a second");
  tb::panel(p, kRow, "Executor Health (Tick Duration p95)", quantile("95", kTickSeries))
      .legend("p95")
      .type("gauge")
      .unit("s")
      .thresholds({1, 5})
      .on({kBoard})
      .help("How long a turn of the executor takes");
  tb::panel(p, kRow, "Executor Queue Depth", "treasury_executor_pending_matured")
      .legend("matured")
      .query("treasury_executor_staged_intents", "staged")
      .on({kBoard})
      .help("executor queue depth: due records, and signed executions that are not settled");
  tb::panel(p, kRow, "Executor Success vs Failure", "treasury_executor_success_total")
      .legend("success")
      .query("treasury_executor_failure_total", "failure")
      .on({kBoard})
      .help("Intents that were executed, and that were not");
  tb::panel(p, kRow, "Lease state", "treasury_executor_lease_released")
      .legend("released")
      .on({kBoard})
      .help("lease state: 1 after a release");
  tb::panel(p, kRow, "Circuit breaker", "treasury_circuit_breaker_state")
      .legend("state")
      .query("treasury_circuit_breaker_failures", "failures")
      .query("treasury_circuit_breaker_successes", "successes")
      .on({kBoard})
      .help("0 closed, 1 open, 2 half-open");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  tb::alerts(p, kAlerts, kPromises);
  describe_recordings(p);
  describe_main_panels(p);
  describe_pipeline_panels(p);
  describe_executor_panels(p);
}

}  // namespace treasury
