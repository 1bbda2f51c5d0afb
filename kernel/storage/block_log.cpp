#include "kernel/storage/block_log.hpp"

#include <algorithm>
#include <cstdio>

#include "kernel/base/crc32c.hpp"
#include "kernel/storage/block_log_impl.hpp"

namespace blockd {
namespace internal {
namespace {

constexpr std::string_view kPrefix = "log-";
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 16;
constexpr std::size_t kMaxUnsynced = 4096;  // records; a block and its company are a handful
constexpr std::size_t kJoinedBytes = 4096;  // smaller pieces are copied for the sake of one write
constexpr std::uint64_t kMaxSegmentBytes = 0xFFFFFFFF;  // offsets are u32

std::string segment_name(std::uint64_t first_height) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llu", static_cast<unsigned long long>(first_height));
  return std::string(kPrefix) + digits + std::string(kSuffix);
}

std::optional<std::uint64_t> height_of_name(std::string_view name) {
  if (name.size() != kPrefix.size() + kNameDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t height = 0;
  for (char c : name.substr(kPrefix.size(), kNameDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    height = height * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return height;
}

}  // namespace

// --- opening ---

Result<std::vector<SegmentPtr>> Log::open_segments() {
  TB_TRY(disk_.make_dir(dir_));
  Result<std::vector<std::string>> names = disk_.list(dir_);
  if (!names.ok()) return names.status();
  std::vector<SegmentPtr> out;
  for (const std::string& name : *names) {
    const std::string path = dir_ + "/" + name;
    // A segment that was being written anew when the process died; the old one is whole.
    if (name.ends_with(std::string(kSuffix) + std::string(kRewriteSuffix)))
      TB_TRY(disk_.remove(path));
    const std::optional<std::uint64_t> height = height_of_name(name);
    if (!height) continue;
    Result<std::unique_ptr<DiskFile>> file = disk_.open(path, false);
    if (!file.ok()) return file.status();
    const auto id = static_cast<std::uint32_t>(out.size());
    out.push_back(std::make_shared<Segment>(Segment{id, *height, path, std::move(*file)}));
  }
  return out;
}

// A new segment is synced before a record goes into it, so one without magic is either empty and
// new, or damaged.
Status Log::check_magic(const Segment& segment, bool last) {
  Result<Bytes> magic = segment.file->read_at(0, kSegmentMagic.size());
  if (!magic.ok()) return magic.status();
  if (*magic == kSegmentMagic) return {};
  Result<std::uint64_t> size = segment.file->size();
  if (!size.ok()) return size.status();
  Result<TailCheck> content = check_tail(segment, 0, *size);
  if (!content.ok()) return content.status();
  if (!last || !content->only_zeros)
    return damage(segment, 0, "this is not a segment of a block log");
  TB_TRY(segment.file->write_at(0, kSegmentMagic));
  return segment.file->sync();
}

// Verifies the payloads of the last segment from `verify_from` on, decides whether what is behind
// the good records is a torn write or damage, and cuts it off.
Status Log::settle_tail(const Segment& segment, SegmentWalk* walk, std::uint64_t verify_from,
                        std::string* recovered) {
  std::string why = "a record that was not written completely";
  auto good = walk->records.begin();
  for (; good != walk->records.end(); ++good) {
    if (good->offset < verify_from) continue;
    std::uint64_t end = 0;
    Result<LogRecord> record = read_record(segment, good->offset, &end);
    if (record.ok()) continue;
    if (record.status().code() != Code::kCorrupt) return record.status();
    why = record.status().message();
    walk->end = good->offset;
    break;
  }
  walk->records.erase(good, walk->records.end());
  Result<TailCheck> tail = check_tail(segment, walk->end, walk->file_size);
  if (!tail.ok()) return tail.status();
  if (tail->witness) {
    return damage(segment, walk->end,
                  "the record here does not verify, but the one at offset " +
                      std::to_string(*tail->witness) + " was written after it had been synced");
  }
  // A batch without its block is of no use; certificates and checkpoints right behind the last
  // block are.
  auto keep = walk->records.end();
  for (auto it = walk->records.begin(); it != walk->records.end(); ++it) {
    if (it->type() == LogRecordType::kBlock) keep = walk->records.end();
    if (it->type() == LogRecordType::kBatch && keep == walk->records.end()) keep = it;
  }
  const bool orphan = keep != walk->records.end();
  if (orphan) walk->end = keep->offset;
  walk->records.erase(keep, walk->records.end());
  if (tail->only_zeros && !orphan) return {};
  *recovered = segment.path + ": cut off at offset " + std::to_string(walk->end) + " of " +
               std::to_string(walk->file_size) + ": " +
               (tail->only_zeros ? "a batch without its block" : why);
  TB_TRY(segment.file->truncate(walk->end));
  walk->file_size = walk->end;
  return segment.file->sync();
}

Status Log::index(const Segment& segment, const SegmentWalk& walk) {
  for (const FoundRecord& record : walk.records) {
    const std::uint64_t height = record.header.height;
    const std::optional<std::uint64_t> last = last_block();
    if (ends_block(record.type()) && last && height != *last + 1) {
      return damage(segment, record.offset,
                    "block " + std::to_string(height) + " follows block " + std::to_string(*last));
    }
    publish({record.type(), height, {segment.id, record.offset}});
  }
  committed_[segment.id] = walk.end;
  return {};
}

Status Log::open(std::string* recovered) {
  recovered->clear();
  Result<std::vector<SegmentPtr>> segments = open_segments();
  if (!segments.ok()) return segments.status();
  std::vector<SegmentWalk> walks;
  for (const SegmentPtr& segment : *segments) {
    const bool last = segment == segments->back();
    TB_TRY(check_magic(*segment, last));
    Result<SegmentWalk> walk = walk_segment(*segment);
    if (!walk.ok()) return walk.status();
    if (!last && walk->end != walk->file_size)
      return damage(*segment, walk->end, "the record here does not verify");
    walks.push_back(std::move(*walk));
  }
  // Payloads are verified from the point that was durable when the newest checkpoint was written.
  Place from{0, static_cast<std::uint32_t>(kSegmentMagic.size())};
  for (std::uint32_t i = 0; i < walks.size(); ++i) {
    for (const FoundRecord& record : walks[i].records) {
      if (record.type() == LogRecordType::kCheckpoint) from = {i, record.header.synced};
    }
  }
  for (std::uint32_t i = 0; i < walks.size(); ++i) {
    const Segment& segment = *(*segments)[i];
    const std::uint64_t verify_from = i < from.segment    ? kMaxSegmentBytes
                                      : i == from.segment ? from.offset
                                                          : 0;
    if (i + 1 == walks.size()) {
      TB_TRY(settle_tail(segment, &walks[i], verify_from, recovered));
    } else {
      for (const FoundRecord& record : walks[i].records) {
        std::uint64_t end = 0;
        if (record.offset < verify_from) continue;
        Result<LogRecord> read = read_record(segment, record.offset, &end);
        if (!read.ok()) return read.status();
      }
    }
    segments_[i] = (*segments)[i];
    TB_TRY(index(segment, walks[i]));
  }
  if (segments->empty()) return {};
  open_ = segments->back();
  offset_ = synced_ = walks.back().end;
  reserved_ = walks.back().file_size;
  // What was read may have been written by a process that was killed before its sync, and a
  // segment's name before the sync of the directory. From here on it counts as committed, so it
  // must survive a power cut.
  TB_TRY(open_->file->sync());
  return disk_.sync_dir(dir_);
}

// --- appending ---

Status Log::refused() const {
  if (failed_.ok()) return {};
  return Status(Code::kIo, "block log " + dir_ + " takes no more records: " + failed_.message(),
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
    Status undone = open_->file->truncate(offset_);
    reserved_ = offset_;
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

// A segment ends between two blocks only, so that a batch and its block lie together and all that
// is unsynced lies in the last segment.
Status Log::make_room(std::uint64_t height, std::uint64_t size) {
  if (!open_) {
    TB_TRY(start_segment(height));
  } else if (offset_ + size > options_.segment_bytes && pending_.empty() && !batch_) {
    const std::optional<std::uint64_t> last = last_block();
    const std::uint64_t first_height = last ? *last + 1 : height;
    if (first_height > open_->first_height) TB_TRY(start_segment(first_height));
  }
  if (offset_ + size > kMaxSegmentBytes) {
    return Status(Code::kLimit, "block log " + dir_ + ": one segment would grow above 4 GiB");
  }
  return reserve(offset_ + size);
}

Status Log::start_segment(std::uint64_t first_height) {
  if (open_) {
    TB_TRY(open_->file->truncate(offset_));
    reserved_ = offset_;
    if (Status synced = open_->file->sync(); !synced.ok()) return fail(synced);
  }
  const std::string path = dir_ + "/" + segment_name(first_height);
  Result<std::unique_ptr<DiskFile>> file = disk_.open(path, true);
  if (!file.ok()) return file.status();
  if (Status written = (*file)->write_at(0, kSegmentMagic); !written.ok()) {
    // The present segment goes on, so it must stay the last one.
    Status removed = disk_.remove(path);
    if (removed.ok()) removed = disk_.sync_dir(dir_);
    return removed.ok() && written.code() == Code::kNoSpace ? written : fail(written);
  }
  if (Status synced = (*file)->sync(); !synced.ok()) return fail(synced);
  if (Status synced = disk_.sync_dir(dir_); !synced.ok()) return fail(synced);
  const std::uint32_t id = open_ ? open_->id + 1 : 0;
  open_ = std::make_shared<Segment>(Segment{id, first_height, path, std::move(*file)});
  offset_ = synced_ = reserved_ = kSegmentMagic.size();
  std::unique_lock lock(mutex_);
  segments_[id] = open_;
  committed_[id] = offset_;
  return {};
}

// Space and file size are settled ahead, so that a commit writes data only.
Status Log::reserve(std::uint64_t end) {
  if (end <= reserved_) return {};
  const std::uint64_t step = std::max<std::uint64_t>(options_.preallocate_bytes, 1);
  const std::uint64_t size = (end + step - 1) / step * step;
  TB_TRY(open_->file->preallocate(size));
  reserved_ = size;
  return {};
}

Status Log::sync() {
  TB_TRY(refused());
  if (pending_.empty()) return {};
  if (Status synced = open_->file->sync(); !synced.ok()) return fail(synced);
  synced_ = offset_;
  std::unique_lock lock(mutex_);
  for (const Pending& record : pending_) publish(record);
  committed_[open_->id] = offset_;
  pending_.clear();
  return {};
}

Status Log::drop_unsynced() {
  TB_TRY(refused());
  if (pending_.empty()) return {};
  if (Status cut = open_->file->truncate(synced_); !cut.ok()) return fail(cut);
  offset_ = reserved_ = synced_;
  pending_.clear();
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
