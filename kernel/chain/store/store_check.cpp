#include "kernel/chain/store/store_check.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/merkle.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/chain/store/lost_blocks.hpp"
#include "kernel/chain/store/mmr_rows.hpp"
#include "kernel/chain/store/prune.hpp"
#include "kernel/storage/log_record.hpp"

namespace blockd {
namespace {

// Sum of the hashes of rows, modulo 2^256: adding a row and taking it away again leaves no trace,
// in whatever order, and two different states have the same sum by chance only.
class RowSum {
 public:
  void add(BytesView key, BytesView value) { change(key, value, false); }
  void take(BytesView key, BytesView value) { change(key, value, true); }
  bool operator==(const RowSum&) const = default;
  Hash hash() const {
    Hash out{};
    std::memcpy(out.data(), words_.data(), out.size());
    return out;
  }

 private:
  void change(BytesView key, BytesView value, bool minus) {
    Bytes length;
    put_u32(length, static_cast<std::uint32_t>(key.size()));
    const Hash hash = blake3({length, key, value});
    U128 carry = minus ? 1 : 0;  // two's complement
    for (std::size_t i = 0; i < words_.size(); ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, hash.data() + 8 * i, sizeof word);
      carry += words_[i];
      carry += minus ? ~word : word;
      words_[i] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
  std::array<std::uint64_t, 4> words_{};
};

// The mountains that are needed for the next leaf, and the nodes that come with it.
class PeakNodes final : public MmrNodes {
 public:
  Result<Hash> node(std::uint64_t position) const override {
    const auto at = nodes_.find(position);
    if (at == nodes_.end()) return Status(Code::kNotFound, "no such node");
    return at->second;
  }
  Result<std::vector<MmrNode>> append(const Hash& leaf) {
    Result<std::vector<MmrNode>> added = mmr_append(*this, count_, leaf);
    if (!added.ok()) return added;
    for (const MmrNode& node : *added) nodes_[node.position] = node.hash;
    ++count_;
    std::map<std::uint64_t, Hash> peaks;
    for (const MmrMountain& mountain : mmr_mountains(count_))
      peaks.emplace(mountain.peak_position, nodes_.at(mountain.peak_position));
    nodes_ = std::move(peaks);
    return added;
  }

 private:
  std::map<std::uint64_t, Hash> nodes_;
  std::uint64_t count_ = 0;
};

struct LoggedBlock {
  Header header;
  BytesView payload;
};

class Checker {
 public:
  explicit Checker(const StoreCheckInput& input) : input_(input) {}

  Result<StoreCheckReport> run() {
    Result<internal::LogFiles> files = internal::log_files(*input_.disk, input_.log_dir);
    if (!files.ok()) return files.status();
    TB_TRY(read_state_head());
    for (std::size_t i = 0; i < files->names.size() && !done_; ++i) {
      TB_TRY(check_segment(*files, i));
    }
    if (!report_.stopped) {
      TB_TRY(check_end());
      TB_TRY(check_state());
    }
    return std::move(report_);
  }

 private:
  void found(FindingClass type, std::optional<std::uint64_t> height, std::string what) {
    ++(type == FindingClass::kMinor  ? report_.minor
       : type == FindingClass::kBody ? report_.body
                                     : report_.major);
    if (report_.findings.size() < kMaxFindings)
      report_.findings.push_back({type, height, std::move(what)});
  }
  void major(std::optional<std::uint64_t> height, std::string what) {
    found(FindingClass::kMajor, height, std::move(what));
  }

  Status check_segment(internal::LogFiles& files, std::size_t i) {
    const bool last = i + 1 == files.names.size();
    const std::string path = input_.log_dir + "/" + files.names[i];
    Result<std::unique_ptr<DiskFile>> file = files.open(*input_.disk, input_.log_dir, i);
    if (!file.ok()) return file.status();
    const internal::Segment segment{0, 0, path, *std::move(file)};
    Result<Bytes> magic = segment.file->read_at(0, internal::kSegmentMagic.size());
    if (!magic.ok()) return magic.status();
    if (*magic != internal::kSegmentMagic)
      major(std::nullopt, path + ": its first bytes are damaged");
    Result<internal::SegmentWalk> walk = internal::walk_segment(segment);
    if (!walk.ok()) return walk.status();
    for (const internal::FoundRecord& at : walk->records) {
      TB_TRY(check_record(segment, at));
      if (done_) return {};
    }
    Result<internal::TailCheck> tail = internal::check_tail(segment, walk->end, walk->file_size);
    if (!tail.ok()) return tail.status();
    if (tail->only_zeros && (files.may_end_in_zeros(i) || walk->end == walk->file_size)) return {};
    // A node that runs may be writing there; what it has committed has been read.
    if (last && input_.to_height && report_.head && *report_.head >= *input_.to_height) return {};
    major(report_.head ? std::optional(*report_.head + 1) : std::nullopt,
          path + ": offset " + std::to_string(walk->end) +
              ": bytes that are no record; the blocks behind it cannot be read");
    done_ = true;
    return {};
  }

  Status check_record(const internal::Segment& segment, const internal::FoundRecord& at) {
    using enum LogRecordType;
    const std::uint64_t height = at.header.height;
    if (input_.to_height && height > *input_.to_height) {
      done_ = true;
      return {};
    }
    std::uint64_t end = 0;
    Result<LogRecord> record = internal::read_record(segment, at.offset, &end);
    if (!record.ok() && record.status().code() != Code::kCorrupt) return record.status();
    if (!record.ok()) {
      found(at.type() == kBatch ? FindingClass::kBody : FindingClass::kMajor, height,
            record.status().message());
      if (at.type() == kBlock || at.type() == kPruned) lost(height);
      return {};
    }
    if (at.type() == kBatch) batch_ = {height, std::move(record->payload)};
    if (at.type() == kBlock) check_block(height, record->payload);
    if (at.type() == kPruned) check_pruned(height, record->payload);
    if (input_.progress && (at.type() == kBlock || at.type() == kPruned) &&
        !input_.progress(height)) {
      report_.stopped = done_ = true;
    }
    return {};
  }

  // A block that cannot be read: the next one is linked to nothing we know.
  void lost(std::uint64_t height) {
    next_ = height + 1;
    previous_.reset();
    mmr_known_ = sum_known_ = false;
  }

  bool in_range(std::uint64_t height) const { return height >= input_.from_height; }

  // What holds for pruned blocks too. False: the rest makes no sense.
  bool check_front(std::uint64_t height, const BlockRecord& front) {
    const Header& header = front.header;
    if (header.height != height) {
      major(height, "its header says height " + std::to_string(header.height));
      lost(height);
      return false;
    }
    if (!report_.first) {
      report_.first = height;
      mmr_known_ = height == 0;
    } else if (height != next_) {
      major(height, "it follows block " + std::to_string(next_ - 1));
      previous_.reset();
      mmr_known_ = sum_known_ = false;
    }
    const Hash hash = header.hash();
    if (previous_ && header.previous != *previous_)
      major(height, "its previous hash is not that of block " + std::to_string(height - 1));
    if (height == 0 && input_.genesis && header.previous != input_.genesis->hash())
      major(0, "it was made from another genesis");
    if (header.time_ms < time_ms_) major(height, "its time is before that of its parent");
    if (in_range(height) && height > 0) check_authority(front, hash);
    check_mmr(header, hash);
    report_.head = height;
    next_ = height + 1;
    previous_ = hash;
    time_ms_ = header.time_ms;
    ++report_.blocks;
    return true;
  }

  void check_authority(const BlockRecord& front, const Hash& hash) {
    if (!input_.genesis) return;
    const Header& header = front.header;
    const auto& set = input_.genesis->validators;
    const bool member = std::any_of(set.begin(), set.end(), [&](const Genesis::Validator& v) {
      return v.key == header.proposer;
    });
    if (!member) major(header.height, "its proposer is no validator");
    if (!input_.fast && member) check_signatures(front, hash);
  }

  void check_signatures(const BlockRecord& front, const Hash& hash) {
    const Header& header = front.header;
    const std::string& chain = input_.genesis->chain_id;
    Reader proposal(front.proposer_signature);
    const Signature signature = proposal.array<64>();
    if (!proposal.done() ||
        !ed25519_verify(header.proposer, proposal_bytes(chain, header.height, hash), signature))
      major(header.height, "the signature of its proposer is not valid");
    if (front.certificate.empty()) return;  // not final
    Reader in(front.certificate);
    std::uint64_t power = 0, total = 0;
    for (const auto& v : input_.genesis->validators) total += v.power;
    const std::uint16_t count = in.u16();
    std::optional<std::uint16_t> before;
    bool valid = true;
    for (std::uint16_t i = 0; i < count && in.ok() && valid; ++i) {
      const std::uint16_t index = in.u16();
      const Signature vote = in.array<64>();
      valid = in.ok() && index < input_.genesis->validators.size() && (!before || index > *before);
      if (!valid) break;
      before = index;
      const Genesis::Validator& voter = input_.genesis->validators[index];
      valid = ed25519_verify(voter.key, vote_bytes(chain, header.height, hash), vote);
      power += voter.power;
    }
    if (!valid || !in.done() || power < 2 * total / 3 + 1)
      major(header.height, "its certificate does not hold");
  }

  void check_mmr(const Header& header, const Hash& hash) {
    if (!mmr_known_) return;
    Result<Hash> root = mmr_root(peaks_, header.height);
    if (root.ok() && *root != header.mmr_root)
      major(header.height, "the MMR root in its header is not that of the headers before it");
    Result<std::vector<MmrNode>> added = peaks_.append(hash);
    if (!added.ok()) {
      mmr_known_ = false;
      return;
    }
    if (!input_.mmr || !in_range(header.height)) return;
    for (const MmrNode& node : *added) {
      std::optional<Bytes> stored;
      const Status read = input_.mmr->get(mmr_node_key(node.position), &stored);
      const std::string which = "node " + std::to_string(node.position) + " of the mmr ";
      if (!read.ok()) {
        found(FindingClass::kMinor, header.height, which + "cannot be read: " + read.message());
      } else if (!stored || *stored != view(node.hash)) {
        found(FindingClass::kMinor, header.height, which + (stored ? "is another" : "is missing"));
      }
    }
  }

  void check_pruned(std::uint64_t height, BytesView payload) {
    Result<PrunedBlock> block = decode_pruned(payload);
    if (!block.ok()) {
      major(height, block.status().message());
      return lost(height);
    }
    sum_known_ = false;
    ++report_.pruned;
    if (!check_front(height, block->front) || !in_range(height) || height == 0) return;
    report_.commands += block->commands.size();
    if (block->command_root() != block->front.header.command_root)
      found(FindingClass::kBody, height, "what is left of its commands is not in its command root");
    if (block->receipt_root() != block->front.header.receipt_root)
      found(FindingClass::kBody, height, "what is left of its results is not in its receipt root");
    for (std::uint32_t i = 0; i < block->commands.size(); ++i)
      check_index(height, i, block->commands[i].id);
  }

  void check_block(std::uint64_t height, BytesView payload) {
    Result<BlockRecord> block = decode_block(payload, false);
    if (!block.ok()) {
      major(height, block.status().message());
      return lost(height);
    }
    if (!check_front(height, *block)) return;
    check_deltas(height, block->header, payload);
    for (const Step& step : block->steps) report_.events += step.events.size();
    if (batch_.height != height || batch_.payload.empty()) {
      found(FindingClass::kBody, height, "its commands are missing or damaged");
    } else {
      check_body(height, *block);
    }
    batch_ = {};
    if (state_height_ == height) sum_at_state_ = sum_known_ ? std::optional(sum_) : std::nullopt;
  }

  void check_body(std::uint64_t height, BlockRecord& block) {
    Result<Batch> batch = decode_batch(batch_.payload, false);
    if (!batch.ok()) return found(FindingClass::kBody, height, batch.status().message());
    block.commands = std::move(batch->commands);
    report_.commands += block.commands.size();
    if (!in_range(height) || height == 0) return;
    if (command_root(block.commands) != block.header.command_root)
      found(FindingClass::kBody, height, "its commands are not those of its command root");
    Result<std::vector<Hash>> leaves = receipt_leaves(block);
    if (!leaves.ok() || merkle_root(*leaves) != block.header.receipt_root)
      major(height, "its results are not those of its receipt root");
    for (std::uint32_t i = 0; i < block.commands.size(); ++i)
      check_index(height, i, block.commands[i]->id);
  }

  void check_index(std::uint64_t height, std::uint32_t at, const Hash& id) {
    if (!input_.index || input_.fast) return;
    std::optional<Bytes> stored;
    const Status read = input_.index->get(Bytes("c").append(view(id)), &stored);
    Bytes place;
    put_be64(place, height);
    put_le(place, __builtin_bswap32(at));
    if (read.ok() && stored == place) return;
    found(FindingClass::kMinor, height,
          "the index entry of command " + std::to_string(at) +
              (!read.ok() ? " cannot be read: " + read.message()
               : stored   ? " points elsewhere"
                          : " is missing"));
  }

  // The net effect of the block against its root, and into the sum of the state.
  void check_deltas(std::uint64_t height, const Header& header, BytesView payload) {
    struct Change {
      std::optional<Bytes> before, after;
    };
    std::map<std::pair<Bytes, Bytes>, Change> net;
    const Status read = visit_deltas(payload, [&](std::uint32_t, const DeltaView& row) {
      const auto [at, fresh] = net.try_emplace({Bytes(row.space), Bytes(row.key)});
      auto copy = [](std::optional<BytesView> v) {
        return v ? std::optional<Bytes>(*v) : std::nullopt;
      };
      if (fresh) at->second.before = copy(row.before);
      at->second.after = copy(row.after);
    });
    if (!read.ok()) {
      major(height, read.message());
      sum_known_ = false;
      return;
    }
    if (height == 0) sum_known_ = true;
    WriteSetRoot root;
    for (const auto& [at, change] : net) {
      if (change.before == change.after) continue;
      const auto& [space, key] = at;
      root.add(space, key, change.after ? std::optional<BytesView>(*change.after) : std::nullopt);
      if (!sum_known_) continue;
      const Bytes full = space_prefix(space) + key;
      if (change.before) sum_.take(full, *change.before);
      if (change.after) sum_.add(full, *change.after);
    }
    if (in_range(height) && root.finish() != header.write_set_root)
      major(height, "its deltas are not those of its write-set root");
  }

  Status read_state_head() {
    if (!input_.state_damage.empty()) major(std::nullopt, "state: " + input_.state_damage);
    if (!input_.state) return {};
    std::optional<Bytes> row;
    const Status read = input_.state->get(kHeadRow, &row);
    if (!read.ok()) {
      major(std::nullopt, "state: " + read.message());
      return {};
    }
    if (!row) {
      major(std::nullopt, "state: it has no head row");
      return {};
    }
    Reader in(*row);
    state_height_ = in.u64();
    state_hash_ = in.array<32>();
    return {};
  }

  // What the MMR has behind the log's end, the log has lost.
  Status check_end() {
    if (!input_.mmr || input_.to_height || !report_.head || !previous_) return {};
    Result<std::uint64_t> count = blocks_beyond(*input_.mmr, *report_.head, *previous_);
    if (!count.ok()) return count.status();
    if (*count != 0)
      major(*report_.head + 1, "mmr: it has " + blocks_behind(*report_.head, *count) +
                                   " of this chain, and the log ends with block " +
                                   std::to_string(*report_.head) +
                                   ": committed blocks are missing");
    return {};
  }

  // Reads every row, so that every checksum is looked at.
  Status check_state() {
    if (!input_.state) return {};
    RowSum rows;
    const Status read = input_.state->scan("s/", {}, SIZE_MAX, [&](BytesView key, BytesView value) {
      rows.add(key, value);
      return true;
    });
    if (!read.ok()) {
      major(state_height_, "state: " + read.message());
      return {};
    }
    if (report_.head && state_height_ && *state_height_ > *report_.head && !input_.to_height) {
      major(state_height_, "state: its head is ahead of the log, which ends at height " +
                               std::to_string(*report_.head) + ": committed blocks are missing");
    }
    if (state_height_ == report_.head && previous_ && *previous_ != state_hash_)
      major(state_height_, "state: its head is not a block of this log");
    if (!sum_at_state_) return {};
    report_.state_sum = sum_at_state_->hash();
    if (!(*sum_at_state_ == rows))
      major(state_height_, "state: its rows are not what the deltas of the log give");
    return {};
  }

  struct PendingBatch {
    std::uint64_t height = 0;
    Bytes payload;
  };
  const StoreCheckInput& input_;
  StoreCheckReport report_;
  PendingBatch batch_;
  std::optional<Hash> previous_;
  std::uint64_t next_ = 0, time_ms_ = 0;
  PeakNodes peaks_;
  RowSum sum_;
  std::optional<RowSum> sum_at_state_;
  std::optional<std::uint64_t> state_height_;
  Hash state_hash_{};
  bool mmr_known_ = false, sum_known_ = false, done_ = false;
};

}  // namespace

std::string_view finding_class_name(FindingClass value) {
  constexpr std::string_view kNames[] = {"minor", "body", "major"};
  return kNames[static_cast<std::size_t>(value)];
}

Result<StoreCheckReport> check_store(const StoreCheckInput& input) { return Checker(input).run(); }

}  // namespace blockd
