// Opening the block log: what is there, what of it holds, and what is cut off.
#include <algorithm>
#include <cstdio>

#include "kernel/storage/block_log_impl.hpp"

namespace blockd::internal {
namespace {

constexpr std::string_view kPrefix = "log-";
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 16;

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

std::string segment_name(std::uint64_t first_height) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llu", static_cast<unsigned long long>(first_height));
  return std::string(kPrefix) + digits + std::string(kSuffix);
}

Status Log::open_segments(Found* found) {
  TB_TRY(disk_.make_dir(dir_));
  Result<std::vector<std::string>> names = disk_.list(dir_);
  if (!names.ok()) return names.status();
  bool ahead = false;
  for (const std::string& name : *names) {
    const std::string path = dir_ + "/" + name;
    // A segment that was being made or written anew when the process died.
    if (name == kAheadMaking || name.ends_with(std::string(kSuffix) + std::string(kRewriteSuffix)))
      TB_TRY(disk_.remove(path));
    ahead = ahead || name == kAheadName;
    const std::optional<std::uint64_t> height = height_of_name(name);
    if (!height) continue;
    Result<std::unique_ptr<DiskFile>> file = disk_.open(path, false);
    if (!file.ok()) return file.status();
    const auto id = static_cast<std::uint32_t>(found->segments.size());
    found->segments.push_back(
        std::make_shared<Segment>(Segment{id, *height, path, std::move(*file)}));
  }
  if (!ahead) return {};
  Result<FoundAhead> next = find_ahead(disk_, dir_);
  if (!next.ok()) return next.status();
  found->ends_ahead = next->used;
  found->spoilt = next->spoilt;
  if (!next->used) {
    found->ready = std::move(next->made);
    return {};
  }
  const auto id = static_cast<std::uint32_t>(found->segments.size());
  found->segments.push_back(std::make_shared<Segment>(
      Segment{id, 0, dir_ + "/" + std::string(kAheadName), std::move(next->made.file)}));
  return {};
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

// Verifies the payloads of the last segment from `verify_from` on, and decides whether what is
// behind the good records is a torn write or damage.
Result<Log::Tail> Log::judge_tail(const Segment& segment, SegmentWalk* walk,
                                  std::uint64_t verify_from) const {
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
  if (tail->only_zeros && !orphan) return Tail{};
  return Tail{tail->only_zeros ? "a batch without its block" : why, tail->used_end};
}

Status Log::cut_tail(const Segment& segment, SegmentWalk* walk, const Tail& tail,
                     std::string* recovered) {
  if (tail.why.empty()) return {};
  *recovered = segment.path + ": cut off at offset " + std::to_string(walk->end) + " of " +
               std::to_string(walk->file_size) + ": " + tail.why;
  // Zeros that were made ahead stay of use; a file that ends in a torn record is cut, and one on a
  // disk that takes not even zeros.
  const bool ahead = tail.used_end < walk->file_size;
  const Status wiped = ahead ? wipe(segment, walk->end, tail.used_end) : Status();
  if (!wiped.ok() && wiped.code() != Code::kNoSpace) return wiped;
  if (!ahead || !wiped.ok()) {
    TB_TRY(segment.file->truncate(walk->end));
    walk->file_size = walk->end;
  }
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

Status Log::walk_segments(Found* found) {
  const std::size_t count = found->segments.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Segment& segment = *found->segments[i];
    const bool last = i + 1 == count;
    TB_TRY(check_magic(segment, last));
    Result<SegmentWalk> walk = walk_segment(segment);
    if (!walk.ok()) return walk.status();
    if (!last && walk->end != walk->file_size) {
      bool zeros = found->ends_ahead && i + 2 == count;
      if (zeros) {
        Result<TailCheck> tail = check_tail(segment, walk->end, walk->file_size);
        if (!tail.ok()) return tail.status();
        zeros = tail->only_zeros;
      }
      if (!zeros) return damage(segment, walk->end, "the record here does not verify");
    }
    found->walks.push_back(std::move(*walk));
  }
  return {};
}

std::string Log::what_goes(const Found& found, const Tail& tail) const {
  if (!found.spoilt.empty()) return dir_ + "/" + std::string(kAheadName) + ": " + found.spoilt;
  if (tail.why.empty()) return {};
  return found.segments.back()->path + " at offset " + std::to_string(found.walks.back().end) +
         ": " + tail.why;
}

Status Log::drop_spoilt(const Found& found, std::string* recovered) {
  if (found.spoilt.empty()) return {};
  const std::string path = dir_ + "/" + std::string(kAheadName);
  *recovered = path + ": removed: " + found.spoilt;
  TB_TRY(disk_.remove(path));
  return disk_.sync_dir(dir_);
}

// What a process that died between two names has left to do.
Status Log::name_last(const Found& found) {
  if (!found.ends_ahead) return {};
  const std::size_t count = found.segments.size();
  const Segment& before = *found.segments[count - 2];
  Segment& last = *found.segments[count - 1];
  TB_TRY(before.file->truncate(found.walks[count - 2].end));
  TB_TRY(before.file->sync());
  const std::string path = dir_ + "/" + segment_name(last.first_height);
  TB_TRY(disk_.rename(last.path, path));
  last.path = path;
  return {};
}

Status Log::open(std::string* recovered) {
  recovered->clear();
  Found found;
  TB_TRY(open_segments(&found));
  TB_TRY(walk_segments(&found));
  std::vector<SegmentWalk>& walks = found.walks;
  // Payloads are verified from the point that was durable when the newest checkpoint was written.
  Place from{0, static_cast<std::uint32_t>(kSegmentMagic.size())};
  for (std::uint32_t i = 0; i < walks.size(); ++i) {
    for (const FoundRecord& record : walks[i].records) {
      if (record.type() == LogRecordType::kCheckpoint) from = {i, record.header.synced};
    }
  }
  Tail tail;
  for (std::uint32_t i = 0; i < walks.size(); ++i) {
    Segment& segment = *found.segments[i];
    const bool last = i + 1 == walks.size();
    if (last && found.ends_ahead) {
      if (!last_block()) return damage(segment, 0, "no segment with blocks is before this one");
      segment.first_height = *last_block() + 1;
    }
    const std::uint64_t verify_from = i < from.segment    ? UINT64_MAX
                                      : i == from.segment ? from.offset
                                                          : 0;
    if (last) {
      Result<Tail> judged = judge_tail(segment, &walks[i], verify_from);
      if (!judged.ok()) return judged.status();
      tail = *std::move(judged);
    } else {
      for (const FoundRecord& record : walks[i].records) {
        std::uint64_t end = 0;
        if (record.offset < verify_from) continue;
        Result<LogRecord> read = read_record(segment, record.offset, &end);
        if (!read.ok()) return read.status();
      }
    }
    segments_[i] = found.segments[i];
    TB_TRY(index(segment, walks[i]));
  }
  if (options_.examine) TB_TRY(options_.examine(*this, what_goes(found, tail)));
  TB_TRY(drop_spoilt(found, recovered));
  if (!walks.empty()) TB_TRY(cut_tail(*found.segments.back(), &walks.back(), tail, recovered));
  TB_TRY(name_last(found));
  if (options_.ahead != LogAheadMode::kOff) {
    ahead_ = std::make_unique<LogAhead>(disk_, dir_, options_.ahead);
    if (found.ready.file) ahead_->start_with(std::move(found.ready));
  }
  if (found.segments.empty()) return {};
  open_ = found.segments.back();
  offset_ = synced_ = wanted_ = walks.back().end;
  reserved_ = zeroed_ = walks.back().file_size;
  // What was read may have been written by a process that was killed before its sync, and a
  // segment's name before the sync of the directory. From here on it counts as committed, so it
  // must survive a power cut.
  TB_TRY(open_->file->sync());
  return disk_.sync_dir(dir_);
}

}  // namespace blockd::internal
