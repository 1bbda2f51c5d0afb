// Alerts, dashboard panels and objectives. Each alert has its heading in docs/runbooks. A
// validation takes seconds by design, so it does not count among slow queries.
#include "plugins/receipts/metrics.hpp"
#include "tb/panels.hpp"

namespace receipts {
namespace {

constexpr std::string_view kRow = "Receipts", kBoard = "receipts";

constexpr tb::AlertRow kAlerts[] = {
    {"ReceiptsFlatlined",
     "increase(receipt_emitted_total{market=~\"storage|compute|energy|ad\"}[10m]) == 0 and "
     "on (instance) delta(block_height_total[10m]) >= 5",
     "5m", "critical", "A market left no receipt in ten minutes while blocks were made"},
    {"ReceiptValidationSuccessLow",
     "sum by (instance) (rate(receipt_validation_errors_total[10m])) / "
     "(sum by (instance) (rate(receipt_validation_errors_total[10m])) + "
     "sum by (instance) (rate(receipt_emitted_total[10m]))) > 0.01",
     "10m", "critical", "More than one of a hundred receipts fails its checks"},
    {"ReceiptValidationErrors", "sum by (instance) (rate(receipt_validation_errors_total[5m])) > 0",
     "5m", "warning", "Receipts fail their checks"},
    {"ReceiptEncodingFailure", "increase(receipt_encoding_failures_total[1m]) > 0", "0m",
     "critical", "A receipt could not be encoded"},
    {"ReceiptHeaderMismatch",
     "increase(receipt_header_mismatch_total[5m]) + "
     "increase(receipt_aggregate_sig_mismatch_total[5m]) > 0",
     "0m", "critical", "Receipts do not match the header of their block"},
    {"ReceiptDiversity", "increase(receipt_shard_diversity_violation_total[30m]) > 0", "10m",
     "warning", "Receipts wait because the providers of a shard are not diverse enough"},
    {"ReceiptBacklog",
     "pending_receipts_storage + pending_receipts_compute + pending_receipts_energy > 1000", "10m",
     "warning", "More than 1000 receipts wait for a block"},
    {"ReceiptCountHigh", "avg_over_time(receipts_per_block[5m]) > 8000", "0m", "warning",
     "Blocks hold nearly as many receipts as they can"},
    {"ReceiptBytesHigh", "avg_over_time(receipt_bytes_per_block[5m]) > 8000000", "0m", "warning",
     "Blocks hold nearly as many bytes of receipts as they can"},
    {"ReceiptDaFailing", "increase(receipt_da_sample_failure_total[30m]) > 0", "10m", "warning",
     "Stored receipts do not match their commitments"},
    {"ReceiptStorageOld", "receipt_storage_oldest_age_seconds > 604800", "1h", "warning",
     "Receipts older than a week are kept although a retention is set"},
    {"ReceiptQuerySlow",
     "histogram_quantile(0.99, sum by (le) (rate(receipt_query_duration_seconds_bucket"
     "{method!=\"receipts.validate\"}[5m]))) > 0.5",
     "5m", "warning", "Queries of receipts take more than half a second"},
    {"ReceiptsFlatSymptom",
     "sum by (instance) (increase(receipt_emitted_total[5m])) == 0 and on (instance) "
     "delta(block_height_total[5m]) >= 5",
     "0m", "symptom", "No receipt over five blocks"},
    {"ReceiptsMarketSilentSymptom",
     "increase(receipt_emitted_total{market=~\"storage|compute|energy|ad\"}[5m]) == 0", "5m",
     "symptom", "A market leaves no receipt"},
    {"ReceiptsValidationSymptom",
     "sum by (instance) (increase(receipt_validation_errors_total[5m])) > 0", "0m", "symptom",
     "Errors of validation increase"},
    {"ComputeReceiptBacklog", "receipt_drain_depth > 1000", "10m", "warning",
     "More than 1000 receipts wait for the drain", "compute"},
};

// What is promised, with the alert that tells when it is missed.
constexpr tb::ObjectiveRow kPromises[] = {
    {"ReceiptsFlatlined", "Receipts", "Emission rate", "all markets",
     "max by (market) (rate(receipt_emitted_total[10m]))"},
    {"ReceiptValidationSuccessLow", "Receipts", "Validation success", "> 99.99 %",
     "min(1 - sum by (instance) (rate(receipt_validation_errors_total[10m])) / (sum by (instance) "
     "(rate(receipt_validation_errors_total[10m])) + sum by (instance) "
     "(rate(receipt_emitted_total[10m]))))"},
    {"ReceiptStorageOld", "Receipts", "Storage", "all receipts",
     "max(receipt_storage_oldest_age_seconds)"},
    {"ReceiptQuerySlow", "Receipts", "Query latency p99", "< 100 ms",
     "histogram_quantile(0.99, sum by (le) "
     "(rate(receipt_query_duration_seconds_bucket{method!=\"receipts.validate\"}[5m])))"},
};

// Rows of the main dashboard, which is for everyone.
void describe_main_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Signature and header anomalies (5m delta)",
            "increase(receipt_aggregate_sig_mismatch_total[5m])")
      .legend("aggregate signature")
      .query("increase(receipt_header_mismatch_total[5m])", "header")
      .help("signature, header: blocks whose receipts do not match them");
  tb::panel(p, kRow, "Diversity violations (5m delta)",
            "increase(receipt_shard_diversity_violation_total[5m])")
      .legend("violations")
      .help("diversity: shards put back for want of diverse providers");
  tb::panel(p, kRow, "Drain depth and backlog", "receipt_drain_depth")
      .legend("drain depth")
      .query("pending_receipts_storage", "storage")
      .query("pending_receipts_compute", "compute")
      .query("pending_receipts_energy", "energy")
      .help("drain: receipts that wait for a block");
  tb::panel(p, kRow, "Receipt emission by market",
            "max by (market) (rate(receipt_emitted_total[1m]))")
      .legend("{{market}}")
      .help("Receipts placed in blocks a second");
}

void describe_block_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Receipt Count Per Block", "receipts_per_block")
      .legend("Total Receipts")
      .query("receipts_storage_per_block", "Storage")
      .query("receipts_compute_per_block", "Compute")
      .query("receipts_energy_per_block", "Energy")
      .query("receipts_ad_per_block", "Ad")
      .on({kBoard})
      .help("Receipts of the last block");
  tb::panel(p, kRow, "Receipt Size Per Block", "receipt_bytes_per_block")
      .legend("Receipt Bytes")
      .unit("bytes")
      .on({kBoard})
      .help("Encoded bytes of the last block's receipts");
  tb::panel(p, kRow, "Compute SLA Slashes per Block", "receipts_compute_slash_per_block")
      .type("stat")
      .on({kBoard})
      .help("Slash receipts of the compute market in the last block");
  tb::panel(p, kRow, "Shard usage", "receipt_shard_bytes_per_block")
      .legend("{{shard}}")
      .type("heatmap")
      .on({kBoard})
      .help("Encoded bytes of each shard in the last block");
}

void describe_market_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "Pending Receipts by Market", "pending_receipts_storage")
      .legend("Storage")
      .query("pending_receipts_compute", "Compute")
      .query("pending_receipts_energy", "Energy")
      .on({kBoard})
      .help("Receipts that wait for a block");
  tb::panel(p, kRow, "Cumulative Receipts by Market", "receipts_storage_total")
      .legend("Storage Total")
      .query("receipts_compute_total", "Compute Total")
      .query("receipts_compute_slash_total", "Compute Slash Total")
      .query("receipts_energy_total", "Energy Total")
      .query("receipts_ad_total", "Ad Total")
      .on({kBoard})
      .help("Receipts placed so far");
  tb::panel(p, kRow, "Settlement Volume by Market (BLOCK)", "receipt_settlement_storage")
      .legend("Storage")
      .query("receipt_settlement_compute", "Compute")
      .query("receipt_settlement_compute_slash", "Compute Slash (BLOCK)")
      .query("receipt_settlement_energy", "Energy")
      .query("receipt_settlement_ad", "Ad")
      .on({kBoard})
      .help("BLOCK settled in the last block");
  tb::panel(p, kRow, "Receipt Throughput (rate per minute)",
            "rate(receipts_storage_total[1m]) * 60")
      .legend("Storage/min")
      .query("rate(receipts_compute_total[1m]) * 60", "Compute/min")
      .query("rate(receipts_energy_total[1m]) * 60", "Energy/min")
      .query("rate(receipts_ad_total[1m]) * 60", "Ad/min")
      .on({kBoard})
      .help("Receipts placed a minute");
}

void describe_fault_panels(tb::Plugin& p) {
  tb::panel(p, kRow, "CRITICAL: Receipt Encoding Failures", "receipt_encoding_failures_total")
      .type("stat")
      .thresholds({1, 1})
      .on({kBoard})
      .help("Receipts that could not be encoded; anything but 0 is a defect");
  tb::panel(p, kRow, "Receipt Validation Failures", "receipt_validation_failures_total")
      .type("stat")
      .on({kBoard})
      .help("Failed checks of receipts");
  tb::panel(p, kRow, "Receipt Decoding Failures", "receipt_decoding_failures_total")
      .type("stat")
      .on({kBoard})
      .help("Stored or received receipts that did not decode");
  tb::panel(p, kRow, "Receipt Drain Operations", "rate(receipt_drain_operations_total[5m])")
      .legend("Drains/sec")
      .type("stat")
      .on({kBoard})
      .help("Drains that took a receipt a second");
  tb::panel(p, kRow, "Validation errors by reason (5m delta)",
            "sum by (reason) (increase(receipt_validation_errors_total[5m]))")
      .legend("{{reason}}")
      .on({kBoard})
      .help("Failed checks of receipts by reason");
  tb::panel(p, kRow, "DA samples (5m delta)", "increase(receipt_da_sample_success_total[5m])")
      .legend("matched")
      .query("increase(receipt_da_sample_failure_total[5m])", "did not")
      .on({kBoard})
      .help("Sampled shards of stored receipts against their commitments");
  tb::panel(p, kRow, "Query p99",
            "histogram_quantile(0.99, sum by (le, method) "
            "(rate(receipt_query_duration_seconds_bucket[5m])))")
      .legend("{{method}}")
      .unit("s")
      .thresholds({0.1, 0.5})
      .on({kBoard})
      .help("How long queries and validations take");
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  tb::alerts(p, kAlerts, kPromises);
  p.recording("receipts:drain_operations:total", "max(receipt_drain_operations_total)");
  p.recording("receipts:drain:rate1m", "rate(receipt_drain_operations_total[1m])");
  describe_main_panels(p);
  describe_block_panels(p);
  describe_market_panels(p);
  describe_fault_panels(p);
}

}  // namespace receipts
