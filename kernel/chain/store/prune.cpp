// A kPruned payload begins as that of a block does, so that whoever wants the header reads both
// alike: front | u32 commands, each id and leaf | u32 receipt leaves | u32 records, each u32 leaf,
// kind and data | u64 events.
#include "kernel/chain/store/prune.hpp"

#include "kernel/base/merkle.hpp"
#include "kernel/chain/block_codec.hpp"

namespace blockd {
namespace {

constexpr std::uint32_t kMaxPrunedEntries = 10'000'000;

Status pruned_damage(std::string_view what) {
  return Status(Code::kCorrupt, "pruned block: " + std::string(what),
                "run `contract-cli maintenance verify`, and restore a copy of the file");
}

// `size` is the least that one entry takes.
bool plausible(const Reader& in, std::uint32_t count, std::size_t size) {
  return in.ok() && count <= kMaxPrunedEntries && count <= in.rest().size() / size;
}

void put_string(Bytes& out, BytesView text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

// The front of a block payload, without the counts of steps that join_block() puts behind it.
Bytes front_bytes(const BlockRecord& front) {
  constexpr std::size_t kCounts = 8;
  Bytes out = join_block(front, 0, {}, {});
  out.resize(out.size() - kCounts);
  return out;
}

}  // namespace

Hash PrunedBlock::command_root() const {
  std::vector<Hash> leaves;
  leaves.reserve(commands.size());
  for (const Trace& command : commands) leaves.push_back(command.leaf);
  return merkle_root(leaves);
}

Hash PrunedBlock::receipt_root() const { return merkle_root(receipt_leaves); }

Bytes encode_pruned(const PrunedBlock& block) {
  Bytes out = front_bytes(block.front);
  put_u32(out, static_cast<std::uint32_t>(block.commands.size()));
  for (const PrunedBlock::Trace& command : block.commands)
    out.append(view(command.id)).append(view(command.leaf));
  put_u32(out, static_cast<std::uint32_t>(block.receipt_leaves.size()));
  for (const Hash& leaf : block.receipt_leaves) out.append(view(leaf));
  put_u32(out, static_cast<std::uint32_t>(block.records.size()));
  for (const PrunedBlock::KeptRecord& record : block.records) {
    put_u32(out, record.leaf);
    put_string(out, record.kind);
    put_string(out, record.data);
  }
  put_u64(out, block.events);
  return out;
}

Result<PrunedBlock> decode_pruned(BytesView payload) {
  PrunedBlock out;
  Result<BlockRecord> front = decode_block_front(payload);
  if (!front.ok()) return front.status();
  out.front = *std::move(front);
  const std::size_t begin = front_bytes(out.front).size();
  if (begin > payload.size()) return pruned_damage("it is too short");
  Reader in(payload.substr(begin));
  const std::uint32_t commands = in.u32();
  if (!plausible(in, commands, 64)) return pruned_damage("an impossible number of commands");
  for (std::uint32_t i = 0; i < commands; ++i)
    out.commands.push_back({in.array<32>(), in.array<32>()});
  const std::uint32_t leaves = in.u32();
  if (!plausible(in, leaves, 32)) return pruned_damage("an impossible number of receipt leaves");
  for (std::uint32_t i = 0; i < leaves; ++i) out.receipt_leaves.push_back(in.array<32>());
  const std::uint32_t records = in.u32();
  if (!plausible(in, records, 12)) return pruned_damage("an impossible number of records");
  for (std::uint32_t i = 0; i < records && in.ok(); ++i) {
    PrunedBlock::KeptRecord& record = out.records.emplace_back();
    record.leaf = in.u32();
    record.kind = std::string(in.take(in.u32()));
    record.data = std::string(in.take(in.u32()));
  }
  out.events = in.u64();
  if (!in.done()) return pruned_damage("it does not end where it should");
  return out;
}

Result<PrunedBlock> prune_block(BytesView block_payload, BytesView batch_payload) {
  Result<BlockRecord> block = decode_block(block_payload, false);
  if (!block.ok()) return block.status();
  Result<Batch> batch = decode_batch(batch_payload, false);
  if (!batch.ok()) return batch.status();
  block->commands = std::move(batch->commands);
  const Header header = block->header;
  PrunedBlock out;
  for (const CommandPtr& command : block->commands)
    out.commands.push_back({command->id, merkle_leaf(command->envelope)});
  Result<std::vector<Hash>> leaves = receipt_leaves(*block);
  if (!leaves.ok()) return leaves.status();
  out.receipt_leaves = *std::move(leaves);
  std::uint32_t leaf = 1;  // behind the commitment
  for (Step& step : block->steps) {
    out.events += step.events.size();
    if (!has_receipt_leaf(step)) continue;
    ++leaf;
    for (Record& record : step.records)
      out.records.push_back({leaf++, std::move(record.kind), std::move(record.data)});
  }
  block->commands.clear();
  block->steps.clear();
  out.front = *std::move(block);
  // Block 0 has no receipts, and its roots are zeros.
  const bool genesis = header.height == 0;
  if (!genesis && out.command_root() != header.command_root)
    return pruned_damage("the commands of block " + std::to_string(header.height) +
                         " are not those of its command root");
  if (!genesis && out.receipt_root() != header.receipt_root)
    return pruned_damage("the results of block " + std::to_string(header.height) +
                         " are not those of its receipt root");
  return out;
}

LogRecordChange prune_records(std::uint64_t height, PruneCount* count,
                              std::function<bool(std::uint64_t)> go_on) {
  // The batch of a block comes right before it.
  auto batch = std::make_shared<LogRecord>();
  return [height, count, go_on = std::move(go_on),
          batch](LogRecord record) -> Result<std::optional<LogRecord>> {
    const bool body = record.type == LogRecordType::kBatch || record.type == LogRecordType::kBlock;
    if (!body || record.height >= height) return std::optional(std::move(record));
    if (record.type == LogRecordType::kBatch) {
      *batch = std::move(record);
      return std::optional<LogRecord>();
    }
    if (go_on && !go_on(record.height))
      return Status(Code::kAborted, "stopped at height " + std::to_string(record.height));
    if (batch->height != record.height || batch->payload.empty())
      return pruned_damage("block " + std::to_string(record.height) + " has no batch of commands");
    Result<PrunedBlock> pruned = prune_block(record.payload, batch->payload);
    if (!pruned.ok()) return pruned.status().in("height " + std::to_string(record.height));
    Bytes payload = encode_pruned(*pruned);
    const std::uint64_t before = record.payload.size() + batch->payload.size();
    ++count->blocks;
    count->events += pruned->events;
    count->bytes += before > payload.size() ? before - payload.size() : 0;
    batch->payload.clear();
    return std::optional(LogRecord{LogRecordType::kPruned, record.height, std::move(payload)});
  };
}

std::shared_ptr<const void> HeightPins::pin(std::uint64_t height) {
  std::lock_guard lock(shared_->mutex);
  const auto at = shared_->heights.emplace(height, 0);
  return std::shared_ptr<const void>(nullptr, [shared = shared_, at](const void*) {
    std::lock_guard release(shared->mutex);
    shared->heights.erase(at);
  });
}

std::optional<std::uint64_t> HeightPins::lowest() const {
  std::lock_guard lock(shared_->mutex);
  if (shared_->heights.empty()) return std::nullopt;
  return shared_->heights.begin()->first;
}

}  // namespace blockd
