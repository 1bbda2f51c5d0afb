#include "plugins/energy/describe.hpp"

#include "plugins/energy/errors.hpp"
#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/rules/params.hpp"

namespace energy {

void describe_roles(tb::Plugin& p) {
  p.role("energy.provider")
      .within("operator")
      .key("operator")
      .token_env(
          "TB_ENERGY_PROVIDER_TOKEN,TB_ENERGY_ORACLE_TOKEN,TB_ENERGY_ADMIN_TOKEN,TB_ENERGY_RPC_"
          "TOKEN")
      .token_config("rpc.energy_provider_token_file")
      .help("reads the market");
  p.role("energy.oracle")
      .within("operator")
      .key("oracle")
      .token_env("TB_ENERGY_ORACLE_TOKEN,TB_ENERGY_ADMIN_TOKEN,TB_ENERGY_RPC_TOKEN")
      .token_config("rpc.energy_oracle_token_file")
      .help("reads the market and submits readings");
  p.role("energy.admin")
      .within("admin")
      .key("admin")
      .token_env("TB_ENERGY_ADMIN_TOKEN,TB_ENERGY_RPC_TOKEN")
      .token_config("rpc.energy_admin_token_file")
      .help("everything");
  p.unauthorized(-33009, "Unauthorized")
      .rate_limited(-33010, "RateLimited")
      .window_config("energy.rpc_rps");
  for (std::string_view name : {"read", "submit", "settle", "dispute"}) {
    p.rate_class(name).config(tb::cat("energy.", name, "_tokens_per_sec,energy.tokens_per_sec"));
  }
}

void describe_events(tb::Plugin& p) {
  p.event(kProviderRegistered, "energy.provider_registered").help("A provider was registered.");
  p.event(kProviderUpdated, "energy.provider_updated")
      .help("A provider's terms, stake or standing changed.");
  p.event(kProviderDeactivated, "energy.provider_deactivated").help("A provider was deactivated.");
  p.event(kReadingAccepted, "energy.reading_accepted")
      .help("A reading was accepted; amount 0 is a heartbeat.");
  p.event(kReadingRejected, "energy.reading_rejected")
      .help("A signed reading contradicted an earlier one.");
  p.event(kCreditExpiredEvent, "energy.credit_expired").help("A credit can no longer be settled.");
  p.event(kCreditRevived, "energy.credit_revived")
      .help("A longer expiry gave an expired credit its time back.");
  p.event(kSettled, "energy.settled").help("A settlement went through.");
  p.event(kSettlementQueued, "energy.settlement_queued").help("A settlement waits for its block.");
  p.event(kSettlementFailed, "energy.settlement_failed")
      .help("A queued settlement failed and was dropped.");
  p.event(kSlashed, "energy.slashed")
      .help("A stake was slashed, or a bad hash noted with amount 0.");
  p.event(kDisputeOpened, "energy.dispute_opened").help("A dispute was opened.");
  p.event(kDisputeResolved, "energy.dispute_resolved").help("A dispute was resolved.");
  p.event(kKeysReplaced, "energy.keys_replaced")
      .help("The registry of the providers' keys was replaced.");
  p.event(kParamsChanged, "energy.params_changed").help("Parameters of the market changed.");
}

namespace {

void describe_market_metrics(tb::Plugin& p) {
  p.gauge(kProviderTotal, "energy_provider_total")
      .alias("energy_providers_count")
      .help("Registered providers");
  p.gauge(kPendingCredits, "energy_pending_credits_total").help("Credits that are not expired");
  p.gauge(kPendingKwh, "energy_pending_credits_kwh")
      .unit("kWh")
      .help("Energy of the credits that are not expired");
  p.gauge(kReceiptTotal, "energy_receipt_total").help("Receipts in state");
  p.gauge(kActiveDisputes, "energy_active_disputes_total")
      .alias("energy_disputes_pending")
      .help("Open disputes");
  p.gauge(kSettlementMode, "energy_settlement_mode").help("0 batch, 1 real time");
  p.counter(kSettlementRollbacks, "energy_settlement_rollback_total")
      .help("Settlement mode changes rolled back");
  p.counter(kProviderRegistrations, "energy_provider_register_total").help("Registrations");
  p.counter(kMeterReadings, "energy_meter_reading_total")
      .labels({"provider"})
      .help("Accepted readings");
  p.counter(kReadings, "energy_readings_total").help("Accepted readings of all providers");
  p.counter(kSettlements, "energy_settlement_total")
      .alias("energy_settlements_total")
      .labels({"provider"})
      .help("Settlements");
  auto& rejects = p.counter(kSettlementRejects, "energy_settlement_reject_total")
                      .labels({"reason"})
                      .help("Refused settlements by error name");
  for (const tb::Error& error : kSettleErrors) rejects.preset({error.name});
  p.counter(kKwhTraded, "energy_kwh_traded_total").unit("kWh").help("Settled energy");
  p.gauge(kAvgPrice, "energy_avg_price")
      .alias("energy_market_price_current")
      .help("Price paid per kWh over all settlements");
  p.gauge(kMarketVolume, "energy_market_volume_current")
      .unit("kWh")
      .help("Energy settled in the epoch");
  p.counter(kTreasuryFees, "energy_treasury_fee_total")
      .alias("energy_treasury_fee_ct_total")
      .help("Fees and slashes accrued to the treasury");
}

void describe_trouble_metrics(tb::Plugin& p) {
  p.counter(kSlashings, "energy_slashing_total")
      .labels({"provider", "reason"})
      .help("Slash records");
  p.counter(kSlashedAmount, "energy_slashed_amount_total")
      .labels({"reason"})
      .help("Slashed stake")
      .preset({"quorum"})
      .preset({"expiry"})
      .preset({"conflict"})
      .preset({"dispute"});
  p.counter(kQuorumShortfalls, "energy_quorum_shortfall_total")
      .labels({"provider"})
      .help("Settlements below the quorum");
  p.counter(kReadingRejects, "energy_reading_reject_total")
      .alias("oracle_submission_errors_total")
      .labels({"reason"})
      .help("Refused readings")
      .preset({"invalid_reading"})
      .preset({"stale_timestamp"})
      .preset({"bad_signature"})
      .preset({"authorization_failed"})
      .preset({"other"});
  p.counter(kSignatureVerificationFailures, "energy_signature_verification_failures_total")
      .labels({"reason"})
      .help("Readings whose signature was not accepted")
      .preset({"invalid_format"})
      .preset({"verification_failed"})
      .preset({"key_not_found"})
      .preset({"scheme_unsupported"})
      .preset({"unauthorized"});
  p.counter(kSignatureFailures, "energy_signature_failure_total")
      .labels({"provider", "reason"})
      .help("The same under the older reasons");
  p.counter(kRateLimited, "energy_rate_limited_total")
      .labels({"class"})
      .help("Calls refused by the rate limit")
      .preset({"read"})
      .preset({"submit"})
      .preset({"settle"})
      .preset({"dispute"});
  p.gauge(kRateLimitRps, "energy_rpc_rate_limit_rps")
      .alias("energy_rate_limit_rps")
      .help("Calls a second that a client may make");
  p.counter(kDisputesOpened, "energy_dispute_open_total").help("Disputes opened");
  p.counter(kDisputesResolved, "energy_dispute_resolve_total").help("Disputes resolved");
  p.counter(kDisputeStates, "energy_dispute_total")
      .labels({"state"})
      .help("Disputes by what happened to them")
      .preset({"open"})
      .preset({"resolved"})
      .preset({"slashed"});
  p.counter(kDisputesRaised, "energy_disputes_raised_total")
      .labels({"type"})
      .help("Disputes by the reason given")
      .preset({"low_reading"})
      .preset({"outlier_detected"})
      .preset({"consensus_gap"})
      .preset({"other"});
  p.counter(kDisputeOutcomes, "energy_disputes_resolved_total")
      .labels({"outcome"})
      .help("Disputes by outcome")
      .preset({"resolved"})
      .preset({"slashed"});
  p.histogram(kDisputeResolutionSeconds, "energy_dispute_resolution_seconds")
      .unit("seconds")
      .help("Block time from opening to resolution")
      .buckets({60, 300, 900, 1800, 3600, 7200, 21600, 86400});
  p.gauge(kDisputeOldestAge, "energy_dispute_oldest_age_seconds")
      .unit("seconds")
      .help("Age of the oldest open dispute");
}

void describe_oracle_metrics(tb::Plugin& p) {
  p.histogram(kReadingLatency, "oracle_reading_latency_seconds")
      .alias("oracle_latency_seconds")
      .unit("seconds")
      .help("Block time minus reading timestamp")
      .buckets({0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300});
  p.gauge(kLatencyP95, "oracle_latency_seconds_p95")
      .unit("seconds")
      .help("95th percentile of the last 300 s");
  p.histogram(kInclusionLag, "oracle_inclusion_lag_seconds")
      .unit("seconds")
      .scale(1000)
      .help(
          "From the time of a reading's block to its arrival at this node's observers, by the "
          "node's clock")
      .buckets({0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30});
  p.gauge(kActiveOracles, "oracle_active_count")
      .help("Providers with a reading within the oracle timeout");
  p.histogram(kFulfillmentMs, "energy_provider_fulfillment_ms")
      .unit("ms")
      .help("Fulfilment times")
      .buckets({10, 50, 100, 500, 1000, 2500, 5000, 10000, 30000, 60000});
  p.gauge(kReputationScore, "energy_reputation_score")
      .alias("energy_provider_bayesian_score")
      .labels({"provider"})
      .scale(1'000'000)
      .help("Reputation, 0 to 1");
  p.gauge(kReputationConfidence, "energy_provider_bayesian_confidence")
      .labels({"provider"})
      .scale(1'000'000)
      .help("How much the reputation rests on, 0 to 1");
  p.counter(kDeactivations, "energy_provider_deactivation_triggered")
      .labels({"provider"})
      .help("Deactivations by reputation");
  p.counter(kPenalties, "energy_provider_penalties_applied")
      .labels({"provider", "severity"})
      .help("Reputation penalties");
  p.gauge(kKeyRegistryVersion, "energy_key_registry_version")
      .help("Version of the registry of keys");
  p.counter(kKeyConfigFailures, "energy_key_config_fail_total")
      .help("Key lists of the configuration that were not valid");
  p.histogram(kSnapshotSeconds, "energy_snapshot_duration_seconds")
      .unit("seconds")
      .scale(1000)
      .help("Time to write a snapshot of the market")
      .buckets({0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60});
  p.counter(kSnapshotFailures, "energy_snapshot_fail_total")
      .help("Snapshots that could not be written or read");
}

}  // namespace

void describe_metrics(tb::Plugin& p) {
  describe_market_metrics(p);
  describe_trouble_metrics(p);
  describe_oracle_metrics(p);
}

void describe_params(tb::Plugin& p) {
  p.params(
      param_table(),
      [](const ParamSpec& row) {
        return tb::ParamSpec{row.name, row.default_value, row.min, row.max, row.unit, row.effect};
      },
      [](std::uint32_t, const ParamSpec& row, tb::ParamEntry& entry) {
        entry.alias(dotted_spelling(row.name));
        if (row.field == &Params::launch_autopilot) entry.owner("governor");
      });
}

}  // namespace energy
