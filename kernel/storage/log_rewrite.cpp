// A closed segment of the block log written anew, a record at a time.
#include "kernel/storage/log_record.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kPieceBytes = 4u << 20;

// Gathers records and writes them in large pieces.
class Piecewise {
 public:
  explicit Piecewise(DiskFile& file) : file_(file) {}
  std::uint64_t end() const { return offset_ + waiting_.size(); }
  Status add(BytesView bytes) {
    waiting_.append(bytes);
    return waiting_.size() < kPieceBytes ? Status() : flush();
  }
  Status flush() {
    TB_TRY(file_.write_at(offset_, waiting_));
    offset_ += waiting_.size();
    waiting_.clear();
    return {};
  }

 private:
  DiskFile& file_;
  std::uint64_t offset_ = 0;
  Bytes waiting_;
};

// The records carry no mark of what had been synced: their offsets are others now, and the file is
// durable as a whole before it gets its name.
Status copy_records(const Segment& from, std::uint64_t end, const LogRecordChange& change,
                    DiskFile& to, SegmentWalk* walk) {
  Piecewise out(to);
  TB_TRY(out.add(kSegmentMagic));
  for (std::uint64_t offset = kSegmentMagic.size(); offset < end;) {
    Result<LogRecord> record = read_record(from, offset, &offset);
    if (!record.ok()) return record.status();
    Result<std::optional<LogRecord>> changed = change(*std::move(record));
    if (!changed.ok()) return changed.status();
    if (!*changed) continue;
    const LogRecord& next = **changed;
    const auto at = static_cast<std::uint32_t>(out.end());
    const Bytes bytes = encode_record(next.type, next.height, 0, next.payload);
    walk->records.push_back({*decode_header(bytes), at});
    TB_TRY(out.add(bytes));
  }
  TB_TRY(out.flush());
  walk->end = walk->file_size = out.end();
  return to.sync();
}

}  // namespace

Result<RewrittenSegment> rewrite_segment(Disk& disk, const std::string& dir, const Segment& from,
                                         std::uint64_t end, const LogRecordChange& change) {
  const std::string path = from.path + std::string(kRewriteSuffix);
  Result<std::unique_ptr<DiskFile>> file = disk.open(path, true);
  if (!file.ok()) return file.status();
  RewrittenSegment out;
  Status status = (*file)->truncate(0);  // what an earlier attempt has left
  if (status.ok()) status = copy_records(from, end, change, **file, &out.walk);
  if (status.ok()) status = disk.rename(path, from.path);
  if (!status.ok()) {
    const Status removed = disk.remove(path);
    return removed.ok() ? status : status.in("(and the part is left at " + path + ")");
  }
  TB_TRY(disk.sync_dir(dir));
  out.file = *std::move(file);
  return out;
}

}  // namespace blockd::internal
