// Alerts and dashboard panels (receipts spec 10, spelled as in monitoring spec 10.3). The runbook
// anchors are those of docs/runbooks. A validation takes seconds by design, so it does not count
// among slow queries.
#include "plugins/receipts/metrics.hpp"

namespace receipts {
namespace {

constexpr std::string_view kRow = "Receipts";

struct Alert {
  std::string_view name, expr, duration, severity, summary;
};

constexpr Alert kAlerts[] = {
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
     "More than 1000 receipts wait for the drain"},
};

void describe_panels(tb::Plugin& p) {
  p.panel(kRow, "Receipts per block by market",
          "sum by (market) (rate(receipt_emitted_total[5m]))");
  p.panel(kRow, "Bytes per block", "receipt_bytes_per_block").unit("bytes");
  p.panel(kRow, "Encoding, validation, decoding failures",
          "rate({__name__=~\"receipt_(encoding|validation|decoding)_failures_total\"}[5m])");
  p.panel(kRow, "Errors by reason", "rate(receipt_validation_errors_total[5m])");
  p.panel(kRow, "Drain operations", "rate(receipt_drain_operations_total[5m])");
  p.panel(kRow, "Drain depth", "receipt_drain_depth");
  p.panel(kRow, "Pending by market", "{__name__=~\"pending_receipts_.*\"}");
  p.panel(kRow, "Cumulative by market", "receipt_emitted_total");
  p.panel(kRow, "Settlement volume", "{__name__=~\"receipt_settlement_.*\"}");
  p.panel(kRow, "Throughput per minute", "sum(rate(receipt_emitted_total[1m])) * 60");
  p.panel(kRow, "Slashes per block", "{__name__=~\"receipts_.*_slash_per_block\"}");
  p.panel(kRow, "Shard usage", "receipt_shard_bytes_per_block").type("heatmap");
  p.panel(kRow, "DA samples", "rate({__name__=~\"receipt_da_sample_.*_total\"}[5m])");
  p.panel(kRow, "Query p99",
          "histogram_quantile(0.99, sum by (le, method) "
          "(rate(receipt_query_duration_seconds_bucket[5m])))")
      .unit("s")
      .thresholds({0.1, 0.5});
}

}  // namespace

void describe_monitoring(tb::Plugin& p) {
  for (const Alert& alert : kAlerts) {
    p.alert(alert.name)
        .expr(alert.expr)
        .for_duration(alert.duration)
        .severity(alert.severity)
        .summary(alert.summary)
        .runbook(tb::cat("receipts.md#", alert.name));
  }
  p.recording("receipts:drain_operations:total", "max(receipt_drain_operations_total)");
  p.recording("receipts:drain:rate1m", "rate(receipt_drain_operations_total[1m])");
  describe_panels(p);
}

}  // namespace receipts
