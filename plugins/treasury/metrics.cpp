#include "plugins/treasury/metrics.hpp"

namespace treasury {
namespace {

constexpr std::string_view kReasons[] = {"insufficient_funds", "invalid_target",
                                         "stale_dependency",   "circular_dependency",
                                         "execution_failed",   "ledger_unavailable",
                                         "consensus_timeout",  "quorum_not_reached",
                                         "epoch_expired",      "other"};

void preset_reasons(tb::MetricEntry& metric) {
  for (std::string_view reason : kReasons) metric.preset({reason});
}

void preset_states(tb::MetricEntry& metric) {
  for (std::string_view state :
       {"draft", "voting", "queued", "timelocked", "executed", "finalized", "rolled_back"})
    metric.preset({state});
}

void describe_machine_metrics(tb::Plugin& p) {
  p.gauge(kBalanceGauge, "treasury_balance")
      .alias("treasury_balance_ct")
      .unit("BLOCK")
      .help("Balance of the treasury");
  p.gauge(kBalanceIt, "treasury_balance_it").unit("BLOCK").help("Always 0; kept for older panels");
  p.gauge(kBacklog, "treasury_disbursement_backlog")
      .labels({"status"})
      .preset({""})
      .help("Disbursements by state; without status: draft, voting, queued and timelocked");
  tb::MetricEntry& entered = p.counter(kEntered, "governance_disbursements_total");
  entered.labels({"status"}).help("Disbursements that entered a state");
  preset_states(entered);
  p.histogram(kLag, "treasury_disbursement_lag_seconds")
      .unit("seconds")
      .buckets({1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600, 7200, 86400})
      .help("From maturity to execution");
  tb::MetricEntry& errors = p.counter(kExecutionErrors, "treasury_execution_errors_total");
  errors.labels({"reason"}).help("Refused executions and errors of the executor");
  preset_reasons(errors);
  p.counter(kDependencyFailures, "treasury_dependency_failures_total")
      .labels({"failure_type"})
      .preset({"circular"})
      .preset({"missing"})
      .preset({"stale"})
      .preset({"rolled_back_dependency"})
      .help("Dependencies that stopped a submission or an execution");
  p.counter(kAccrued, "treasury_accrual_total")
      .labels({"source"})
      .unit("BLOCK")
      .help("Money that came in, by source");
  p.counter(kVotes, "gov_disbursement_votes_total")
      .labels({"choice"})
      .preset({"yes"})
      .preset({"no"})
      .preset({"abstain"})
      .help("Ballots on disbursements");
  p.gauge(kOldestAge, "treasury_disbursement_oldest_state_age_seconds")
      .labels({"status"})
      .preset({"draft"})
      .preset({"voting"})
      .preset({"queued"})
      .preset({"timelocked"})
      .preset({"matured"})
      .unit("seconds")
      .help("Time since the oldest record in the state entered it");
}

void describe_executor_metrics(tb::Plugin& p) {
  p.histogram(kTickSeconds, "treasury_executor_tick_duration_seconds")
      .unit("seconds")
      .scale(1000)
      .buckets({0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30})
      .help("Duration of an executor's tick");
  p.gauge(kPendingMatured, "treasury_executor_pending_matured")
      .help("Timelocked records that are due and whose dependencies are final");
  p.gauge(kStagedIntents, "treasury_executor_staged_intents").help("Signed executions not settled");
  p.gauge(kLeaseReleased, "treasury_executor_lease_released").help("1 after a release");
  p.gauge(kLastTick, "treasury_executor_last_tick_seconds").unit("seconds").help("Unix time");
  p.gauge(kLastSuccess, "treasury_executor_last_success_seconds")
      .unit("seconds")
      .help("Unix time of the last tick without error");
  p.gauge(kLastError, "treasury_executor_last_error_seconds")
      .unit("seconds")
      .help("Unix time of the last tick with an error");
  p.gauge(kLastSubmittedNonce, "treasury_executor_last_submitted_nonce")
      .help("Newest treasury nonce that this executor submitted");
  p.gauge(kLeaseLastNonce, "treasury_executor_lease_last_nonce")
      .help("Newest treasury nonce that was executed");
  p.counter(kResults, "treasury_executor_result_total")
      .labels({"result"})
      .preset({"success"})
      .preset({"cancelled"})
      .preset({"error"})
      .help("Intents by how they ended");
  tb::MetricEntry& errors = p.counter(kErrors, "treasury_executor_errors_total");
  errors.labels({"reason"}).help("Errors of the executor");
  preset_reasons(errors);
  p.counter(kSuccesses, "treasury_executor_success_total").help("Intents that were executed");
  p.counter(kFailures, "treasury_executor_failure_total").help("Intents that were not");
  p.gauge(kBreakerState, "treasury_circuit_breaker_state").help("0 closed, 1 open, 2 half-open");
  p.gauge(kBreakerFailures, "treasury_circuit_breaker_failures").help("Failures in the window");
  p.gauge(kBreakerSuccesses, "treasury_circuit_breaker_successes")
      .help("Successes since it is half-open");
  p.counter(kAuditMismatches, "settle_audit_mismatch_total")
      .help("What settlement audits on this node found wrong");
}

}  // namespace

std::string_view reason_label(std::string_view error) {
  if (error == "dependency_pending" || error == "dependency_failed" ||
      error == "dependency_missing")
    return "stale_dependency";
  if (error == "dependency_cycle_detected") return "circular_dependency";
  if (error == "invalid_destination" || error == "unknown_account") return "invalid_target";
  for (std::string_view reason : kReasons) {
    if (reason == error) return reason;
  }
  return "other";
}

void describe_metrics(tb::Plugin& p) {
  describe_machine_metrics(p);
  describe_executor_metrics(p);
}

}  // namespace treasury
