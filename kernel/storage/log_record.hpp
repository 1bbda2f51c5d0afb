// The bytes of one record of the block log; block_log.hpp describes them. Only the block log and
// those who look after its files (repair, check, lost blocks) include this.
#pragma once

#include <optional>

#include "kernel/storage/block_log.hpp"

namespace blockd::internal {

inline constexpr BytesView kSegmentMagic = "tb-log1\n";
inline constexpr std::uint32_t kRecordHeaderBytes = 25;

struct RecordHeader {
  std::uint32_t length = 0;  // of the payload
  LogRecordType type = LogRecordType::kBatch;
  std::uint64_t height = 0;
  std::uint32_t synced = 0;
  std::uint32_t payload_crc = 0;
};

Bytes encode_record_header(LogRecordType type, std::uint64_t height, std::uint32_t synced,
                           std::span<const BytesView> payload);
Bytes encode_record(LogRecordType type, std::uint64_t height, std::uint32_t synced,
                    BytesView payload);
// nullopt when these are not 25 bytes of a header that verifies.
std::optional<RecordHeader> decode_header(BytesView bytes);

// "log-0000000000000813.seg".
std::string segment_name(std::uint64_t first_height);

// A file of the log. Its id grows by one from segment to segment and is not stored.
struct Segment {
  std::uint32_t id;
  std::uint64_t first_height;
  std::string path;
  std::unique_ptr<DiskFile> file;
};

struct FoundRecord {
  RecordHeader header;
  std::uint32_t offset;
  LogRecordType type() const { return header.type; }
  std::uint64_t end() const { return std::uint64_t{offset} + kRecordHeaderBytes + header.length; }
};

// The records of a segment as far as their headers verify, without their payloads, and where that
// ends.
struct SegmentWalk {
  std::vector<FoundRecord> records;
  std::uint64_t end = 0;
  std::uint64_t file_size = 0;
};
Result<SegmentWalk> walk_segment(const Segment& segment);

// The record at `offset`, its header and payload verified. Errors: kCorrupt with file and offset.
Result<LogRecord> read_record(const Segment& segment, std::uint64_t offset, std::uint64_t* end);
// The same into `*record`, whose memory is kept.
Status read_record(const Segment& segment, std::uint64_t offset, std::uint64_t* end,
                   LogRecord* record);

// Writes the records of `from` up to `end` as `change` says to `<path>.new`, syncs it and renames
// it to the segment's own name. Answers the new file and where its records are.
struct RewrittenSegment {
  std::unique_ptr<DiskFile> file;
  SegmentWalk walk;
};
inline constexpr std::string_view kRewriteSuffix = ".new";
Result<RewrittenSegment> rewrite_segment(Disk& disk, const std::string& dir, const Segment& from,
                                         std::uint64_t end, const LogRecordChange& change);

struct TailCheck {
  bool only_zeros = true;
  std::uint64_t used_end = 0;  // behind the last byte that is not zero
  std::optional<std::uint64_t>
      witness;  // offset of a later record which says that `from` had been synced
};
// Looks at everything in the file from `from` on.
Result<TailCheck> check_tail(const Segment& segment, std::uint64_t from, std::uint64_t file_size);

// Writes zeros over [from, end), which no reader was told of.
Status wipe(const Segment& segment, std::uint64_t from, std::uint64_t end);

// The segments of the log in `dir`, in order, for who reads it without opening it. The last may
// still have the name that it was made under; then the one before it may end in zeros.
struct LogFiles {
  std::vector<std::string> names;
  bool ends_ahead = false;
  std::unique_ptr<DiskFile> ahead;  // opened at once, because its name may change
  bool may_end_in_zeros(std::size_t i) const {
    return i + 1 == names.size() || (ends_ahead && i + 2 == names.size());
  }
  // REQUIRES: once for each.
  Result<std::unique_ptr<DiskFile>> open(Disk& disk, const std::string& dir, std::size_t i);
};
// Errors: kNotFound: no log is there.
Result<LogFiles> log_files(Disk& disk, const std::string& dir);

Status damage(const Segment& segment, std::uint64_t offset, std::string_view why);

}  // namespace blockd::internal
