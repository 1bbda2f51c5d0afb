// What stands behind BlockLog: the index of records in memory, and the open segment. Not for other
// folders. Appending and reading are in block_log.cpp, opening in log_open.cpp, pruning in
// log_prune.cpp.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "kernel/storage/block_log.hpp"
#include "kernel/storage/log_ahead.hpp"
#include "kernel/storage/log_record.hpp"
#include "kernel/storage/log_sync.hpp"

namespace blockd::internal {

using SegmentPtr = std::shared_ptr<Segment>;

inline bool ends_block(LogRecordType type) {
  return type == LogRecordType::kBlock || type == LogRecordType::kPruned;
}

struct Place {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;  // 0: none, because the magic is there
};

class Log final : public BlockLog {
 public:
  Log(Disk& disk, std::string dir, const BlockLogOptions& options)
      : disk_(disk),
        dir_(std::move(dir)),
        options_(options),
        sync_(options_.sync, options_.on_sync) {}

  Status open(std::string* recovered);

  Status append_parts(LogRecordType type, std::uint64_t height,
                      std::span<const BytesView> payload) override;
  Status sync() override;
  Status begin_sync() override;
  Status settle(LogWait wait) override;
  Status drop_unsynced() override;
  std::optional<std::uint64_t> head() const override {
    std::shared_lock lock(mutex_);
    return last_block();
  }
  std::optional<std::uint64_t> first() const override {
    std::shared_lock lock(mutex_);
    return entries_.empty() ? std::nullopt : std::optional(std::max(base_, whole_from_));
  }
  std::optional<std::uint64_t> first_pruned() const override {
    std::shared_lock lock(mutex_);
    return entries_.empty() ? std::nullopt : std::optional(base_);
  }
  std::optional<std::uint64_t> checkpoint() const override {
    std::shared_lock lock(mutex_);
    return checkpoint_;
  }
  Status read_into(LogRecordType type, std::uint64_t height, Bytes* out) const override;
  Status visit(std::uint64_t from,
               const std::function<bool(const LogRecord&)>& visitor) const override;
  Status prune_below(std::uint64_t height) override;
  Status close_segment() override;
  Result<LogRewrite> rewrite_below(std::uint64_t height, const LogRecordChange& change) override;
  std::uint64_t bytes() const override {
    std::shared_lock lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [id, end] : committed_) sum += end;
    return sum;
  }
  std::uint64_t ahead_bytes() const override { return ahead_ ? ahead_->made_bytes() : 0; }

 private:
  struct Entry {
    std::uint32_t segment, batch, block;
    std::uint32_t certificate_segment, certificate;
  };
  struct Pending {
    LogRecordType type;
    std::uint64_t height;
    Place place;
  };

  // Opening.
  struct Found {
    std::vector<SegmentPtr> segments;
    std::vector<SegmentWalk> walks;
    bool ends_ahead = false;  // the last has no name of its own yet
    LogAhead::Made ready;     // made ahead and not used
    std::string spoilt;       // what is wrong with `log-ahead`, which goes; empty: nothing
  };
  // Where the records of the last segment end, and what lies behind that.
  struct Tail {
    std::string why;  // it is cut off; empty: nothing is
    std::uint64_t used_end = 0;
  };
  Status open_segments(Found* found);
  Status walk_segments(Found* found);
  Status check_magic(const Segment& segment, bool last);
  Status name_last(const Found& found);
  Result<Tail> judge_tail(const Segment& segment, SegmentWalk* walk,
                          std::uint64_t verify_from) const;
  Status cut_tail(const Segment& segment, SegmentWalk* walk, const Tail& tail,
                  std::string* recovered);
  std::string what_goes(const Found& found, const Tail& tail) const;
  Status drop_spoilt(const Found& found, std::string* recovered);
  Status index(const Segment& segment, const SegmentWalk& walk);

  // Appending.
  Status refused() const;
  Status check_height(LogRecordType type, std::uint64_t height) const;
  bool between_blocks() const;
  bool in_last_share() const;
  Status make_room(std::uint64_t height, std::uint64_t size);
  Status end_segment(std::uint64_t height, std::uint64_t size);
  Status start_segment(std::uint64_t first_height);
  bool take_ahead(std::uint64_t first_height);
  void use_segment(SegmentPtr segment, std::uint64_t file_size);
  Status reserve(std::uint64_t end);
  Status write_parts(BytesView header, std::span<const BytesView> payload);
  Status take_back(std::uint64_t from, std::uint64_t end);
  void take_in(std::uint64_t done);
  void work_ahead();
  Status fail(Status status) {
    failed_ = status;
    return status;
  }

  // The index; the lock is held, or nobody else is there yet.
  std::optional<std::uint64_t> last_block() const {
    return entries_.empty() ? std::nullopt : std::optional(base_ + entries_.size() - 1);
  }
  bool has_block(std::uint64_t height) const {
    return height >= base_ && height - base_ < entries_.size();
  }
  void publish(const Pending& record);
  void take_rewritten(const SegmentPtr& old, RewrittenSegment next);

  Disk& disk_;
  const std::string dir_;
  const BlockLogOptions options_;

  // Of the appending thread.
  Status failed_;
  SegmentPtr open_;                  // the last segment
  std::uint64_t offset_ = 0;         // where the next record goes
  std::uint64_t synced_ = 0;         // up to here the segment is durable, as far as is known
  std::uint64_t wanted_ = 0;         // up to here a sync has begun
  std::uint64_t reserved_ = 0;       // size of the file
  std::uint64_t zeroed_ = 0;         // up to here it was zeros on the disk before records came
  std::uint64_t block_bytes_ = 0;    // of a large block of late, so that none ends behind zeroed_
  std::vector<Pending> pending_;     // appended, and not known to be synced
  std::unique_ptr<LogAhead> ahead_;  // null: nobody makes segments ahead

  mutable std::shared_mutex mutex_;  // guards the rest: what is committed
  std::map<std::uint32_t, SegmentPtr> segments_;
  std::map<std::uint32_t, std::uint64_t> committed_;  // segment -> end of its durable records
  std::uint64_t base_ = 0;                            // height of entries_[0]
  std::uint64_t whole_from_ = 0;                      // blocks below it are pruned
  std::deque<Entry> entries_;
  std::optional<Pending> batch_;  // a batch whose block is not there yet
  std::optional<std::uint64_t> checkpoint_;
  Place checkpoint_place_;
  LogSync sync_;  // last: its thread works on the open segment
};

}  // namespace blockd::internal
