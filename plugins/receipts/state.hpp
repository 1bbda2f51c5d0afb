// What receipts stores (receipts spec 3.3), and the handles of the manifest.
//
//   rcpt/pending/<seq>                 Pending: a receipt with block_height 0 that waits for a
//   block rcpt/queued/<id of that form>      its sequence number; keeps a second equal one out
//   rcpt/seq                           Queue: next sequence number, pending by market
//   rcpt/block/<height>                Block: header, use of shards, totals; blocks with receipts
//   only rcpt/body/<height><chunk>          Body: encodings in order, in chunks of about 64 KiB
//   rcpt/id/<receipt id>               Place
//   rcpt/nonce/<provider><nonce>       Nonce; rcpt/nonce_age/<block><provider><nonce> finds old
//   ones rcpt/nonce_floor/<provider>        Floor rcpt/provider/<provider>           Provider
//   rcpt/total/<market>                MarketTotal
//   rcpt/epoch/<epoch><market>         EpochTotals; rcpt/rehearsal/... the same of rehearsals
//   rcpt/seen/<kind><epoch><market><provider>  marks of the distinct providers of an epoch
//   rcpt/sample/<epoch><market>        Sample
//   rcpt/dropped                       Dropped: up to where the bodies of blocks are gone
//   rcpt/root/<class><seq>             RootRow: a micro-shard root that waits for its bundle
//   rcpt/roots/<class>                 RootQueue of a size class
//   rcpt/bundle/<number>               Bundle; rcpt/bundles: Bundles, which numbers there are
//
// Integers in keys are big-endian, providers carry a length of two bytes.
// Invariants: a sequence number is used once; pending counts in `rcpt/seq` match the rows; what is
// listed in a block never changes, and leaves only as `receipt_retention_blocks` says.
#pragma once

#include <tb/sdk.hpp>

#include "plugins/receipts/rules/digests.hpp"
#include "plugins/receipts/rules/nonces.hpp"
#include "plugins/receipts/rules/registry.hpp"
#include "plugins/receipts/rules/totals.hpp"
#include "plugins/receipts/rules/validation.hpp"

namespace receipts {

inline constexpr std::uint64_t kMaxPending = 1'000'000;

struct Pending {
  static constexpr std::uint8_t kLayout = 1;
  tb::Blob encoding;
  std::uint64_t emitted_height = 0;
  std::uint8_t auth = 0;
  bool skipped = false;  // a drain has passed it over
};
BOOST_DESCRIBE_STRUCT(Pending, (), (encoding, emitted_height, auth, skipped))

struct Queue {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t next = 1;
  std::vector<std::uint64_t> pending = std::vector<std::uint64_t>(kMarkets);  // by market
  std::uint64_t drain_depth = 0;

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (std::uint64_t count : pending) sum += count;
    return sum;
  }
};
BOOST_DESCRIBE_STRUCT(Queue, (), (next, pending, drain_depth))

struct QueuedAt {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t seq = 0;
};
BOOST_DESCRIBE_STRUCT(QueuedAt, (), (seq))

struct ShardRow {
  std::uint32_t shard = 0;
  tb::Hash root, blob;
  std::uint64_t count = 0, bytes = 0, verify_units = 0;
};
BOOST_DESCRIBE_STRUCT(ShardRow, (), (shard, root, blob, count, bytes, verify_units))

// What a block brought to a market.
struct MarketUse {
  std::uint64_t count = 0;  // slashes included
  std::uint64_t slashes = 0;
  std::uint64_t settled = 0, slashed = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(MarketUse, (), (count, slashes, settled, slashed, bytes))

// The parameters in force when a block was made: later changes must not condemn it.
struct BlockRules {
  bool header = true;  // the height is at or above the activation height
  std::uint32_t shard_count = 0;
  std::uint64_t da_window_secs = 0;
  std::uint64_t shard_budget_ppm = 0, max_per_provider = 0, min_regions = 0, min_asns = 0;
};
BOOST_DESCRIBE_STRUCT(BlockRules, (),
                      (header, shard_count, da_window_secs, shard_budget_ppm, max_per_provider,
                       min_regions, min_asns))

struct Block {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t time_ms = 0;
  std::uint64_t count = 0;
  std::uint32_t chunks = 0;
  std::uint32_t shard_count = 0;
  std::vector<ShardRow> shards;
  std::uint64_t available_until = 0;
  std::uint8_t scheme = 0;
  tb::Hash aggregate;
  tb::Hash commitment;
  std::vector<MarketUse> markets = std::vector<MarketUse>(kMarkets);
  BlockRules rules;
};
BOOST_DESCRIBE_STRUCT(Block, (),
                      (time_ms, count, chunks, shard_count, shards, available_until, scheme,
                       aggregate, commitment, markets, rules))

struct Body {
  static constexpr std::uint8_t kLayout = 1;
  std::uint32_t first = 0;  // index of its first receipt
  tb::Blob encodings;
};
BOOST_DESCRIBE_STRUCT(Body, (), (first, encodings))

struct Place {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t height = 0;
  std::uint32_t index = 0;
};
BOOST_DESCRIBE_STRUCT(Place, (), (height, index))

struct Nonce {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t block = 0;
};
BOOST_DESCRIBE_STRUCT(Nonce, (), (block))

struct Floor {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t next_min = 0, tracked = 0;
};
BOOST_DESCRIBE_STRUCT(Floor, (), (next_min, tracked))

struct KeyRow {
  tb::Hash verifying_key;
  std::uint64_t registered_at_block = 0;
  std::optional<std::uint64_t> retired_at_block;
  std::optional<std::string> evidence;
};
BOOST_DESCRIBE_STRUCT(KeyRow, (), (verifying_key, registered_at_block, retired_at_block, evidence))

struct Provider {
  static constexpr std::uint8_t kLayout = 1;
  std::string source_kind;   // config, signed_announcement, governance, stake_linked
  std::string source_value;  // config path, transaction hash, proposal id, stake id
  std::optional<std::string> region;
  std::optional<std::uint32_t> asn;
  std::vector<KeyRow> key_versions;
};
BOOST_DESCRIBE_STRUCT(Provider, (), (source_kind, source_value, region, asn, key_versions))

struct MarketTotal {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t count = 0, slash_count = 0;
  std::uint64_t settled = 0, slashed = 0;
  std::uint64_t encoded_bytes = 0;
  std::uint64_t last_height = 0;
};
BOOST_DESCRIBE_STRUCT(MarketTotal, (),
                      (count, slash_count, settled, slashed, encoded_bytes, last_height))

struct EpochTotals {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t receipts = 0, slash_receipts = 0, units = 0, settled = 0, slashed = 0;
  std::uint64_t payout_total = 0, providers = 0;
  std::uint64_t provider_escrow_sum = 0, verified = 0, conversions = 0;
  bool closed = false;
};
BOOST_DESCRIBE_STRUCT(EpochTotals, (),
                      (receipts, slash_receipts, units, settled, slashed, payout_total, providers,
                       provider_escrow_sum, verified, conversions, closed))

struct Sample {
  static constexpr std::uint8_t kLayout = 1;
  std::string market;
  std::uint64_t epoch = 0;
  bool rehearsal = false;
  std::uint64_t capacity_units = 0, used_units = 0, payout_total = 0, cost_total = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (),
                      (market, epoch, rehearsal, capacity_units, used_units, payout_total,
                       cost_total))

// Bodies below `height` are gone, and of block `height` itself the chunks below `chunk`.
struct Dropped {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t height = 0;
  std::uint32_t chunk = 0;

  bool covers(std::uint64_t block) const {
    return block < height || (block == height && chunk > 0);
  }
};
BOOST_DESCRIBE_STRUCT(Dropped, (), (height, chunk))

struct RootRow {
  static constexpr std::uint8_t kLayout = 1;
  tb::Hash root_hash;
  std::uint32_t shard_id = 0;
  std::uint8_t lane = 0;
  std::uint64_t available_until = 0;
  std::uint32_t payload_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(RootRow, (), (root_hash, shard_id, lane, available_until, payload_bytes))

// Roots first..next-1 wait; the newest bundle of the class was made in `last_slot`.
struct RootQueue {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t first = 0, next = 0, last_slot = 0;
};
BOOST_DESCRIBE_STRUCT(RootQueue, (), (first, next, last_slot))

struct Bundle {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t slot = 0;
  std::uint8_t size_class = 0;
  tb::Hash bundle_hash;
  std::uint32_t entry_count = 0;
  std::uint64_t available_until = 0;
};
BOOST_DESCRIBE_STRUCT(Bundle, (), (slot, size_class, bundle_hash, entry_count, available_until))

// Bundles first..next-1 are kept.
struct Bundles {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t first = 0, next = 0;
};
BOOST_DESCRIBE_STRUCT(Bundles, (), (first, next))

// Keys.
inline constexpr std::string_view kDroppedKey = "rcpt/dropped";
inline constexpr std::string_view kBundlesKey = "rcpt/bundles";
inline constexpr std::string_view kBundlePrefix = "rcpt/bundle/";
inline constexpr std::string_view kQueueKey = "rcpt/seq";
inline constexpr std::string_view kPendingPrefix = "rcpt/pending/";
inline constexpr std::string_view kBlockPrefix = "rcpt/block/";
inline constexpr std::string_view kProviderPrefix = "rcpt/provider/";
inline constexpr std::string_view kSeenPrefix = "rcpt/seen/";
inline constexpr std::string_view kNonceAgePrefix = "rcpt/nonce_age/";
inline constexpr std::size_t kChunkBytes = 64 * 1024;

inline tb::Key pending_key(std::uint64_t seq) { return tb::Key(kPendingPrefix).u64(seq); }
inline tb::Key queued_key(const tb::Hash& id) { return tb::Key("rcpt/queued/").raw(id.view()); }
inline tb::Key block_key(std::uint64_t height) { return tb::Key(kBlockPrefix).u64(height); }
inline tb::Key body_key(std::uint64_t height, std::uint32_t chunk) {
  return tb::Key("rcpt/body/").u64(height).u32(chunk);
}
inline tb::Key id_key(const tb::Hash& id) { return tb::Key("rcpt/id/").raw(id.view()); }
inline tb::Key with_provider(tb::Key key, std::string_view provider) {
  return key.u16(static_cast<std::uint16_t>(provider.size())).raw(provider);
}
inline tb::Key provider_key(std::string_view provider) {
  return with_provider(tb::Key(kProviderPrefix), provider);
}
inline tb::Key total_key(Market market) { return tb::Key("rcpt/total/").raw(name_of(market)); }
inline tb::Key sample_key(std::uint64_t epoch, std::string_view market) {
  return tb::Key("rcpt/sample/").u64(epoch).raw(market);
}
// `rehearsal`: the tallies of a market that does not trade yet.
inline tb::Key epoch_key(bool rehearsal, std::uint64_t epoch, Market market) {
  return tb::Key(rehearsal ? "rcpt/rehearsal/" : "rcpt/epoch/").u64(epoch).raw(name_of(market));
}
inline tb::Key seen_key(bool rehearsal, std::uint64_t epoch, Market market,
                        std::string_view provider) {
  return with_provider(
      tb::Key(kSeenPrefix).u64(epoch).u8(rehearsal ? 1 : 0).u8(static_cast<std::uint8_t>(market)),
      provider);
}

// Errors, of which the reasons of a check come first.
inline constexpr tb::Error kReasonErrors[] = {{-34100, "schema_mismatch"},
                                              {-34101, "signature_invalid"},
                                              {-34102, "unknown_provider"},
                                              {-34103, "replayed_nonce"},
                                              {-34104, "duplicate_detection"},
                                              {-34105, "blocktorch_metadata"},
                                              {-34106, "budget_exceeded"},
                                              {-34108, "header_mismatch"},
                                              {-34109, "aggregate_sig_mismatch"},
                                              {-34110, "diversity_violation"},
                                              {-34111, "da_expired"}};
inline tb::Error error_of(Reason reason) { return kReasonErrors[static_cast<std::size_t>(reason)]; }
inline constexpr tb::Error kNotAuthorized{-34107, "not_authorized"};
inline constexpr tb::Error kProviderExists{-34112, "provider_exists"};
inline constexpr tb::Error kNotMonotonic{-34113, "rotation_not_monotonic"};
inline constexpr tb::Error kBusy{-34114, "busy"};
inline constexpr tb::Error kNotFound{-34115, "not_found"};
inline constexpr tb::Error kNotKept{-34115, "not_kept"};
inline constexpr tb::Error kInvalidParams{-32602, "invalid_params"};

// Parameters, in the order of the manifest.
inline constexpr tb::Param kShardCount{0};
inline constexpr tb::Param kDaWindowSecs{1};
inline constexpr tb::Param kMinRegions{2};
inline constexpr tb::Param kMinAsns{3};
inline constexpr tb::Param kMaxPerProvider{4};
inline constexpr tb::Param kShardBudgetPpm{5};
inline constexpr tb::Param kNonceFinality{6};
inline constexpr tb::Param kHeaderActivation{7};
inline constexpr tb::Param kAggregateScheme{8};
inline constexpr tb::Param kRequireSignature[] = {tb::Param{9}, tb::Param{10}, tb::Param{11},
                                                  tb::Param{12}};  // storage, compute, energy, ad
inline constexpr tb::Param kRetentionBlocks{13};

// Metrics, in the order of the manifest.
inline constexpr tb::Counter kEmitted{0};
inline constexpr tb::Counter kValidationErrors{1};
inline constexpr tb::Counter kValidationFailures{2};
inline constexpr tb::Counter kDecodingFailures{3};
inline constexpr tb::Counter kEncodingFailures{4};
inline constexpr tb::Counter kAggregateMismatches{5};
inline constexpr tb::Counter kHeaderMismatches{6};
inline constexpr tb::Counter kDiversityViolations{7};
inline constexpr tb::Gauge kPendingGauge[kMarkets] = {tb::Gauge{8}, tb::Gauge{9}, tb::Gauge{10},
                                                      tb::Gauge{11}, tb::Gauge{12}};
inline constexpr tb::Gauge kDrainDepth{13};
inline constexpr tb::Counter kDrainOperations{14};
inline constexpr tb::Counter kMarketCount[4] = {tb::Counter{15}, tb::Counter{16}, tb::Counter{17},
                                                tb::Counter{18}};
inline constexpr tb::Counter kSlashCount[3] = {tb::Counter{19}, tb::Counter{20}, tb::Counter{21}};
inline constexpr tb::Gauge kPerBlock{22};
inline constexpr tb::Gauge kMarketPerBlock[4] = {tb::Gauge{23}, tb::Gauge{24}, tb::Gauge{25},
                                                 tb::Gauge{26}};
inline constexpr tb::Gauge kSlashPerBlock[3] = {tb::Gauge{27}, tb::Gauge{28}, tb::Gauge{29}};
inline constexpr tb::Gauge kBytesPerBlock{30};
inline constexpr tb::Gauge kSettlement[4] = {tb::Gauge{31}, tb::Gauge{32}, tb::Gauge{33},
                                             tb::Gauge{34}};
inline constexpr tb::Gauge kSettlementSlash[3] = {tb::Gauge{35}, tb::Gauge{36}, tb::Gauge{37}};
inline constexpr tb::Gauge kShardReceipts{38};
inline constexpr tb::Gauge kShardBytes{39};
inline constexpr tb::Gauge kShardUnits{40};
inline constexpr tb::Histogram kQueryDuration{41};
inline constexpr tb::Gauge kProviderKeys{42};
inline constexpr tb::Counter kSampleSuccesses{43};
inline constexpr tb::Counter kSampleFailures{44};
inline constexpr tb::Gauge kOldestAge{45};
inline constexpr tb::Counter kRootEvictions{46};
inline constexpr tb::Histogram kDerivationDuration{47};

struct Sealed {
  std::uint64_t height = 0;
  std::uint64_t count = 0;
  tb::Hash commitment;
};
BOOST_DESCRIBE_STRUCT(Sealed, (), (height, count, commitment))
inline constexpr tb::Event<Sealed> kSealedEvent{0};
inline constexpr tb::Event<Bundle> kBundleEvent{1};
inline constexpr tb::Record<Sample> kSampleRecord{0};

}  // namespace receipts
