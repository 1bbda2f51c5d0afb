// Old segments: removed as a whole, or written anew without what is not kept.
#include <algorithm>

#include "kernel/storage/block_log_impl.hpp"

namespace blockd::internal {

Status Log::prune_below(std::uint64_t height) {
  TB_TRY(refused());
  if (ahead_) TB_TRY(ahead_->settle());  // no segment goes while the next one has no name
  while (true) {
    std::string path;
    {
      std::unique_lock lock(mutex_);
      if (segments_.size() < 2) break;
      auto oldest = segments_.begin();
      const std::uint64_t next_first = std::next(oldest)->second->first_height;
      const bool holds_checkpoint = checkpoint_ && checkpoint_place_.segment == oldest->first;
      if (next_first > height || holds_checkpoint) break;
      path = oldest->second->path;
      while (!entries_.empty() && entries_.front().segment == oldest->first) {
        entries_.pop_front();
        ++base_;
      }
      committed_.erase(oldest->first);
      segments_.erase(oldest);
    }
    TB_TRY(disk_.remove(path));
    // In order, so that a power cut never leaves a hole.
    if (Status synced = disk_.sync_dir(dir_); !synced.ok()) return fail(synced);
  }
  return {};
}

Status Log::close_segment() {
  TB_TRY(refused());
  const std::optional<std::uint64_t> last = head();
  if (!open_ || !last || *last < open_->first_height) return {};
  if (!pending_.empty() || batch_)
    return Status(Code::kInvalid, "block log " + dir_ + ": a block is being written");
  return start_segment(*last + 1);
}

Result<LogRewrite> Log::rewrite_below(std::uint64_t height, const LogRecordChange& change) {
  LogRewrite out;
  SegmentPtr segment;
  std::uint64_t end = 0;
  {
    std::shared_lock lock(mutex_);
    const std::uint64_t whole = std::max(base_, whole_from_);
    if (whole >= height || !has_block(whole)) return out;
    const std::uint32_t id = entries_[whole - base_].segment;
    if (id == segments_.rbegin()->first) return out;  // being appended to
    segment = segments_.at(id);
    end = committed_.at(id);
    out.blocks = std::min(height, std::next(segments_.find(id))->second->first_height) - whole;
  }
  Result<RewrittenSegment> next = rewrite_segment(disk_, dir_, *segment, end, change);
  if (!next.ok()) return next.status();
  out.bytes_before = end;
  out.bytes_after = next->walk.end;
  take_rewritten(segment, *std::move(next));
  return out;
}

// Whoever reads the old file goes on with it: it has no name any more, and lives as long as it is
// open.
void Log::take_rewritten(const SegmentPtr& old, RewrittenSegment next) {
  std::unique_lock lock(mutex_);
  segments_[old->id] = std::make_shared<Segment>(
      Segment{old->id, old->first_height, old->path, std::move(next.file)});
  committed_[old->id] = next.walk.end;
  for (const FoundRecord& record : next.walk.records) {
    const std::uint64_t height = record.header.height;
    if (record.type() == LogRecordType::kCheckpoint) {
      if (checkpoint_place_.segment == old->id && checkpoint_ == height)
        checkpoint_place_.offset = record.offset;
      continue;
    }
    if (!has_block(height)) continue;
    Entry& entry = entries_[height - base_];
    if (record.type() == LogRecordType::kBatch) entry.batch = record.offset;
    if (ends_block(record.type())) entry.block = record.offset;
    if (record.type() == LogRecordType::kCertificate) {
      entry.certificate_segment = old->id;
      entry.certificate = record.offset;
    }
    if (record.type() != LogRecordType::kPruned) continue;
    entry.batch = 0;
    whole_from_ = std::max(whole_from_, height + 1);
  }
}

}  // namespace blockd::internal
