#include "kernel/chain/store/log_views.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>

#include "kernel/base/file.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/store/lost_blocks.hpp"
#include "kernel/chain/store/mmr_rows.hpp"
#include "kernel/chain/store/prune.hpp"
#include "kernel/storage/renewable_store.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxWaitingBlocks = 256;
constexpr std::size_t kBatchBlocks = 1000;
constexpr std::uint64_t kNoteBlocks = 100'000;
constexpr std::size_t kBatchCommands = 100'000;
constexpr auto kRetryFull = std::chrono::seconds(5);
constexpr BytesView kNextRow = "next", kEventsRow = "events";

Bytes command_key(const Hash& id) { return Bytes("c").append(view(id)); }

KvWrite count_row(BytesView row, std::uint64_t value) {
  Bytes bytes;
  put_u64(bytes, value);
  return {Bytes(row), std::move(bytes)};
}

// Nodes of the store, and those that are about to be written.
class ViewNodes final : public StoredMmr {
 public:
  using StoredMmr::StoredMmr;
  void add(const MmrNode& node) { fresh_[node.position] = node.hash; }
  Result<Hash> node(std::uint64_t position) const override {
    if (const auto at = fresh_.find(position); at != fresh_.end()) return at->second;
    return StoredMmr::node(position);
  }

 private:
  std::map<std::uint64_t, Hash> fresh_;  // of one batch
};

StoreOpener opener_of(const std::string& dir) {
  return [dir]() -> Result<std::unique_ptr<KvStore>> {
    LevelDbOptions options;
    options.create_if_missing = true;
    options.write_buffer_bytes = 4u << 20;
    options.cache_bytes = 1u << 20;
    options.max_open_files = 64;
    return open_leveldb(dir, options);
  };
}

// A directory that vanishes under a running store is an error, not a reason to begin again quietly.
Status still_there(const std::string& dir) {
  if (file_exists(dir + "/CURRENT")) return {};
  return Status(Code::kIo, dir + " was removed while the node runs",
                "start the node again: it makes the view anew from the log");
}

}  // namespace

Result<ViewedBlock> viewed_block(const BlockLog& log, std::uint64_t height) {
  ViewedBlock out;
  out.height = height;
  const bool pruned = height < log.first().value_or(0);
  Result<Bytes> payload = log.read(pruned ? LogRecordType::kPruned : LogRecordType::kBlock, height);
  if (!payload.ok()) return payload.status();
  if (pruned) {
    Result<PrunedBlock> block = decode_pruned(*payload);
    if (!block.ok()) return block.status();
    out.hash = block->front.header.hash();
    out.mmr_root = block->front.header.mmr_root;
    for (const PrunedBlock::Trace& command : block->commands) out.command_ids.push_back(command.id);
    out.events = block->events;
    return out;
  }
  Result<BlockRecord> block = decode_block(*payload, false);
  if (!block.ok()) return block.status();
  out.hash = block->header.hash();
  out.mmr_root = block->header.mmr_root;
  for (const Step& step : block->steps) out.events += step.events.size();
  Result<Bytes> bytes = log.read(LogRecordType::kBatch, height);
  if (!bytes.ok()) return bytes.status();
  Result<Batch> batch = decode_batch(*bytes, false);
  if (!batch.ok()) return batch.status().in("height " + std::to_string(height));
  for (const CommandPtr& command : batch->commands) out.command_ids.push_back(command->id);
  return out;
}

Result<std::unique_ptr<LogViews>> LogViews::open(LogViewsOptions options) {
  std::unique_ptr<LogViews> views(new LogViews(std::move(options)));
  TB_TRY(views->open_views());
  views->thread_ = std::thread([at = views.get()] { at->follow(); });
  return views;
}

LogViews::~LogViews() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// ---- opening

Status LogViews::open_views() {
  struct View {
    std::unique_ptr<KvStore>& store;
    const std::string& dir;
    Status (LogViews::*check)(std::string*) const;
  };
  head_ = options_.log->head().value_or(0);
  for (View view : {View{mmr_, options_.mmr_dir, &LogViews::check_mmr},
                    View{index_, options_.index_dir, &LogViews::check_index}}) {
    const StoreOpener open = opener_of(view.dir);
    std::string wrong;
    Result<std::unique_ptr<KvStore>> store = open();
    if (store.ok()) {
      view.store =
          make_renewable(*std::move(store), open, [dir = view.dir] { return room_to_reopen(dir); });
      if (&view.store == &mmr_)
        TB_TRY(check_lost_blocks(*mmr_, options_.mmr_dir, *options_.log,
                                 {options_.base_blocks, options_.base_peaks}, {}));
      const Status checked = (this->*view.check)(&wrong);
      if (checked.code() == Code::kCorrupt || checked.code() == Code::kNotFound) {
        wrong = checked.message();
      } else if (!checked.ok()) {
        return checked;
      }
    } else if (store.status().code() == Code::kCorrupt) {
      wrong = store.status().message();
    } else {
      return store.status();
    }
    if (!wrong.empty()) TB_TRY(make_anew(view.store, view.dir, wrong));
  }
  Result<std::uint64_t> leaves = read_count(*mmr_, kMmrLeavesRow);
  if (!leaves.ok()) return leaves.status();
  Result<std::uint64_t> next = read_count(*index_, kNextRow);
  if (!next.ok()) return next.status();
  leaves_.store(*leaves);
  indexed_.store(*next);
  Result<std::uint64_t> events = read_count(*index_, kEventsRow);
  if (!events.ok()) return events.status();
  events_.store(*events);
  if (!options_.log->head()) {
    if (options_.base_blocks == 0) return {};
    head_ = options_.base_blocks - 1;
    return begin_at_base();
  }
  TB_TRY(begin_at_base());
  return level(head_);
}

// The newest root that a header vouches for, and that the leaves behind it are those of the log.
Status LogViews::check_mmr(std::string* wrong) const {
  Result<std::uint64_t> leaves = read_count(*mmr_, kMmrLeavesRow);
  if (!leaves.ok()) return leaves.status();
  const std::optional<std::uint64_t> head = options_.log->head();
  if (*leaves == 0 || (!head && *leaves == options_.base_blocks)) return {};
  if (!head || *leaves > *head + 1) {
    *wrong = "it has " + std::to_string(*leaves) +
             " leaves, more than the log has blocks, and not the log's newest one";
    return {};
  }
  const std::uint64_t at = std::min(*leaves, *head);
  if (at < options_.log->first_pruned().value_or(0)) {
    *wrong = "it ends in front of the log";
    return {};
  }
  Result<ViewedBlock> block = viewed_block(*options_.log, at);
  if (!block.ok()) return block.status();
  const ViewNodes nodes(*mmr_);
  Result<Hash> root = blockd::mmr_root(nodes, at);
  if (!root.ok()) return root.status();
  if (*root != block->mmr_root)
    *wrong = "its root over " + std::to_string(at) + " leaves is not that of header " +
             std::to_string(at);
  if (*leaves == at || !wrong->empty()) return {};
  Result<Hash> leaf = nodes.node(mmr_leaf_position(at));
  if (!leaf.ok()) return leaf.status();
  if (*leaf != block->hash) *wrong = "leaf " + std::to_string(at) + " is not the header's hash";
  return {};
}

Status LogViews::check_index(std::string* wrong) const {
  Result<std::uint64_t> next = read_count(*index_, kNextRow);
  if (!next.ok()) return next.status();
  const std::optional<std::uint64_t> head = options_.log->head();
  if (*next != 0 && (!head || *next > *head + 1)) {
    *wrong = "it has " + std::to_string(*next) + " blocks, more than the log";
    return {};
  }
  const std::uint64_t first = options_.log->first_pruned().value_or(0);
  if (*next == 0 || *next <= first) return {};
  Result<ViewedBlock> block = viewed_block(*options_.log, *next - 1);
  if (!block.ok()) return block.status();
  for (const Hash& id : block->command_ids) {
    std::optional<Bytes> value;
    TB_TRY(index_->get(command_key(id), &value));
    if (!value) *wrong = "a command of block " + std::to_string(*next - 1) + " is not in it";
  }
  return {};
}

Status LogViews::make_anew(std::unique_ptr<KvStore>& store, const std::string& dir,
                           const std::string& why) {
  store.reset();
  note(dir + " is not usable (" + why + "); it is made again from the log");
  std::error_code error;
  std::filesystem::remove_all(dir, error);
  if (error) return Status(Code::kIo, dir + " cannot be removed: " + error.message());
  const StoreOpener open = opener_of(dir);
  Result<std::unique_ptr<KvStore>> fresh = open();
  if (!fresh.ok()) return fresh.status();
  store = make_renewable(*std::move(fresh), open, [dir] { return room_to_reopen(dir); });
  return {};
}

// The blocks in front of a snapshot are not here; their mountains are.
Status LogViews::begin_at_base() {
  const std::uint64_t first = options_.log->first_pruned().value_or(options_.base_blocks);
  if (indexed_.load() < first) indexed_.store(first);
  if (leaves_.load() >= first) return {};
  const std::vector<MmrMountain> mountains = mmr_mountains(first);
  if (mountains.size() != options_.base_peaks.size())
    return Status(Code::kCorrupt,
                  options_.mmr_dir + ": the log begins at height " + std::to_string(first) +
                      " and the mountains in front of it are not known",
                  "restore the snapshot again");
  std::vector<KvWrite> rows;
  for (std::size_t i = 0; i < mountains.size(); ++i)
    rows.push_back({mmr_node_key(mountains[i].peak_position), Bytes(view(options_.base_peaks[i]))});
  rows.push_back(count_row(kMmrLeavesRow, first));
  TB_TRY(mmr_->write(rows, false));
  leaves_.store(first);
  return {};
}

Status LogViews::level(std::uint64_t head) {
  const std::uint64_t begin = std::min(leaves_.load(), indexed_.load());
  std::vector<ViewedBlock> batch;
  std::size_t commands = 0;
  for (std::uint64_t height = begin; height <= head; ++height) {
    Result<ViewedBlock> block = viewed_block(*options_.log, height);
    if (!block.ok()) return block.status();
    commands += block->command_ids.size();
    batch.push_back(*std::move(block));
    const bool last = height == head;
    if (last || batch.size() >= kBatchBlocks || commands >= kBatchCommands) {
      TB_TRY(write(batch));
      batch.clear();
      commands = 0;
    }
    if (height > begin && (height - begin) % kNoteBlocks == 0)
      note("mmr and index: " + std::to_string(height - begin) + " of " +
           std::to_string(head - begin + 1) + " blocks read");
  }
  return {};
}

// ---- writing

Status LogViews::write(const std::vector<ViewedBlock>& blocks) {
  TB_TRY(still_there(options_.mmr_dir));
  TB_TRY(still_there(options_.index_dir));
  TB_TRY(write_mmr(blocks));
  return write_index(blocks);
}

Status LogViews::write_mmr(const std::vector<ViewedBlock>& blocks) {
  ViewNodes nodes(*mmr_);
  std::vector<KvWrite> rows;
  std::uint64_t leaves = leaves_.load();
  for (const ViewedBlock& block : blocks) {
    if (block.height != leaves) continue;  // the other view was behind
    Result<std::vector<MmrNode>> added = mmr_append(nodes, leaves, block.hash);
    if (!added.ok()) return added.status();
    for (const MmrNode& node : *added) {
      nodes.add(node);
      rows.push_back({mmr_node_key(node.position), Bytes(view(node.hash))});
    }
    ++leaves;
  }
  if (rows.empty()) return {};
  rows.push_back(count_row(kMmrLeavesRow, leaves));
  TB_TRY(mmr_->write(rows, false));
  leaves_.store(leaves);
  return {};
}

Status LogViews::write_index(const std::vector<ViewedBlock>& blocks) {
  std::vector<KvWrite> rows;
  std::uint64_t next = indexed_.load(), events = events_.load();
  for (const ViewedBlock& block : blocks) {
    if (block.height != next) continue;
    events += block.events;
    for (std::uint32_t i = 0; i < block.command_ids.size(); ++i) {
      Bytes place;
      put_be64(place, block.height);
      put_le(place, __builtin_bswap32(i));
      rows.push_back({command_key(block.command_ids[i]), std::move(place)});
    }
    ++next;
  }
  if (next == indexed_.load()) return {};
  rows.push_back(count_row(kNextRow, next));
  rows.push_back(count_row(kEventsRow, events));
  TB_TRY(index_->write(rows, false));
  indexed_.store(next);
  events_.store(events);
  return {};
}

Result<LogViews::Extent> LogViews::extent() const {
  const std::shared_ptr<const KvReader> now = index_->snapshot();
  Result<std::uint64_t> below = read_count(*now, kNextRow), events = read_count(*now, kEventsRow);
  if (!below.ok()) return below.status();
  if (!events.ok()) return events.status();
  return Extent{*below, *events};
}

void LogViews::committed(const std::shared_ptr<const BlockRecord>& block) {
  ViewedBlock viewed;
  viewed.height = block->header.height;
  viewed.hash = block->header.hash();
  viewed.mmr_root = block->header.mmr_root;
  viewed.command_ids.reserve(block->commands.size());
  for (const CommandPtr& command : block->commands) viewed.command_ids.push_back(command->id);
  for (const Step& step : block->steps) viewed.events += step.events.size();
  {
    std::lock_guard lock(mutex_);
    head_ = viewed.height;
    if (waiting_.size() < kMaxWaitingBlocks) waiting_.push_back(std::move(viewed));
  }
  changed_.notify_one();
}

void LogViews::follow() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto behind = [this] { return std::min(leaves_.load(), indexed_.load()) <= head_; };
    changed_.wait(lock, [&] {
      return stop_ || !waiting_.empty() || (health_.code() != Code::kIo && behind());
    });
    if (stop_ && waiting_.empty()) return;
    std::vector<ViewedBlock> blocks(std::make_move_iterator(waiting_.begin()),
                                    std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    const std::uint64_t head = head_;
    if (!health_.ok() && health_.code() != Code::kNoSpace) {
      if (stop_) return;
      continue;  // closed until the next start
    }
    const bool was_full = !health_.ok();
    lock.unlock();
    Status status;
    if (was_full) {
      status = mmr_->reopen();
      if (status.ok()) status = index_->reopen();
    }
    if (status.ok()) status = write(blocks);
    if (status.ok()) status = level(head);
    lock.lock();
    if (!status.ok() && health_.ok()) note("mmr and index: " + status.to_string());
    health_ = status.ok() || status.code() == Code::kNoSpace
                  ? status
                  : Status(Code::kIo, status.message(), status.hint());
    if (health_.code() == Code::kNoSpace)
      changed_.wait_for(lock, kRetryFull, [this] { return stop_; });
    if (stop_ && !health_.ok()) return;
  }
}

// ---- reading

Status LogViews::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

Status LogViews::check_written(std::uint64_t leaf_count) const {
  if (Status h = health(); !h.ok() && h.code() != Code::kNoSpace) return h;  // reads go on
  if (leaf_count <= leaves_.load()) return {};
  return Status(Code::kUnavailable,
                "the MMR has " + std::to_string(leaves_.load()) + " headers so far, " +
                    std::to_string(leaf_count) + " are needed",
                "ask again in a moment");
}

Result<std::optional<LogViews::Place>> LogViews::find(const Hash& command_id) const {
  if (Status h = health(); !h.ok() && h.code() != Code::kNoSpace) return h;  // reads go on
  std::optional<Bytes> value;
  TB_TRY(index_->get(command_key(command_id), &value));
  if (!value) return std::optional<Place>();
  Reader in(*value);
  Place place;
  place.height = __builtin_bswap64(in.u64());
  place.index = __builtin_bswap32(in.u32());
  if (!in.done()) return Status(Code::kCorrupt, options_.index_dir + ": an entry is damaged");
  return std::optional<Place>(place);
}

Result<MmrInclusionProof> LogViews::prove_inclusion(std::uint64_t leaf,
                                                    std::uint64_t leaf_count) const {
  TB_TRY(check_written(leaf_count));
  return mmr_prove_inclusion(ViewNodes(*mmr_), leaf, leaf_count);
}

Result<std::vector<Hash>> LogViews::prove_consistency(std::uint64_t old_count,
                                                      std::uint64_t new_count) const {
  TB_TRY(check_written(new_count));
  return mmr_prove_consistency(ViewNodes(*mmr_), old_count, new_count);
}

Result<Hash> LogViews::mmr_root(std::uint64_t leaf_count) const {
  TB_TRY(check_written(leaf_count));
  return blockd::mmr_root(ViewNodes(*mmr_), leaf_count);
}

}  // namespace blockd
