#include "plugins/receipts/block.hpp"

#include <algorithm>

#include "plugins/receipts/emission.hpp"
#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/roots.hpp"

namespace receipts {
namespace {

// Rows that one pending receipt costs the hook at most: read, two erased, its place, two marks and
// two totals of the epoch.
constexpr std::uint64_t kRowsPerReceipt = 8;
constexpr std::uint64_t kPrunedPerBlock = 1000;
constexpr std::uint32_t kBlockPage = 1000;

struct Waiting {
  std::uint64_t seq = 0;
  Pending row;
};

// The drain of one block, from the queue to the stored block.
class BlockDrain {
 public:
  BlockDrain(tb::Ctx& ctx, Queue queue)
      : ctx_(ctx),
        queue_(std::move(queue)),
        shard_count_(static_cast<std::uint32_t>(ctx.param(kShardCount))),
        drain_(limits(ctx)) {}

  void run() {
    offer_all();
    drain_.finish([&](std::string_view provider) { return origin_of(ctx_, provider); });
    if (!drain_.violations().empty()) {
      ctx_.add(kDiversityViolations, static_cast<std::int64_t>(drain_.violations().size()));
    }
    place();
    pass_over();
    queue_.drain_depth = skipped_before_ + queue_.total();
    ctx_.store(kQueueKey, queue_);
    if (!items_.empty()) seal();
  }

  const Queue& queue() const { return queue_; }
  const Block& block() const { return block_; }

 private:
  static DrainLimits limits(tb::Ctx& ctx) {
    DrainLimits limits;
    limits.shard_budget_ppm = ctx.param(kShardBudgetPpm);
    limits.max_per_provider = ctx.param(kMaxPerProvider);
    limits.min_regions = ctx.param(kMinRegions);
    limits.min_asns = ctx.param(kMinAsns);
    return limits;
  }

  void offer_all() {
    std::uint64_t left = std::min(kMaxLookedAt, ctx_.rows_left() / kRowsPerReceipt);
    std::string after;
    while (left > 0) {
      const auto page = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kBlockPage));
      const std::uint32_t rows =
          ctx_.scan(kPendingPrefix, after, page, [&](std::string_view key, std::string_view value) {
            after.assign(key);
            offer(tb::Key::read_u64(key, kPendingPrefix.size()), tb::row_as<Pending>(value));
          });
      left -= rows;
      if (rows < page) return;
    }
  }

  void offer(std::uint64_t seq, Pending row) {
    std::optional<Receipt> receipt = decode(row.encoding.data);
    if (!receipt) throw std::runtime_error(tb::cat("pending receipt ", seq, " does not decode"));
    receipt->set_number("block_height", ctx_.height());
    offered_.push_back(make_item(*std::move(receipt), shard_count_));
    drain_.offer(offered_.back());
    waiting_.push_back({seq, std::move(row)});
  }

  void place() {
    taken_.assign(waiting_.size(), false);
    items_.reserve(drain_.taken().size());
    for (std::size_t number : drain_.taken()) {
      taken_[number] = true;
      const Waiting& waiting = waiting_[number];
      Item& item = offered_[number];
      skipped_before_ += waiting.row.skipped ? 1 : 0;
      ctx_.erase(pending_key(waiting.seq));
      Receipt queued = item.receipt;
      queued.set_number("block_height", 0);
      ctx_.erase(queued_key(receipt_id(queued)));
      queue_.pending[static_cast<std::size_t>(item.receipt.market())] -= 1;
      const auto index = static_cast<std::uint32_t>(items_.size());
      const tb::Hash id = receipt_id(item.receipt);
      ctx_.store(id_key(id), Place{ctx_.height(), index});
      count(item);
      log_line(item, index, id);
      items_.push_back(std::move(item));
    }
  }

  void count(const Item& item) {
    const Receipt& receipt = item.receipt;
    MarketUse& use = block_.markets[static_cast<std::size_t>(receipt.market())];
    use.count += 1;
    use.bytes += encoded_length(item.encoding);
    if (receipt.slash()) {
      use.slashes += 1;
      use.slashed = saturating_add(use.slashed, receipt.amount());
    } else if (receipt.market() != Market::kRelay) {
      use.settled = saturating_add(use.settled, receipt.amount());
    }
    add_to_epoch(ctx_, false, receipt);
  }

  void log_line(const Item& item, std::uint32_t index, const tb::Hash& id) {
    const Receipt& receipt = item.receipt;
    ctx_.log(TB_LOG_INFO,
             tb::cat("receipts market=", name_of(receipt.market()), " type=", receipt.schema().type,
                     " height=", ctx_.height(), " index=", index, " provider=", receipt.provider(),
                     " amount=", receipt.amount(), " id=", id.hex()));
  }

  // Those that stay are marked once.
  void pass_over() {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (taken_[i] || waiting_[i].row.skipped) continue;
      waiting_[i].row.skipped = true;
      ctx_.store(pending_key(waiting_[i].seq), waiting_[i].row);
    }
  }

  void seal() {
    const std::uint64_t until = ctx_.time_ms() + 1000 * ctx_.param(kDaWindowSecs);
    const Header header = make_header(items_, shard_count_, until,
                                      static_cast<std::uint8_t>(ctx_.param(kAggregateScheme)));
    const bool has_header = ctx_.height() >= ctx_.param(kHeaderActivation);
    block_.time_ms = ctx_.time_ms();
    block_.count = items_.size();
    block_.shard_count = has_header ? shard_count_ : 0;
    for (const ShardUse& use : header.shards)
      block_.shards.push_back({use.shard, use.root, use.blob, use.count, use.bytes, use.units});
    block_.available_until = until;
    block_.scheme = header.scheme;
    block_.aggregate = header.aggregate;
    block_.rules = {has_header,
                    shard_count_,
                    ctx_.param(kDaWindowSecs),
                    ctx_.param(kShardBudgetPpm),
                    ctx_.param(kMaxPerProvider),
                    ctx_.param(kMinRegions),
                    ctx_.param(kMinAsns)};
    block_.commitment = commitment(has_header ? &header : nullptr, encode_list(items_));
    store_bodies();
    ctx_.store(block_key(ctx_.height()), block_);
    add_to_totals();
    ctx_.emit(kSealedEvent, {ctx_.height(), block_.count, block_.commitment});
  }

  void store_bodies() {
    Body body;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      body.encodings.data += items_[i].encoding;
      if (body.encodings.data.size() < kChunkBytes && i + 1 < items_.size()) continue;
      ctx_.store(body_key(ctx_.height(), block_.chunks++), body);
      body = Body{static_cast<std::uint32_t>(i + 1), {}};
    }
  }

  void add_to_totals() {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      const MarketUse& use = block_.markets[i];
      if (use.count == 0) continue;
      const tb::Key key = total_key(static_cast<Market>(i));
      MarketTotal total = ctx_.load<MarketTotal>(key).value_or(MarketTotal{});
      total.count += use.count;
      total.slash_count += use.slashes;
      total.settled = saturating_add(total.settled, use.settled);
      total.slashed = saturating_add(total.slashed, use.slashed);
      total.encoded_bytes = saturating_add(total.encoded_bytes, use.bytes);
      total.last_height = ctx_.height();
      ctx_.store(key, total);
    }
  }

  tb::Ctx& ctx_;
  Queue queue_;
  std::uint32_t shard_count_;
  Drain drain_;
  std::vector<Waiting> waiting_;
  std::vector<Item> offered_;
  std::vector<bool> taken_;
  std::vector<Item> items_;
  std::uint64_t skipped_before_ = 0;
  Block block_;
};

std::int64_t shown(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
}

void set_market_gauges(tb::Ctx& ctx, const Block& block) {
  std::uint64_t bytes = 0;
  for (const MarketUse& use : block.markets) bytes += use.bytes;
  ctx.set(kPerBlock, shown(block.count));
  ctx.set(kBytesPerBlock, shown(bytes));
  for (std::size_t i = 0; i < std::size(kMarketPerBlock); ++i) {
    ctx.set(kMarketPerBlock[i], shown(block.markets[i].count));
    ctx.set(kSettlement[i], shown(block.markets[i].settled));
  }
  for (std::size_t i = 0; i < std::size(kSlashPerBlock); ++i) {
    ctx.set(kSlashPerBlock[i], shown(block.markets[i].slashes));
    ctx.set(kSettlementSlash[i], shown(block.markets[i].slashed));
  }
}

void count_market_metrics(tb::Ctx& ctx, const Block& block) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const MarketUse& use = block.markets[i];
    if (use.count == 0) continue;
    ctx.add(kEmitted, shown(use.count), {kMarketNames[i]});
    if (i < std::size(kMarketCount)) ctx.add(kMarketCount[i], shown(use.count));
    if (i < std::size(kSlashCount) && use.slashes > 0) ctx.add(kSlashCount[i], shown(use.slashes));
  }
}

// Shards of the block before that are empty now go back to 0.
void set_shard_gauges(tb::Ctx& ctx, const Block* before, const Block& block) {
  const auto set = [&](const ShardRow& row) {
    const std::string shard = std::to_string(row.shard);
    ctx.set(kShardReceipts, shown(row.count), {shard});
    ctx.set(kShardBytes, shown(row.bytes), {shard});
    ctx.set(kShardUnits, shown(row.verify_units), {shard});
  };
  if (before != nullptr) {
    for (const ShardRow& row : before->shards) set(ShardRow{row.shard, {}, {}, 0, 0, 0});
  }
  for (const ShardRow& row : block.shards) set(row);
}

void show(tb::Ctx& ctx, const Queue& queue, const Block& block) {
  const std::optional<Block> before =
      ctx.height() == 0 ? std::nullopt : ctx.load<Block>(block_key(ctx.height() - 1));
  for (std::size_t i = 0; i < kMarkets; ++i) ctx.set(kPendingGauge[i], shown(queue.pending[i]));
  ctx.set(kDrainDepth, shown(queue.drain_depth));
  if (block.count == 0 && !before) return;
  if (block.count > 0) ctx.add(kDrainOperations);
  set_market_gauges(ctx, block);
  count_market_metrics(ctx, block);
  set_shard_gauges(ctx, before ? &*before : nullptr, block);
}

// Marks of closed epochs go a page a block.
void sweep_marks(tb::Ctx& ctx) {
  std::vector<std::string> old;
  const auto limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(256, ctx.rows_left() / 2));
  if (limit == 0) return;
  ctx.scan(kSeenPrefix, {}, limit, [&](std::string_view key, std::string_view) {
    if (tb::Key::read_u64(key, kSeenPrefix.size()) >= ctx.epoch()) return false;
    old.emplace_back(key);
    return true;
  });
  for (const std::string& key : old) ctx.erase(key);
}

}  // namespace

tb::Status end_block(tb::Ctx& ctx) {
  drop_old_bodies(ctx);
  bundle_roots(ctx);
  Queue queue = ctx.load<Queue>(kQueueKey).value_or(Queue{});
  if (queue.total() > 0) {
    BlockDrain drain(ctx, std::move(queue));
    drain.run();
    show(ctx, drain.queue(), drain.block());
    if (drain.queue().total() > 0) ctx.pending_work();
  } else {
    if (queue.drain_depth != 0) {
      queue.drain_depth = 0;
      ctx.store(kQueueKey, queue);
    }
    show(ctx, queue, Block{});
  }
  NonceState nonces(ctx);
  prune_nonces(nonces, ctx.height(), ctx.param(kNonceFinality),
               std::min(kPrunedPerBlock, ctx.rows_left() / kRowsPerReceipt));
  sweep_marks(ctx);
  return tb::ok();
}

tb::Status end_epoch(tb::Ctx& ctx) {
  for (const bool rehearsal : {false, true}) {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      const tb::Key key = epoch_key(rehearsal, ctx.epoch(), static_cast<Market>(i));
      std::optional<EpochTotals> row = ctx.load<EpochTotals>(key);
      if (!row) continue;
      row->closed = true;
      ctx.store(key, *row);
    }
  }
  return tb::ok();
}

}  // namespace receipts
