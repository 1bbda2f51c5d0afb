// A chain that begins behind a snapshot, and the list of header hashes, which is a view of the log.
#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::uint8_t kBaseRowVersion = 1;
constexpr std::string_view kBaseRepair =
    "restore the snapshot that this log begins behind, or an older copy of the log";

}  // namespace

Bytes BaseRow::encode() const {
  Bytes out;
  put_u8(out, kBaseRowVersion);
  put_u64(out, height);
  put_u64(out, time_ms);
  out.append(view(hash));
  out.append(view(genesis));
  peaks.append_to(out);
  return out;
}

Result<BaseRow> BaseRow::decode(BytesView row) {
  Reader in(row);
  BaseRow out;
  const std::uint8_t version = in.u8();
  out.height = in.u64();
  out.time_ms = in.u64();
  out.hash = in.array<32>();
  out.genesis = in.array<32>();
  if (version != kBaseRowVersion || !MmrPeaks::read(in, &out.peaks) || !in.done() ||
      out.peaks.size() != out.height) {
    return Status(Code::kCorrupt, "state store: the row of the snapshot it began as is damaged",
                  std::string(kBaseRepair));
  }
  return out;
}

Bytes head_row(std::uint64_t height, const Hash& hash) {
  Bytes row = u64_row(height);
  row.append(view(hash));
  return row;
}

// With a log from block 0 on, nobody needs to know how the state was made.
Status ChainImpl::read_base() {
  base_.reset();
  const std::optional<std::uint64_t> first = log_->first_pruned();
  if (first && *first == 0) return {};
  std::optional<Bytes> row;
  TB_TRY(state_->get(kBaseRow, &row));
  if (row) {
    Result<BaseRow> base = BaseRow::decode(*row);
    if (!base.ok()) return base.status();
    base_ = *std::move(base);
  }
  if (!first) return {};
  if (!base_ || base_->height + 1 < *first) {
    return Status(Code::kCorrupt,
                  options_.log_dir + ": the log begins at height " + std::to_string(*first) +
                      ", and the state is of no snapshot at or above " + std::to_string(*first - 1),
                  std::string(kBaseRepair));
  }
  if (base_->height > *log_->head()) {
    return Status(Code::kCorrupt,
                  options_.log_dir + ": the log ends at height " + std::to_string(*log_->head()) +
                      ", the state began as a snapshot of height " + std::to_string(base_->height),
                  "move the log away: the chain goes on from the snapshot without it");
  }
  return {};
}

Status ChainImpl::check_genesis() const {
  const Hash genesis = options_.genesis.hash();
  Hash found = genesis;
  if (base_) {
    found = base_->genesis;
  } else if (log_->first()) {
    Result<Header> header = this->header(0);
    if (!header.ok()) return header.status().in(options_.log_dir);
    found = header->previous;
  }
  if (found == genesis) return {};
  return Status(Code::kInvalid, options_.log_dir + " belongs to another genesis",
                "use the genesis file that this chain was made with");
}

// No block is here yet: the first one will be that behind the snapshot.
Status ChainImpl::begin_at_base(std::vector<std::string>* notes) {
  TB_TRY(check_genesis());
  std::optional<Bytes> head;
  TB_TRY(state_->get(kHeadRow, &head));
  if (!head || *head != head_row(base_->height, base_->hash)) {
    return Status(Code::kCorrupt,
                  options_.log_dir +
                      ": the block log is empty, but the state went on from its "
                      "snapshot at height " +
                      std::to_string(base_->height),
                  "put the log back, or restore the snapshot again");
  }
  TB_TRY(load_hashes(base_->height));
  TB_TRY(load_machines());
  notes->push_back("begins behind the snapshot at height " + std::to_string(base_->height));
  return resume_macro();
}

// Hashes that the state's list lacks, up to below `below`, from the headers.
Status ChainImpl::fill_hashes(std::uint64_t below, std::vector<KvWrite>* rows) {
  for (std::uint64_t h = hash_base_ + hashes_.size(); h < below; ++h) {
    Result<Header> header = this->header(h);
    if (!header.ok()) return header.status();
    const Hash hash = header->hash();
    Bytes key(kHashRows);
    put_be64(key, h);
    rows->push_back({std::move(key), Bytes(blockd::view(hash))});
    note_hash(h, hash);
  }
  return {};
}

Result<MmrPeaks> ChainImpl::peaks_below(std::uint64_t height) const {
  std::vector<Hash> hashes;
  MmrPeaks peaks = base_ ? base_->peaks : MmrPeaks();
  {
    std::lock_guard lock(mutex_);
    if (height < hash_base_ || height > hash_base_ + hashes_.size()) {
      return Status(Code::kNotFound,
                    "the headers below height " + std::to_string(height) + " are not here");
    }
    hashes.assign(hashes_.begin(),
                  hashes_.begin() + static_cast<std::ptrdiff_t>(height - hash_base_));
  }
  for (const Hash& hash : hashes) peaks.append(hash);
  return peaks;
}

}  // namespace blockd
