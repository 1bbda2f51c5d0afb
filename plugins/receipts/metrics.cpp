#include "plugins/receipts/metrics.hpp"

#include "plugins/receipts/state.hpp"

namespace receipts {
namespace {

void describe_errors(tb::Plugin& p) {
  auto& errors = p.counter(kValidationErrors, "receipt_validation_errors_total")
                     .labels({"reason"})
                     .help("Failed checks of receipts by reason");
  for (std::string_view reason : kReasonNames) errors.preset({reason});
  p.counter(kValidationFailures, "receipt_validation_failures_total")
      .help("Failed checks of receipts");
  p.counter(kDecodingFailures, "receipt_decoding_failures_total")
      .help("Stored or received receipts that did not decode");
  p.counter(kEncodingFailures, "receipt_encoding_failures_total")
      .help("Receipts that could not be encoded; stays 0");
  p.counter(kAggregateMismatches, "receipt_aggregate_sig_mismatch_total")
      .help("Blocks whose aggregate differs");
  p.counter(kHeaderMismatches, "receipt_header_mismatch_total")
      .help("Blocks whose roots, blobs, availability or commitment differ");
  p.counter(kDiversityViolations, "receipt_shard_diversity_violation_total")
      .help("Shards put back for want of diverse providers");
}

void describe_gauges(tb::Plugin& p) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    p.gauge(kPendingGauge[i], tb::cat("pending_receipts_", kMarketNames[i]))
        .help("Receipts that wait for a block");
  }
  p.gauge(kDrainDepth, "receipt_drain_depth").help("Receipts not placed at their first drain");
  p.counter(kDrainOperations, "receipt_drain_operations_total").help("Drains that took a receipt");
  for (std::size_t i = 0; i < std::size(kMarketCount); ++i) {
    p.counter(kMarketCount[i], tb::cat("receipts_", kMarketNames[i], "_total"))
        .help("Receipts placed, slashes included");
  }
  for (std::size_t i = 0; i < std::size(kSlashCount); ++i) {
    p.counter(kSlashCount[i], tb::cat("receipts_", kMarketNames[i], "_slash_total"))
        .help("Slash receipts placed");
  }
  p.gauge(kPerBlock, "receipts_per_block").help("Receipts of the last block");
  for (std::size_t i = 0; i < std::size(kMarketPerBlock); ++i) {
    p.gauge(kMarketPerBlock[i], tb::cat("receipts_", kMarketNames[i], "_per_block"))
        .help("Receipts of the last block");
  }
  for (std::size_t i = 0; i < std::size(kSlashPerBlock); ++i) {
    p.gauge(kSlashPerBlock[i], tb::cat("receipts_", kMarketNames[i], "_slash_per_block"))
        .help("Slash receipts of the last block");
  }
  p.gauge(kBytesPerBlock, "receipt_bytes_per_block").help("Encoded bytes of the last block");
  for (std::size_t i = 0; i < std::size(kSettlement); ++i) {
    p.gauge(kSettlement[i], tb::cat("receipt_settlement_", kMarketNames[i]))
        .help("BLOCK settled in the last block");
  }
  for (std::size_t i = 0; i < std::size(kSettlementSlash); ++i) {
    p.gauge(kSettlementSlash[i], tb::cat("receipt_settlement_", kMarketNames[i], "_slash"))
        .help("BLOCK slashed in the last block");
  }
  p.gauge(kShardReceipts, "receipt_shard_count_per_block")
      .labels({"shard"})
      .label_limit(1024)
      .help("Receipts of a shard in the last block");
  p.gauge(kShardBytes, "receipt_shard_bytes_per_block")
      .labels({"shard"})
      .label_limit(1024)
      .help("Encoded bytes of a shard in the last block");
  p.gauge(kShardUnits, "receipt_shard_verify_units_per_block")
      .labels({"shard"})
      .label_limit(1024)
      .help("Verify units of a shard in the last block");
}

void describe_node_metrics(tb::Plugin& p) {
  p.histogram(kQueryDuration, "receipt_query_duration_seconds")
      .labels({"method"})
      .buckets({0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 5, 30})
      .scale(1'000'000)
      .help("How long queries and validations took");
  p.gauge(kProviderKeys, "receipt_provider_keys")
      .labels({"source"})
      .preset({"config"})
      .preset({"signed_announcement"})
      .preset({"governance"})
      .preset({"stake_linked"})
      .help("Providers with an active key");
  p.counter(kSampleSuccesses, "receipt_da_sample_success_total")
      .help("Sampled shards of stored receipts that matched their commitment");
  p.counter(kSampleFailures, "receipt_da_sample_failure_total")
      .help("Sampled shards of stored receipts that did not");
  p.gauge(kOldestAge, "receipt_storage_oldest_age_seconds")
      .help("Age of the oldest block whose receipts are kept, where a retention is set; else 0");
  p.counter(kRootEvictions, "root_queue_evictions_total")
      .help("Micro-shard roots that a full queue pushed out before their bundle");
  p.histogram(kDerivationDuration, "metrics_derivation_duration_ms")
      .buckets({1, 5, 25, 100, 500, 2500, 10'000, 60'000})
      .scale(1000)
      .help("How long it took to derive blocks again from their receipts");
}

}  // namespace

void describe_metrics(tb::Plugin& p) {
  p.counter(kEmitted, "receipt_emitted_total")
      .labels({"market"})
      .help(
          "Receipts placed in blocks, slashes included; a market has its series where its plugin "
          "runs");
  describe_errors(p);
  describe_gauges(p);
  describe_node_metrics(p);
}

}  // namespace receipts
