// The parts of a block's bytes and roots that the executor and the recovery build piece by piece,
// without a BlockRecord. Readers of blocks want block.hpp.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "kernel/chain/block.hpp"
#include "kernel/chain/roots.hpp"

namespace blockd {

void append_step(Bytes& out, const Step& step);  // without its delta
void append_delta_row(Bytes& out, BytesView space, BytesView key, std::optional<BytesView> before,
                      std::optional<BytesView> after);
// The kBlock payload from `front` (header, signature, certificate, commitment) and encoded parts.
// `delta_bytes` holds for each step a u32 count and that many rows.
// They follow what block_front() gives.
Bytes block_front(const BlockRecord& front, std::uint32_t steps, std::size_t step_bytes);
Bytes join_block(const BlockRecord& front, std::uint32_t steps, BytesView step_bytes,
                 BytesView delta_bytes);

// Header, signature, certificate and commitment only.
Result<BlockRecord> decode_block_front(BytesView bytes);

// A row of a step's delta, borrowed from the payload.
struct DeltaView {
  BytesView space, key;
  std::optional<BytesView> before, after;
};
// Rows in the order of the steps. Errors: kCorrupt; rows before the damage have been visited then.
Status visit_deltas(BytesView block_bytes,
                    const std::function<void(std::uint32_t step, const DeltaView&)>& visit);

// receipt_root of moloch spec 6.16, step by step. The events of sixteen steps are hashed at once,
// so a step's leaves are made when the sixteenth is there.
class ReceiptTree {
 public:
  ReceiptTree() { clear(); }
  void clear();
  // The leaves of one step; `command_id` is null for hooks.
  void add(const Step& step, const Hash* command_id);
  // Hashes what was added and forgets it.
  Hash root(const Hash& receipts_commitment);
  // Its leaves, the commitment first, in place of the root.
  std::vector<Hash> take_leaves(const Hash& receipts_commitment);

 private:
  // A step whose events are not hashed yet: their text, the result record with room for their hash,
  // and the leaves of the step's records, `record_ends` apart.
  struct Waiting {
    Bytes events, result, records;
    std::size_t hash_at = 0;
    std::vector<std::size_t> record_ends;
  };
  void make_leaves();
  static constexpr std::size_t kSteps = 16;
  std::array<Waiting, kSteps> waiting_;
  std::size_t count_ = 0;
  MerkleBatch leaves_;  // leaf 0 is the commitment, set last
};

// Whether a step has a leaf in the tree: a hook that did nothing to be seen has none.
bool has_receipt_leaf(const Step& step);
// Leaves of the tree of a whole block. Errors: kCorrupt (a step of a command that is not there).
Result<std::vector<Hash>> receipt_leaves(const BlockRecord& block);

// Which signature checks of a step were false; steps without one are not listed.
struct FalseChecks {
  StepKind kind = StepKind::kCommand;
  std::uint32_t command = 0;
  std::string plugin;
  std::vector<std::uint32_t> checks;
};
// What a replay that trusts signatures needs of a logged block, without building its steps. Errors:
// kCorrupt.
Result<std::vector<FalseChecks>> decode_false_checks(BytesView block_bytes);

// write_set_root of moloch spec 6.16. REQUIRES: rows arrive by (space, key).
class WriteSetRoot {
 public:
  void add(BytesView space, BytesView key, std::optional<BytesView> after);
  Hash finish();

 private:
  void close_space();
  MerkleBuilder outer_;
  MerkleBatch inner_;
  std::string space_;
  Bytes scratch_;
  bool open_ = false;
};

// state_root of moloch spec 6.16. REQUIRES: rows arrive by (space, key).
class StateRoot {
 public:
  void add(BytesView space, BytesView key, BytesView value);
  Hash finish();

 private:
  void close_space();
  MerkleBuilder outer_;
  MerkleStream inner_;
  std::string space_;
  Bytes scratch_;
  std::uint64_t count_ = 0;
};

// moloch spec 6.9.
Hash validators_hash(const std::vector<std::pair<PublicKey, std::uint64_t>>& validators);
Bytes vote_bytes(std::string_view chain_id, std::uint64_t height, const Hash& header_hash);
Bytes proposal_bytes(std::string_view chain_id, std::uint64_t height, const Hash& header_hash);
Bytes solo_certificate(const Signature& vote);  // of a chain with one validator

}  // namespace blockd
