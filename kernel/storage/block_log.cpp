#include "kernel/storage/block_log.hpp"

#include <algorithm>

#include "kernel/storage/block_log_impl.hpp"

namespace blockd {
namespace internal {
namespace {

constexpr std::size_t kMaxUnsynced = 4096;  // records; a block and its company are a handful
constexpr std::size_t kJoinedBytes = 4096;  // smaller pieces are copied for the sake of one write
constexpr std::uint64_t kMaxSegmentBytes = 0xFFFFFFFF;  // offsets are u32
constexpr std::uint64_t kLeastStep = 64u << 10;         // where little is free
constexpr std::uint64_t kBlockDecay = 64;  // a large block counts for about as many more
constexpr std::uint64_t kLastShare = 8;    // of a segment: in the last such part of it blocks look
                                           // for a moment at which it can be changed

}  // namespace

// --- appending ---

Status Log::refused() const {
  if (failed_.ok() && !(ahead_ && ahead_->failed())) return {};
  const Status failed = failed_.ok() ? ahead_->failure() : failed_;
  return Status(Code::kIo, "block log " + dir_ + " takes no more records: " + failed.message(),
                "what the disk holds is unknown now; check the disk and start the node again");
}

Status Log::check_height(LogRecordType type, std::uint64_t height) const {
  std::optional<std::uint64_t> last = last_block();
  for (const Pending& record : pending_) {
    if (record.type == LogRecordType::kBlock) last = record.height;
  }
  if (type == LogRecordType::kCheckpoint || !last) {
    if (type != LogRecordType::kCertificate) return {};
  } else if (type == LogRecordType::kCertificate) {
    if (height >= base_ && height <= *last) return {};
  } else if (height == *last + 1) {
    return {};
  }
  return Status(Code::kInvalid, "block log " + dir_ + ": a record of block " +
                                    std::to_string(height) + " cannot follow block " +
                                    (last ? std::to_string(*last) : "none"));
}

Status Log::append_parts(LogRecordType type, std::uint64_t height,
                         std::span<const BytesView> payload) {
  TB_TRY(refused());
  std::uint64_t bytes = 0;
  for (BytesView part : payload) bytes += part.size();
  if (bytes > options_.max_record_bytes) {
    return Status(Code::kLimit, "block log " + dir_ + ": a record of " + std::to_string(bytes) +
                                    " bytes is above the limit of " +
                                    std::to_string(options_.max_record_bytes));
  }
  if (pending_.size() >= kMaxUnsynced) {
    return Status(Code::kLimit, "block log " + dir_ + ": " + std::to_string(kMaxUnsynced) +
                                    " records wait for a sync");
  }
  if (type == LogRecordType::kPruned)
    return Status(Code::kInvalid, "block log " + dir_ + ": a pruned block cannot be appended");
  TB_TRY(check_height(type, height));
  const std::uint64_t size = kRecordHeaderBytes + bytes;
  TB_TRY(make_room(height, size));
  const Bytes header =
      encode_record_header(type, height, static_cast<std::uint32_t>(synced_), payload);
  if (Status written = write_parts(header, payload); !written.ok()) {
    // A part of it may be there: take it back, or stop.
    Status undone = take_back(offset_, offset_ + size);
    if (written.code() != Code::kNoSpace || !undone.ok()) return fail(written);
    return written;
  }
  pending_.push_back({type, height, {open_->id, static_cast<std::uint32_t>(offset_)}});
  offset_ += size;
  return {};
}

// The first part goes with the header: of a small record it is all of it.
Status Log::write_parts(BytesView header, std::span<const BytesView> payload) {
  Bytes begin(header);
  std::uint64_t at = offset_;
  if (!payload.empty() && payload.front().size() <= kJoinedBytes) {
    begin.append(payload.front());
    payload = payload.subspan(1);
  }
  TB_TRY(open_->file->write_at(at, begin));
  at += begin.size();
  for (BytesView part : payload) {
    if (part.empty()) continue;
    TB_TRY(open_->file->write_at(at, part));
    at += part.size();
  }
  return {};
}

Status Log::make_room(std::uint64_t height, std::uint64_t size) {
  if (!open_) {
    TB_TRY(start_segment(height));
  } else if (between_blocks()) {
    TB_TRY(end_segment(height, size));
  }
  if (offset_ + size > kMaxSegmentBytes) {
    return Status(Code::kLimit, "block log " + dir_ + ": one segment would grow above 4 GiB");
  }
  return reserve(offset_ + size);
}

bool Log::between_blocks() const {
  for (auto record = pending_.rbegin(); record != pending_.rend(); ++record) {
    if (record->type == LogRecordType::kBlock) return true;
    if (record->type == LogRecordType::kBatch) return false;
  }
  return !batch_;
}

bool Log::in_last_share() const {
  return options_.sync != LogSyncMode::kInline && offset_ > zeroed_ - zeroed_ / kLastShare;
}

// A segment ends between two blocks only, so that a batch and its block lie together, and while
// nothing is on its way to the disk, so that all that is unsynced lies in the last segment. Before
// it is as long as it may be it ends at the first such moment; then the appending waits for one.
Status Log::end_segment(std::uint64_t height, std::uint64_t size) {
  const bool full = offset_ + std::max(size, block_bytes_) > zeroed_;
  const bool over = offset_ + size > options_.segment_bytes;
  const bool take = (full || in_last_share()) && ahead_ && ahead_->ready();
  if (!take && !over) return {};
  if (!pending_.empty() && options_.sync == LogSyncMode::kInline) return {};
  if (!pending_.empty()) TB_TRY(over ? sync() : settle(LogWait::kNone));
  if (!pending_.empty()) return {};
  const std::optional<std::uint64_t> last = last_block();
  const std::uint64_t first_height = last ? *last + 1 : height;
  const bool has_block = first_height > open_->first_height;
  if (!has_block || (take && take_ahead(first_height))) return {};
  return over ? start_segment(first_height) : Status();
}

// Beside the appending: see LogAhead.
bool Log::take_ahead(std::uint64_t first_height) {
  if (!ahead_) return false;
  const std::string path = dir_ + "/" + segment_name(first_height);
  std::optional<LogAhead::Made> made = ahead_->take({open_, offset_, path});
  if (!made) return false;
  use_segment(
      std::make_shared<Segment>(Segment{open_->id + 1, first_height, path, std::move(made->file)}),
      made->bytes);
  zeroed_ = reserved_;
  return true;
}

void Log::use_segment(SegmentPtr segment, std::uint64_t file_size) {
  open_ = std::move(segment);
  offset_ = synced_ = wanted_ = kSegmentMagic.size();
  reserved_ = file_size;
  zeroed_ = offset_;
  std::unique_lock lock(mutex_);
  segments_[open_->id] = open_;
  committed_[open_->id] = offset_;
}

Status Log::start_segment(std::uint64_t first_height) {
  if (ahead_) {
    if (Status settled = ahead_->settle(); !settled.ok())
      return settled.code() == Code::kNoSpace ? settled : fail(settled);
  }
  if (open_) {
    TB_TRY(open_->file->truncate(offset_));
    reserved_ = zeroed_ = offset_;
    if (Status synced = open_->file->sync(); !synced.ok()) return fail(synced);
  }
  const std::string path = dir_ + "/" + segment_name(first_height);
  Result<std::unique_ptr<DiskFile>> file = disk_.open(path, true);
  if (!file.ok()) return file.status();
  // It begins with zeros like those that come from LogAhead.
  const std::uint64_t zeros = std::min(options_.segment_bytes, LogAhead::kLeastBytes);
  const bool filled = ahead_ && disk_.free_bytes(dir_) / LogAhead::kShareOfFree >= zeros;
  Bytes front(filled ? zeros : kSegmentMagic.size(), '\0');
  front.replace(0, kSegmentMagic.size(), kSegmentMagic);
  if (Status written = (*file)->write_at(0, front); !written.ok()) {
    // The present segment goes on, so it must stay the last one.
    Status removed = disk_.remove(path);
    if (removed.ok()) removed = disk_.sync_dir(dir_);
    return removed.ok() && written.code() == Code::kNoSpace ? written : fail(written);
  }
  if (Status synced = (*file)->sync(); !synced.ok()) return fail(synced);
  if (Status synced = disk_.sync_dir(dir_); !synced.ok()) return fail(synced);
  const std::uint32_t id = open_ ? open_->id + 1 : 0;
  use_segment(std::make_shared<Segment>(Segment{id, first_height, path, std::move(*file)}),
              front.size());
  zeroed_ = reserved_;
  return {};
}

// Space and file size are settled ahead, so that a commit waits for as little as can be.
Status Log::reserve(std::uint64_t end) {
  if (end <= reserved_) return {};
  const std::uint64_t share = disk_.free_bytes(dir_) / LogAhead::kShareOfFree;
  const std::uint64_t most = std::max<std::uint64_t>(options_.preallocate_bytes, 1);
  const std::uint64_t step = std::clamp(share, std::min(kLeastStep, most), most);
  const std::uint64_t size = (end + step - 1) / step * step;
  TB_TRY(open_->file->preallocate(size));
  reserved_ = size;
  return {};
}

// Makes what was written to [from, end) of the open segment not written. Zeros that were there
// before are there again; behind them the file is cut.
Status Log::take_back(std::uint64_t from, std::uint64_t end) {
  if (end <= zeroed_) {
    const Status wiped = wipe(*open_, from, end);
    if (wiped.code() != Code::kNoSpace) return wiped;  // where even that takes room: shorter
  }
  TB_TRY(open_->file->truncate(from));
  reserved_ = from;
  zeroed_ = std::min(zeroed_, from);
  return {};
}

// Nothing is made for a segment that is less than half full: it may take days to fill, and zeros
// cost as much as records.
void Log::work_ahead() {
  if (!ahead_) return;
  if (offset_ >= reserved_ / 2)
    ahead_->want(std::min(options_.segment_bytes, std::max(LogAhead::kLeastBytes, 2 * reserved_)));
  ahead_->step();
}

Status Log::sync() {
  TB_TRY(begin_sync());
  return settle(LogWait::kAll);
}

Status Log::begin_sync() {
  TB_TRY(refused());
  if (offset_ == wanted_) return {};
  block_bytes_ = std::max(offset_ - wanted_, block_bytes_ - block_bytes_ / kBlockDecay);
  wanted_ = offset_;
  sync_.want(open_, wanted_);
  return options_.sync == LogSyncMode::kInline ? settle(LogWait::kAll) : Status();
}

Status Log::settle(LogWait wait) {
  if (wanted_ == synced_) return {};
  TB_TRY(refused());
  if (wait == LogWait::kNone) {
    sync_.step();
  } else {
    static_cast<void>(sync_.await(wait == LogWait::kNext ? synced_ + 1 : wanted_));
  }
  if (Status failed = sync_.failure(); !failed.ok()) return fail(failed);
  take_in(sync_.done());
  return {};
}

// Records up to `done` of the open segment are durable.
void Log::take_in(std::uint64_t done) {
  if (done <= synced_) return;
  synced_ = done;
  {
    std::unique_lock lock(mutex_);
    auto record = pending_.begin();
    for (; record != pending_.end() && record->place.offset < done; ++record) publish(*record);
    pending_.erase(pending_.begin(), record);
    committed_[open_->id] = done;
  }
  work_ahead();
}

Status Log::drop_unsynced() {
  TB_TRY(refused());
  if (offset_ == wanted_) return {};
  if (Status cut = take_back(wanted_, offset_); !cut.ok()) return fail(cut);
  offset_ = wanted_;
  while (!pending_.empty() && pending_.back().place.offset >= wanted_) pending_.pop_back();
  return {};
}

void Log::publish(const Pending& record) {
  switch (record.type) {
    case LogRecordType::kBatch:
      batch_ = record;
      break;
    case LogRecordType::kBlock: {
      if (entries_.empty()) base_ = record.height;
      const bool has_batch = batch_ && batch_->height == record.height;
      entries_.push_back(
          {record.place.segment, has_batch ? batch_->place.offset : 0, record.place.offset, 0, 0});
      batch_.reset();
      break;
    }
    case LogRecordType::kPruned:
      if (entries_.empty()) base_ = record.height;
      entries_.push_back({record.place.segment, 0, record.place.offset, 0, 0});
      whole_from_ = std::max(whole_from_, record.height + 1);
      batch_.reset();
      break;
    case LogRecordType::kCheckpoint:
      checkpoint_ = record.height;
      checkpoint_place_ = record.place;
      break;
    case LogRecordType::kCertificate:
      if (!has_block(record.height)) break;  // of a block that was pruned
      entries_[record.height - base_].certificate_segment = record.place.segment;
      entries_[record.height - base_].certificate = record.place.offset;
      break;
  }
}

// --- reading ---

Status Log::read_into(LogRecordType type, std::uint64_t height, Bytes* out) const {
  Place place;
  SegmentPtr segment;
  {
    std::shared_lock lock(mutex_);
    if (type == LogRecordType::kCheckpoint) {
      if (checkpoint_ == height) place = checkpoint_place_;
    } else if (has_block(height)) {
      const Entry& entry = entries_[height - base_];
      const bool pruned = height < whole_from_;
      if (type == LogRecordType::kBatch) place = {entry.segment, entry.batch};
      if (type == (pruned ? LogRecordType::kPruned : LogRecordType::kBlock))
        place = {entry.segment, entry.block};
      if (type == LogRecordType::kCertificate)
        place = {entry.certificate_segment, entry.certificate};
    }
    if (place.offset != 0) segment = segments_.at(place.segment);
  }
  if (!segment) {
    return Status(Code::kNotFound,
                  "block log " + dir_ + ": no such record of block " + std::to_string(height));
  }
  std::uint64_t end = 0;
  LogRecord record;
  record.payload = std::move(*out);
  const Status read = read_record(*segment, place.offset, &end, &record);
  *out = std::move(record.payload);
  if (!read.ok()) return read.in("block " + std::to_string(height));
  if (record.type != type || record.height != height) {
    return damage(*segment, place.offset,
                  "the record of block " + std::to_string(height) + " is not here any more");
  }
  return {};
}

Status Log::visit(std::uint64_t from, const std::function<bool(const LogRecord&)>& visitor) const {
  std::uint32_t id = 0;
  std::uint64_t offset = 0, end = 0;
  SegmentPtr segment;
  {
    std::shared_lock lock(mutex_);
    if (entries_.empty() || from > *last_block()) return {};
    const std::uint64_t whole = std::max(base_, whole_from_);
    if (from < whole) {
      return Status(Code::kNotFound, "block log " + dir_ + ": block " + std::to_string(from) +
                                         " was pruned, the first is " + std::to_string(whole));
    }
    const Entry& entry = entries_[from - base_];
    id = entry.segment;
    offset = entry.batch != 0 ? entry.batch : entry.block;
    segment = segments_.at(id);
    end = committed_.at(id);
  }
  // Offset and file are taken under one lock: the next moment the segment may be another file.
  for (LogRecord record;;) {
    while (offset < end) {
      TB_TRY(read_record(*segment, offset, &offset, &record));
      if (!visitor(record)) return {};
    }
    offset = kSegmentMagic.size();
    std::shared_lock lock(mutex_);
    const auto found = segments_.find(++id);
    if (found == segments_.end()) return {};
    segment = found->second;
    end = committed_.at(id);
  }
}

}  // namespace internal

Result<std::unique_ptr<BlockLog>> BlockLog::open(Disk& disk, const std::string& dir,
                                                 const BlockLogOptions& options,
                                                 std::string* recovered) {
  auto log = std::make_unique<internal::Log>(disk, dir, options);
  TB_TRY(log->open(recovered));
  return std::unique_ptr<BlockLog>(std::move(log));
}

}  // namespace blockd
