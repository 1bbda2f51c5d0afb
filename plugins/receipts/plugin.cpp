// receipts: market receipts in blocks. describe() is the table of contents.
#include "plugins/receipts/block.hpp"
#include "plugins/receipts/emission.hpp"
#include "plugins/receipts/emitters.hpp"
#include "plugins/receipts/face.hpp"
#include "plugins/receipts/http.hpp"
#include "plugins/receipts/metrics.hpp"
#include "plugins/receipts/providers.hpp"
#include "plugins/receipts/queries.hpp"
#include "plugins/receipts/roots.hpp"
#include "plugins/receipts/service.hpp"

namespace receipts {
namespace {

void describe_params(tb::Plugin& p) {
  p.param(kShardCount, "receipt_shard_count", 64, 1, 1024).help("shards of a block's receipts");
  p.param(kDaWindowSecs, "receipt_blob_da_window_secs", 604'800, 1, 31'536'000)
      .unit("s")
      .help("how long the receipts of a block are to be available");
  p.param(kMinRegions, "receipt_min_region_diversity", 1, 1, 64)
      .help("distinct regions of the providers in a shard; raise it only with few shards");
  p.param(kMinAsns, "receipt_min_asn_diversity", 1, 1, 64)
      .help("distinct ASNs of the providers in a shard");
  p.param(kMaxPerProvider, "receipt_max_per_provider_per_shard", 64, 1, 10'000)
      .help("receipts of one provider in a block; the rest waits");
  p.param(kShardBudgetPpm, "receipt_shard_budget_ppm", 1'000'000, 1000, 1'000'000)
      .unit("ppm")
      .help("share of the block's budgets that one shard may use");
  p.param(kNonceFinality, "receipt_nonce_finality", 100, 1, 100'000)
      .unit("blocks")
      .help("how long a nonce is tracked by itself, before a floor stands for it");
  p.param(kHeaderActivation, "receipt_header_activation_height", 0, 0, ~std::uint64_t{0})
      .help("first block whose receipts have a header");
  p.param(kAggregateScheme, "receipt_aggregate_scheme", 1, 0, 1).help("0 none, 1 BatchEd25519");
  for (std::size_t i = 0; i < std::size(kRequireSignature); ++i) {
    p.param(kRequireSignature[i], tb::cat("receipt_require_signature_", kMarketNames[i]), 0, 0, 1)
        .help("1: settlements without a provider's signature are rejected");
  }
  p.param(kRetentionBlocks, "receipt_retention_blocks", 0, 0, ~std::uint64_t{0})
      .unit("blocks")
      .help(
          "how long the receipts of a block are kept behind their availability; headers, ids and "
          "totals stay. 0: all are kept");
}

void describe_submit(tb::Plugin& p) {
  auto& method = p.command("receipts.submit", &submit)
                     .role("admin")
                     .summary("Hand in a receipt of a market that runs outside the node")
                     .error(kNotAuthorized)
                     .error(kBusy);
  for (Reason reason :
       {Reason::kSchemaMismatch, Reason::kSignatureInvalid, Reason::kUnknownProvider,
        Reason::kReplayedNonce, Reason::kDuplicate, Reason::kBlockTorch}) {
    method.error(error_of(reason));
  }
  method.field("receipt").help("JSON of the receipt with its signature");
  method.cli("receipts submit").flag("receipt", "--file").file_field("receipt");
}

void describe(tb::Plugin& p) {
  p.id("receipts")
      .version("1.0.0")
      .sm(1)
      .schema(1)
      .summary("Market receipts: typed settlement records that every block commits to");
  p.end(&end_block).epoch(&end_epoch);
  describe_submit(p);
  describe_providers(p);
  describe_queries(p);
  describe_validation(p);
  describe_configured(p);
  describe_http(p);
  describe_service(p);
  describe_emitters(p);
  describe_roots(p);
  describe_params(p);
  describe_metrics(p);
  describe_monitoring(p);
  p.event(kSealedEvent, "receipts.sealed").help("A block with receipts was sealed");
  p.event(kBundleEvent, "receipts.root_bundle").help("Micro-shard roots were bundled");
  p.record(kSampleRecord, "receipts.market_sample")
      .help("Capacity, use, payout and cost of a market in an epoch");
}

}  // namespace
}  // namespace receipts

TB_PLUGIN(receipts::describe)
