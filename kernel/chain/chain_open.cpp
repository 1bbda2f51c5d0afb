// Opening a chain: block 0 of a new one; else the state is brought level with the log by deltas,
// never by executing.
#include <algorithm>

#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::size_t kRecoveryBatchBytes = 4u << 20;
constexpr std::uint64_t kHashPage = 1u << 16;
constexpr std::string_view kRepair = "run `contract-cli storage repair`, or restore a snapshot";

Bytes hash_key(std::uint64_t height) {
  Bytes key(kHashRows);
  put_be64(key, height);
  return key;
}

}  // namespace

ChainImpl::ChainImpl(ChainOptions options)
    : options_(std::move(options)),
      state_(std::move(options_.state)),
      rows_(options_.cache_rows),
      executor_(
          options_.genesis, [this](const RosterEntry& entry) { return provide(entry); },
          &verify_cache_, options_.imports),
      macro_(options_.background_roots, options_.on_macro_ready) {}

ChainImpl::~ChainImpl() {
  // A clean stop: what is in the log is in the state. Whatever fails here is repaired by the next
  // open.
  macro_.stop();
  const bool whole = log_ != nullptr && machines_ != nullptr && !behind_ && !io_failed_;
  if (whole && !checkpoint().ok()) set_stalled(Status(Code::kIo, "no checkpoint at stop"));
}

Result<std::unique_ptr<Chain>> Chain::open(ChainOptions options, std::vector<std::string>* notes) {
  if (options.disk == nullptr || options.clock == nullptr || options.machines == nullptr ||
      options.state == nullptr) {
    return Status(Code::kInvalid, "chain: disk, clock, machines and state are required");
  }
  if (options.ahead_blocks > 0 && !options.state->holds()) {
    return Status(
        Code::kInvalid,
        "chain: blocks may be ahead of the disk only before a state that holds their rows");
  }
  std::vector<std::string> ignored;
  auto chain = std::make_unique<ChainImpl>(std::move(options));
  TB_TRY(chain->open(notes == nullptr ? &ignored : notes));
  return std::unique_ptr<Chain>(std::move(chain));
}

Status ChainImpl::open(std::vector<std::string>* notes) {
  validators_hash_ = validators_hash();
  watch_syncs();
  if (options_.examine) {
    options_.log.examine = [this](const BlockLog& log, const std::string& cut) {
      return options_.examine(log, *state_, cut).in(options_.log_dir);
    };
  }
  std::string cut;
  Result<std::unique_ptr<BlockLog>> log =
      BlockLog::open(*options_.disk, options_.log_dir, options_.log, &cut);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  if (!cut.empty()) notes->push_back(cut);
  TB_TRY(read_base());
  if (log_->head()) return recover(notes);
  return base_ ? begin_at_base(notes) : make_genesis(notes);
}

Result<Machine> ChainImpl::provide(const RosterEntry& entry) const {
  std::lock_guard lock(provider_mutex_);
  return options_.machines->find(entry);
}

Hash ChainImpl::validators_hash() const {
  std::vector<std::pair<PublicKey, std::uint64_t>> set;
  for (const Genesis::Validator& v : options_.genesis.validators) set.emplace_back(v.key, v.power);
  return blockd::validators_hash(set);
}

Status ChainImpl::make_genesis(std::vector<std::string>* notes) {
  std::optional<Bytes> head;
  TB_TRY(state_->get(kHeadRow, &head));
  if (head) {
    return Status(
        Code::kCorrupt,
        options_.log_dir + ": the block log is empty, but the state belongs to a chain with blocks",
        "restore the log; to begin a new chain move state, mmr and index away");
  }
  Result<std::shared_ptr<const MachineSet>> machines =
      executor_.resolve(options_.genesis.plugins, 0);
  if (!machines.ok()) return machines.status().in("genesis");
  BlockOutput output;
  TB_TRY(executor_.execute_genesis(*state_, *machines, &output));
  BlockRecord record;
  record.header.previous = options_.genesis.hash();
  record.header.time_ms = options_.genesis.timestamp_ms;
  record.header.write_set_root = output.write_set_root;
  record.header.roster_hash = output.machines->roster_hash();
  record.header.validators_hash = validators_hash_;
  StateRoot root;
  for (const Overlay::Change& change : executor_.changes()) {
    auto [space, key] = split_key(change.key);
    root.add(space, key, *change.after);
  }
  record.header.macro = Header::Macro{0, root.finish()};
  record.receipts_commitment = kNoReceipts;
  const Hash hash = record.header.hash();
  std::uint64_t bytes = 0;
  TB_TRY(write_log(record, output, options_.genesis.timestamp_ms, &bytes));
  TB_TRY(log_->sync());
  TB_TRY(state_->write(*state_writes(0, hash), true));
  note_hash(0, hash);
  publish(0, options_.genesis.timestamp_ms, hash, output.machines);
  notes->push_back("made block 0 of chain " + options_.genesis.chain_id);
  return {};
}

Status ChainImpl::recover(std::vector<std::string>* notes) {
  TB_TRY(check_genesis());
  const std::uint64_t head = *log_->head();
  TB_TRY(level_state(head, notes));
  TB_TRY(load_hashes(head));
  TB_TRY(load_machines());
  return resume_macro();
}

// A block is in the state only after the log has synced it. So a state of this very chain that is
// ahead of its log tells of committed blocks that the log has lost.
Status ChainImpl::check_lost_blocks(std::uint64_t head, std::uint64_t at) const {
  std::optional<Bytes> ours;
  TB_TRY(state_->get(hash_key(head), &ours));
  Result<Header> header = this->header(head);
  if (!header.ok()) return header.status();
  if (!ours || *ours != blockd::view(header->hash())) return {};
  return Status(Code::kCorrupt,
                options_.log_dir + ": the log ends with block " + std::to_string(head) +
                    ", but the state has block " + std::to_string(at) +
                    " of this chain: committed blocks are missing from the log",
                "put back the newest segment from a copy; to go on without them, set the state "
                "aside with `contract-cli maintenance repair`");
}

// The height that the state says it has, if its head is one of our log's.
Status ChainImpl::state_height(std::uint64_t head, std::optional<std::uint64_t>* height,
                               std::string* damage) const {
  height->reset();
  std::optional<Bytes> row;
  TB_TRY(state_->get(kHeadRow, &row));
  if (!row) return {};
  Reader in(*row);
  std::uint64_t at = in.u64();
  Hash hash = in.array<32>();
  if (!in.done()) {
    *damage = "its head row is damaged";
  } else if (at > head) {
    TB_TRY(check_lost_blocks(head, at));
    *damage =
        "it is at height " + std::to_string(at) + ", ahead of the log at " + std::to_string(head);
  } else if (base_ && at == base_->height) {
    if (base_->hash != hash) *damage = "its head is not the snapshot that it began as";
  } else {
    Result<Header> header = this->header(at);
    if (!header.ok()) return header.status();
    if (header->hash() != hash)
      *damage = "it was made by another chain: its head at height " + std::to_string(at) +
                " is not the log's";
  }
  if (damage->empty()) *height = at;
  return {};
}

Status ChainImpl::level_state(std::uint64_t head, std::vector<std::string>* notes) {
  std::optional<std::uint64_t> at;
  std::string damage;
  TB_TRY(state_height(head, &at, &damage));
  if (!at) {
    // An empty store is what a crash right behind block 0 leaves, too: the deltas of the log fill
    // it.
    bool empty = damage.empty();
    if (empty) TB_TRY(state_->scan({}, {}, 1, [&](BytesView, BytesView) { return empty = false; }));
    if (damage.empty())
      damage = "it has no head row, the log has " + std::to_string(head + 1) + " blocks";
    if ((options_.recreate_state == nullptr && !empty) || first_height() != 0) {
      return Status(Code::kCorrupt, "state store: " + damage, std::string(kRepair));
    }
    if (!empty) {
      Result<std::unique_ptr<KvStore>> fresh = options_.recreate_state();
      if (!fresh.ok()) return fresh.status().in("state store: " + damage);
      state_ = *std::move(fresh);
    }
    notes->push_back("state store: " + damage + "; made anew from the deltas of the log");
  }
  // What was written since the checkpoint may have been lost in part: deltas are absolute, applying
  // them again does no harm.
  std::uint64_t from = 0;
  if (at) from = std::min(*at, log_->checkpoint().value_or(0)) + (log_->checkpoint() ? 1 : 0);
  if (!log_->checkpoint()) from = 0;
  if (at && *at + 1 < first_height()) {
    return Status(
        Code::kCorrupt,
        "state store: it is at height " + std::to_string(*at) + ", and the blocks up to " +
            std::to_string(first_height()) + " are pruned from the log",
        "restore a snapshot of height " + std::to_string(first_height() - 1) +
            " or above: `contract-cli maintenance repair` takes the newest that verifies");
  }
  from = std::max(from, first_height());
  if (from > head) return {};
  TB_TRY(apply_deltas(from, head));
  if (!at || *at < head) {
    notes->push_back("state store: applied the deltas of blocks " + std::to_string(from) + ".." +
                     std::to_string(head));
  }
  return {};
}

// After the disk was full: the engine refuses writes until it is opened anew, and may have lost
// what it had not written; the log has it.
Status ChainImpl::renew_state() {
  forget_flush();
  TB_TRY(state_->reopen().in("state store"));
  std::vector<std::string> notes;
  TB_TRY(level_state(*log_->head(), &notes));
  state_full_ = false;
  return {};
}

Status ChainImpl::apply_deltas(std::uint64_t from, std::uint64_t to) {
  std::vector<KvWrite> batch;
  std::size_t bytes = 0;
  Status inner;
  auto flush = [&] {
    Status status = state_->write(batch, false);
    batch.clear();
    bytes = 0;
    return status;
  };
  Status outer = log_->visit(from, [&](const LogRecord& record) {
    if (record.type != LogRecordType::kBlock) return true;
    if (record.height < from) return true;
    Result<BlockRecord> front = decode_block_front(record.payload);
    inner = front.ok()
                ? visit_deltas(record.payload,
                               [&](std::uint32_t, const DeltaView& row) {
                                 Bytes key = space_prefix(row.space);
                                 key.append(row.key);
                                 bytes += key.size() + (row.after ? row.after->size() : 0);
                                 batch.push_back(
                                     {std::move(key),
                                      row.after ? std::optional<Bytes>(*row.after) : std::nullopt});
                               })
                : front.status();
    if (!inner.ok()) return false;
    const Hash hash = front->header.hash();
    batch.push_back({hash_key(record.height), Bytes(blockd::view(hash))});
    batch.push_back({Bytes(kHeadRow), head_row(record.height, hash)});
    if (bytes >= kRecoveryBatchBytes) inner = flush();
    return inner.ok() && record.height < to;
  });
  if (!outer.ok()) return outer;
  if (!inner.ok()) return inner.in(options_.log_dir);
  return flush();
}

// The list in the state is a view of the log: what it lacks comes from the headers.
Status ChainImpl::load_hashes(std::uint64_t head) {
  std::vector<KvWrite> missing;
  if (base_) {
    hash_base_ = base_->height;
    mmr_ = base_->peaks;
    note_hash(base_->height, base_->hash);
  }
  Bytes after = base_ ? hash_key(base_->height) : Bytes();
  bool more = true;
  Status damaged;
  while (more) {
    std::uint64_t rows = 0;
    TB_TRY(state_->scan(kHashRows, after, kHashPage, [&](BytesView key, BytesView value) {
      after.assign(key);
      ++rows;
      Hash hash{};
      std::uint64_t height = 0;
      std::memcpy(&height, key.data() + kHashRows.size(), sizeof height);
      height = __builtin_bswap64(height);
      if (height > head || value.size() != hash.size()) {
        damaged = Status(Code::kCorrupt,
                         "state store: the list of header hashes breaks at height " +
                             std::to_string(hash_base_ + hashes_.size()),
                         std::string(kRepair));
        return false;
      }
      damaged = fill_hashes(height, &missing);
      if (!damaged.ok()) return false;
      std::memcpy(hash.data(), value.data(), hash.size());
      note_hash(height, hash);
      return true;
    }));
    if (!damaged.ok()) return damaged;
    more = rows == kHashPage;
  }
  TB_TRY(fill_hashes(head + 1, &missing));
  return missing.empty() ? Status() : state_->write(missing, false);
}

Result<std::vector<RosterEntry>> ChainImpl::read_roster(const KvReader& state) const {
  std::vector<RosterEntry> roster;
  Status bad;
  TB_TRY(state.scan(kPluginRows, {}, 4096, [&](BytesView, BytesView value) {
    Result<RosterEntry> entry = parse_roster_row(value);
    if (entry.ok()) {
      roster.push_back(*std::move(entry));
    } else {
      bad = entry.status();
    }
    return bad.ok();
  }));
  if (!bad.ok()) return bad;
  return roster;
}

// A missing library leaves the chain open for reading: its view has the kernel's own machine only.
Status ChainImpl::load_machines() {
  const std::uint64_t head = hash_base_ + hashes_.size() - 1;
  std::uint64_t time_ms = base_ ? base_->time_ms : 0;
  if (!base_ || head != base_->height) {
    Result<Header> header = this->header(head);
    if (!header.ok()) return header.status();
    time_ms = header->time_ms;
  }
  Result<std::vector<RosterEntry>> roster = read_roster(*state_);
  if (!roster.ok()) return roster.status();
  Result<std::shared_ptr<const MachineSet>> machines = executor_.resolve(*roster, head + 1);
  if (machines.ok()) {
    publish(head, time_ms, hashes_.back(), *machines);
    return {};
  }
  set_stalled(machines.status());
  Result<std::shared_ptr<const MachineSet>> none =
      MachineSet::build({}, options_.genesis.kernel_sm);
  if (!none.ok()) return none.status();
  publish(head, time_ms, hashes_.back(), *none);
  machines_ = nullptr;
  return {};
}

std::shared_ptr<const std::vector<KvWrite>> ChainImpl::state_writes(std::uint64_t height,
                                                                    const Hash& hash) const {
  std::vector<KvWrite> writes;
  writes.reserve(executor_.changes().size() + 2);
  for (const Overlay::Change& change : executor_.changes()) {
    writes.push_back(
        {Bytes(change.key), change.after ? std::optional<Bytes>(*change.after) : std::nullopt});
  }
  writes.push_back({hash_key(height), Bytes(blockd::view(hash))});
  writes.push_back({Bytes(kHeadRow), head_row(height, hash)});
  return std::make_shared<const std::vector<KvWrite>>(std::move(writes));
}

}  // namespace blockd
