#include "kernel/chain/repair.hpp"

#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/storage/log_record.hpp"

namespace blockd {
namespace {

struct Walk {
  RepairReport report;
  std::optional<Hash> hash_at_state;  // header hash at the height that the state has
  std::optional<std::uint64_t> state_height;
  std::uint64_t whole_end = 0;  // behind the last whole block, in the last segment read
};

// Why the block does not follow the one before it; empty: it does.
std::string check_block(Walk& walk, const LogRecord& record) {
  Result<BlockRecord> block = decode_block_front(record.payload);
  if (!block.ok()) return block.status().message();
  const Header& header = block->header;
  RepairReport& report = walk.report;
  if (header.height != record.height)
    return "its header says height " + std::to_string(header.height);
  if (report.head && header.height != *report.head + 1)
    return "it follows block " + std::to_string(*report.head);
  if (report.head && header.previous != report.head_hash) {
    return "its previous hash is not that of block " + std::to_string(*report.head);
  }
  if (Status deltas = visit_deltas(record.payload, [](std::uint32_t, const DeltaView&) {});
      !deltas.ok())
    return deltas.message();
  if (!report.first) report.first = header.height;
  report.head = header.height;
  report.head_hash = header.hash();
  if (walk.state_height == report.head) walk.hash_at_state = report.head_hash;
  ++report.blocks;
  return {};
}

// Reads the segment up to its end or its first damage.
Status check_segment(const internal::Segment& segment, bool last, Walk& walk) {
  Result<internal::SegmentWalk> found = internal::walk_segment(segment);
  if (!found.ok() && found.status().code() != Code::kCorrupt) return found.status();
  RepairReport& report = walk.report;
  ++report.segments;
  auto damaged = [&](std::uint64_t offset, std::optional<std::uint64_t> height, std::string what) {
    report.damage =
        LogDamage{segment.path, offset, height, std::move(what), last && report.head.has_value()};
  };
  if (!found.ok()) {
    damaged(0, std::nullopt, found.status().message());
    return {};
  }
  walk.whole_end = internal::kSegmentMagic.size();
  report.bytes += found->file_size;
  for (const internal::FoundRecord& at : found->records) {
    std::uint64_t end = 0;
    Result<LogRecord> record = internal::read_record(segment, at.offset, &end);
    if (!record.ok() && record.status().code() != Code::kCorrupt) return record.status();
    std::string why = record.ok() ? std::string() : record.status().message();
    if (why.empty() && at.type() == LogRecordType::kBatch) {
      Result<Batch> batch = decode_batch(record->payload);
      if (!batch.ok()) why = batch.status().message();
    }
    if (why.empty() && at.type() == LogRecordType::kBlock) why = check_block(walk, *record);
    if (!why.empty()) {
      damaged(walk.whole_end, at.header.height, std::move(why));
      return {};
    }
    ++report.records;
    if (at.type() != LogRecordType::kBatch) walk.whole_end = end;
  }
  Result<internal::TailCheck> tail = internal::check_tail(segment, found->end, found->file_size);
  if (!tail.ok()) return tail.status();
  if (!tail->only_zeros) {
    damaged(walk.whole_end, std::nullopt, "bytes behind the last whole record that are no record");
  } else if (walk.whole_end < found->end) {
    damaged(walk.whole_end, std::nullopt, "a batch of commands without its block");
  }
  return {};
}

Status read_state_head(const KvStore* state, Walk& walk, Hash* hash) {
  if (state == nullptr) return {};
  std::optional<Bytes> row;
  TB_TRY(state->get(kHeadRow, &row));
  if (!row) {
    walk.report.state = "it has no head row";
    return {};
  }
  Reader in(*row);
  const std::uint64_t height = in.u64();
  *hash = in.array<32>();
  if (in.done()) {
    walk.state_height = height;
  } else {
    walk.report.state = "its head row is damaged";
  }
  return {};
}

Result<Walk> walk_log(Disk& disk, const std::string& dir, const KvStore* state) {
  Walk walk;
  Hash state_hash{};
  TB_TRY(read_state_head(state, walk, &state_hash));
  Result<internal::LogFiles> files = internal::log_files(disk, dir);
  if (!files.ok()) return files.status();
  const std::size_t count = files->names.size();
  for (std::size_t i = 0; i < count && !walk.report.damage; ++i) {
    const std::string path = dir + "/" + files->names[i];
    Result<std::unique_ptr<DiskFile>> file = files->open(disk, dir, i);
    if (!file.ok()) return file.status();
    const internal::Segment segment{static_cast<std::uint32_t>(i), 0, path, *std::move(file)};
    TB_TRY(check_segment(segment, i + 1 == count, walk));
  }
  if (!walk.state_height || (walk.hash_at_state && *walk.hash_at_state == state_hash)) return walk;
  const bool ahead = walk.report.head && *walk.state_height > *walk.report.head;
  walk.report.state =
      "its head at height " + std::to_string(*walk.state_height) +
      (ahead ? " is ahead of the whole blocks of the log" : " is not a block of this log");
  return walk;
}

}  // namespace

Result<RepairReport> check_log(Disk& disk, const std::string& log_dir, const KvStore* state) {
  Result<Walk> walk = walk_log(disk, log_dir, state);
  if (!walk.ok()) return walk.status();
  return std::move(walk->report);
}

Result<RepairReport> repair_log(Disk& disk, const std::string& log_dir, const KvStore* state) {
  Result<RepairReport> report = check_log(disk, log_dir, state);
  if (!report.ok() || !report->damage) return report;
  const LogDamage& damage = *report->damage;
  if (!damage.tail) {
    return Status(Code::kCorrupt,
                  damage.file + " at offset " + std::to_string(damage.offset) + ": " + damage.what,
                  "blocks behind the damage are whole: restore a copy of this file, or a snapshot");
  }
  const std::string aside = damage.file + ".damaged";
  Result<std::vector<std::string>> names = disk.list(log_dir);
  if (!names.ok()) return names.status();
  if (std::find(names->begin(), names->end(), aside.substr(log_dir.size() + 1)) != names->end()) {
    return Status(Code::kInvalid, aside + " is there already",
                  "move it away, then run the repair again");
  }
  Result<std::unique_ptr<DiskFile>> from = disk.open(damage.file, false);
  if (!from.ok()) return from.status();
  Result<std::unique_ptr<DiskFile>> to = disk.open(aside, true);
  if (!to.ok()) return to.status();
  Result<std::uint64_t> size = (*from)->size();
  if (!size.ok()) return size.status();
  constexpr std::uint64_t kPiece = 4u << 20;
  for (std::uint64_t at = damage.offset; at < *size; at += kPiece) {
    Result<Bytes> piece = (*from)->read_at(at, std::min(kPiece, *size - at));
    if (!piece.ok()) return piece.status();
    TB_TRY((*to)->write_at(at - damage.offset, *piece));
  }
  TB_TRY((*to)->sync());
  TB_TRY(disk.sync_dir(log_dir));
  TB_TRY((*from)->truncate(damage.offset));
  TB_TRY((*from)->sync());
  report->done.push_back("copied " + std::to_string(*size - damage.offset) + " bytes to " + aside);
  report->done.push_back("shortened " + damage.file + " to " + std::to_string(damage.offset) +
                         " bytes; the log ends with block " + std::to_string(*report->head));
  return report;
}

}  // namespace blockd
