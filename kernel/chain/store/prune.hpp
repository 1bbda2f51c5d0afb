// Pruning: what is left of a block when its bodies are given up.
//
// A pruned block keeps its header, the proposer's signature, the certificate and the commitment to
// its receipts; of each command its id and its leaf in the tree of the command root; the leaves of
// the receipt root; and its records (receipts) in full. So both roots of the header can still be
// checked, and an inclusion proof of any command or record can still be made. Commands, results,
// events and deltas are gone.
//
// Pruning is one node's own matter: no replicated key and no root changes. Everything here only
// turns bytes into bytes; when a log may be pruned is said by prune_bound().
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "kernel/chain/block.hpp"
#include "kernel/storage/block_log.hpp"

namespace blockd {

struct PrunedBlock {
  struct Trace {
    Hash id{}, leaf{};
  };
  struct KeptRecord {
    std::uint32_t leaf = 0;  // its place among receipt_leaves
    std::string kind, data;
  };
  BlockRecord front;  // without commands and steps
  std::vector<Trace> commands;
  std::vector<Hash> receipt_leaves;
  std::vector<KeptRecord> records;
  std::uint64_t events = 0;  // how many it had

  Hash command_root() const;
  Hash receipt_root() const;
};

Bytes encode_pruned(const PrunedBlock& block);
// Errors: kCorrupt.
Result<PrunedBlock> decode_pruned(BytesView payload);

// From the two records of a block. Errors: kCorrupt, also when a root of the header is not that of
// what is stored: damage is never made the truth.
Result<PrunedBlock> prune_block(BytesView block_payload, BytesView batch_payload);

// What was done, or would be done.
struct PruneCount {
  std::uint64_t blocks = 0, events = 0, bytes = 0;
};

// For BlockLog::rewrite_below(): records of blocks below `height`. Counts into `*count`, which must
// outlive it. `go_on` is asked before each block; false ends the rewriting with kAborted.
LogRecordChange prune_records(std::uint64_t height, PruneCount* count,
                              std::function<bool(std::uint64_t height)> go_on);

// Heights that somebody still needs: snapshots under way. [any]
class HeightPins {
 public:
  // Blocks from `height` on stay until the returned handle is gone.
  std::shared_ptr<const void> pin(std::uint64_t height);
  std::optional<std::uint64_t> lowest() const;

 private:
  struct Shared {
    std::mutex mutex;
    std::multimap<std::uint64_t, int> heights;  // bounded by the snapshots under way
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace blockd
