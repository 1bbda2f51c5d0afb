#include "kernel/chain/store/lost_blocks.hpp"

#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/store/mmr_rows.hpp"
#include "kernel/storage/log_record.hpp"

namespace blockd {
namespace {

bool no_testimony(const Status& status) {
  return status.code() == Code::kCorrupt || status.code() == Code::kNotFound;
}

Result<Hash> hash_of(const BlockLog& log, std::uint64_t height) {
  const bool pruned = height < log.first().value_or(0);
  Result<Bytes> payload = log.read(pruned ? LogRecordType::kPruned : LogRecordType::kBlock, height);
  if (!payload.ok()) return payload.status();
  Result<BlockRecord> block = decode_block_front(*payload);
  if (!block.ok()) return block.status().in("height " + std::to_string(height));
  return block->header.hash();
}

// Of a log without blocks: what stands in front of it is known by its mountains.
Result<std::uint64_t> blocks_beyond(const KvReader& mmr, const LogFront& front) {
  Result<std::uint64_t> leaves = read_count(mmr, kMmrLeavesRow);
  if (!leaves.ok()) return leaves;
  if (front.blocks == 0 || *leaves <= front.blocks) return 0;
  Result<std::vector<Hash>> peaks = mmr_peaks(StoredMmr(mmr), front.blocks);
  if (!peaks.ok()) return peaks.status();
  return *peaks == front.peaks ? *leaves - front.blocks : 0;
}

Status lost(std::uint64_t head, std::uint64_t count, const std::string& mmr_dir, bool empty,
            const std::string& cut) {
  const std::string missing = blocks_behind(head, count);
  std::string message =
      (empty ? "the log is empty" : "the log ends with block " + std::to_string(head)) + ", but " +
      mmr_dir + " has " + missing + " of this chain: committed blocks are missing from the log";
  if (!cut.empty()) message += " (" + cut + ")";
  const std::string put_back =
      cut.empty() ? "put back " + internal::segment_name(head + 1) + " and what follows it"
                  : "put back this file and what follows it";
  const std::string go_on =
      empty ? "move " + mmr_dir + " and the index beside it away"
            : "run `contract-cli storage repair`, which sets aside what knows of them";
  return Status(Code::kCorrupt, std::move(message),
                put_back + " from a copy; to go on without " + missing + ", " + go_on);
}

}  // namespace

Result<std::uint64_t> blocks_beyond(const KvReader& mmr, std::uint64_t head, const Hash& hash) {
  Result<std::uint64_t> leaves = read_count(mmr, kMmrLeavesRow);
  if (no_testimony(leaves.status())) return 0;
  if (!leaves.ok()) return leaves;
  if (*leaves <= head + 1) return 0;
  Result<Hash> leaf = StoredMmr(mmr).node(mmr_leaf_position(head));
  if (no_testimony(leaf.status())) return 0;
  if (!leaf.ok()) return leaf.status();
  return *leaf == hash ? *leaves - head - 1 : 0;
}

std::string blocks_behind(std::uint64_t head, std::uint64_t count) {
  if (count == 1) return "block " + std::to_string(head + 1);
  return "blocks " + std::to_string(head + 1) + " to " + std::to_string(head + count);
}

Status check_lost_blocks(const KvReader& mmr, const std::string& mmr_dir, const BlockLog& log,
                         const LogFront& front, const std::string& cut) {
  const std::optional<std::uint64_t> head = log.head();
  if (!head) {
    Result<std::uint64_t> count = blocks_beyond(mmr, front);
    if (!count.ok()) return no_testimony(count.status()) ? Status() : count.status();
    return *count == 0 ? Status() : lost(front.blocks - 1, *count, mmr_dir, true, cut);
  }
  Result<Hash> hash = hash_of(log, *head);
  if (!hash.ok()) return hash.status();
  Result<std::uint64_t> count = blocks_beyond(mmr, *head, *hash);
  if (!count.ok()) return count.status();
  return *count == 0 ? Status() : lost(*head, *count, mmr_dir, false, cut);
}

Status check_lost_blocks(const std::string& mmr_dir, const BlockLog& log, const LogFront& front,
                         const std::string& cut) {
  Result<std::unique_ptr<KvStore>> mmr = open_leveldb(mmr_dir, {});
  if (!mmr.ok()) return no_testimony(mmr.status()) ? Status() : mmr.status();
  return check_lost_blocks(**mmr, mmr_dir, log, front, cut);
}

}  // namespace blockd
