// LogViews: what can always be made again from the block log, kept on disk because making it takes
// time: the nodes of the MMR over headers (`<data>/mmr`), and where each command is
// (`<data>/index`).
//
// Both follow the log: a thread of their own writes them behind the blocks, in batches and without
// sync, and open() brings them level before anything is served. A view that is missing, damaged or
// of another chain is made again; that is told in the notes, with progress. An MMR that has more of
// this chain than the log tells of lost blocks (lost_blocks.hpp): it is kept, and nothing is
// opened. Else they decide nothing: no block waits for them and no root depends on them.
//
// Layout. mmr: `n` <position be64> -> 32 bytes; `leaves` -> u64. index: `c` <command id> -> height
// be64, index be32; `next` -> u64, the height that is indexed next; `events` -> u64, their number
// in all indexed blocks.
//
// Thread: committed() from the executor, never waits; everything else [any].
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernel/base/mmr.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/storage/block_log.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

// What the views need of one block.
struct ViewedBlock {
  std::uint64_t height = 0;
  Hash hash{}, mmr_root{};  // its header's
  std::vector<Hash> command_ids;
  std::uint64_t events = 0;
};
// From the log: also a pruned one. Errors: kNotFound, kCorrupt.
Result<ViewedBlock> viewed_block(const BlockLog& log, std::uint64_t height);

struct LogViewsOptions {
  std::string mmr_dir, index_dir;
  const BlockLog* log = nullptr;  // outlives the views
  // Of a chain that began behind a snapshot: the mountains in front of the log's first block.
  std::vector<Hash> base_peaks;
  std::uint64_t base_blocks = 0;  // their blocks, where the log has none yet
  // Lines for the log of the node: what was made anew, how far it is.
  std::function<void(std::string)> note;
};

class LogViews {
 public:
  struct Place {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
  };
  // Level with the head of the log. Errors: kCorrupt (the log has lost blocks), kNoSpace, kIo,
  // kDenied, kBusy, and those of the log.
  static Result<std::unique_ptr<LogViews>> open(LogViewsOptions options);
  ~LogViews();

  void committed(const std::shared_ptr<const BlockRecord>& block);

  // nullopt: no command of this id is in the blocks that are indexed. Errors: those of the store,
  // and whatever stopped the following.
  Result<std::optional<Place>> find(const Hash& command_id) const;
  // Over the first `leaf_count` headers. Errors: kInvalid, kUnavailable (not written yet), kIo.
  Result<MmrInclusionProof> prove_inclusion(std::uint64_t leaf, std::uint64_t leaf_count) const;
  Result<std::vector<Hash>> prove_consistency(std::uint64_t old_count,
                                              std::uint64_t new_count) const;
  Result<Hash> mmr_root(std::uint64_t leaf_count) const;

  std::uint64_t leaves() const { return leaves_.load(); }
  std::uint64_t indexed_below() const { return indexed_.load(); }
  // In all indexed blocks.
  std::uint64_t events() const { return events_.load(); }
  // Both of the same moment. Errors: those of the store.
  struct Extent {
    std::uint64_t below = 0, events = 0;
  };
  Result<Extent> extent() const;
  // Why the views are not written any more; ok while they are.
  Status health() const;
  KvStore& mmr() { return *mmr_; }
  KvStore& index() { return *index_; }

 private:
  explicit LogViews(LogViewsOptions options) : options_(std::move(options)) {}
  Status open_views();
  Status check_mmr(std::string* wrong) const;
  Status check_index(std::string* wrong) const;
  Status make_anew(std::unique_ptr<KvStore>& store, const std::string& dir, const std::string& why);
  Status begin_at_base();
  Status level(std::uint64_t head);
  Status write(const std::vector<ViewedBlock>& blocks);
  Status write_mmr(const std::vector<ViewedBlock>& blocks);
  Status write_index(const std::vector<ViewedBlock>& blocks);
  Status check_written(std::uint64_t leaf_count) const;
  void follow();
  void note(std::string line) const {
    if (options_.note) options_.note(std::move(line));
  }

  const LogViewsOptions options_;
  std::unique_ptr<KvStore> mmr_, index_;
  std::atomic<std::uint64_t> leaves_{0}, indexed_{0}, events_{0};  // written
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ViewedBlock> waiting_;  // at most kMaxWaiting; what is left out is read from the log
  std::uint64_t head_ = 0;           // of the log, as far as we were told
  Status health_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace blockd
