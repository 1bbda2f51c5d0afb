#include "kernel/storage/log_record.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/base/crc32c.hpp"
#include "kernel/storage/log_ahead.hpp"

namespace blockd::internal {
namespace {

constexpr std::uint64_t kTailStep = 1 << 20;
constexpr std::size_t kSumStep = 64 << 10;  // is summed up while it is still near
constexpr std::size_t kTypeOffset = 4;

bool all_zeros(BytesView bytes) {
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

bool is_type(std::uint8_t type) { return type >= 1 && type <= 5; }

}  // namespace

Bytes encode_record_header(LogRecordType type, std::uint64_t height, std::uint32_t synced,
                           std::span<const BytesView> payload) {
  std::size_t size = 0;
  std::uint32_t crc = 0;
  for (BytesView part : payload) {
    size += part.size();
    crc = crc32c(part, crc);
  }
  Bytes out;
  put_u32(out, static_cast<std::uint32_t>(size));
  put_u8(out, static_cast<std::uint8_t>(type));
  put_u64(out, height);
  put_u32(out, synced);
  put_u32(out, crc);
  put_u32(out, crc32c(out));
  TB_ASSERT(out.size() == kRecordHeaderBytes);
  return out;
}

Bytes encode_record(LogRecordType type, std::uint64_t height, std::uint32_t synced,
                    BytesView payload) {
  Bytes out = encode_record_header(type, height, synced, {&payload, 1});
  out.reserve(kRecordHeaderBytes + payload.size());
  return out.append(payload);
}

std::optional<RecordHeader> decode_header(BytesView bytes) {
  Reader in(bytes.substr(0, kRecordHeaderBytes));
  RecordHeader out;
  out.length = in.u32();
  const std::uint8_t type = in.u8();
  out.height = in.u64();
  out.synced = in.u32();
  out.payload_crc = in.u32();
  const std::uint32_t crc = in.u32();
  if (!in.ok() || !is_type(type)) return std::nullopt;
  if (crc != crc32c(bytes.substr(0, kRecordHeaderBytes - 4))) return std::nullopt;
  out.type = static_cast<LogRecordType>(type);
  return out;
}

Status damage(const Segment& segment, std::uint64_t offset, std::string_view why) {
  return Status(Code::kCorrupt,
                segment.path + ": offset " + std::to_string(offset) + ": " + std::string(why),
                "the file is damaged and was left as it is: stop the node, `contract-cli storage "
                "repair --data DIR "
                "--dry-run` says what is whole, docs/runbooks/data-corruption.md what to do");
}

Result<SegmentWalk> walk_segment(const Segment& segment) {
  Result<std::uint64_t> size = segment.file->size();
  if (!size.ok()) return size.status();
  SegmentWalk out;
  out.file_size = *size;
  out.end = kSegmentMagic.size();
  while (out.end + kRecordHeaderBytes <= out.file_size) {
    Result<Bytes> bytes = segment.file->read_at(out.end, kRecordHeaderBytes);
    if (!bytes.ok()) return bytes.status();
    const std::optional<RecordHeader> header = decode_header(*bytes);
    if (!header) break;
    const FoundRecord record{*header, static_cast<std::uint32_t>(out.end)};
    if (record.end() > out.file_size) break;
    out.records.push_back(record);
    out.end = record.end();
  }
  return out;
}

Result<LogRecord> read_record(const Segment& segment, std::uint64_t offset, std::uint64_t* end) {
  LogRecord record;
  TB_TRY(read_record(segment, offset, end, &record));
  return record;
}

namespace {

// False: the file does not have these bytes.
Result<bool> read_payload(const Segment& segment, std::uint64_t offset, const RecordHeader& header,
                          Bytes& payload) {
  payload.resize(header.length);
  std::uint32_t crc = 0;
  for (std::size_t at = 0; at < payload.size(); at += kSumStep) {
    const std::span<char> part =
        std::span(payload).subspan(at, std::min(kSumStep, payload.size() - at));
    Result<std::size_t> got = segment.file->read_to(offset + at, part);
    if (!got.ok()) return got.status();
    if (*got != part.size()) return false;
    crc = crc32c({part.data(), part.size()}, crc);
  }
  return crc == header.payload_crc;
}

}  // namespace

Status read_record(const Segment& segment, std::uint64_t offset, std::uint64_t* end,
                   LogRecord* record) {
  Result<Bytes> head = segment.file->read_at(offset, kRecordHeaderBytes);
  if (!head.ok()) return head.status();
  const std::optional<RecordHeader> header = decode_header(*head);
  if (!header) return damage(segment, offset, "the header of the record does not verify");
  Result<bool> whole = read_payload(segment, offset + kRecordHeaderBytes, *header, record->payload);
  if (!whole.ok()) return whole.status();
  if (!*whole) {
    return damage(segment, offset,
                  "the record of block " + std::to_string(header->height) + " does not verify");
  }
  *end = offset + kRecordHeaderBytes + header->length;
  record->type = header->type;
  record->height = header->height;
  return {};
}

Result<TailCheck> check_tail(const Segment& segment, std::uint64_t from, std::uint64_t file_size) {
  TailCheck out;
  out.used_end = from;
  Bytes bytes;
  for (std::uint64_t at = from; at < file_size; at += kTailStep) {
    // Steps overlap by a header, so that one across their border is seen.
    bytes.resize(kTailStep + kRecordHeaderBytes - 1);
    Result<std::size_t> got = segment.file->read_to(at, bytes);
    if (!got.ok()) return got.status();
    bytes.resize(*got);
    if (all_zeros(bytes)) continue;
    out.only_zeros = false;
    out.used_end = at + bytes.find_last_not_of('\0') + 1;
    for (std::size_t i = 0; i + kRecordHeaderBytes <= bytes.size() && i < kTailStep; ++i) {
      if (!is_type(static_cast<std::uint8_t>(bytes[i + kTypeOffset]))) continue;
      const std::optional<RecordHeader> header = decode_header(BytesView(bytes).substr(i));
      if (header && header->synced > from && header->synced <= at + i) {
        out.witness = at + i;
        return out;
      }
    }
  }
  return out;
}

Status wipe(const Segment& segment, std::uint64_t from, std::uint64_t end) {
  const Bytes zeros(std::min(kTailStep, end - std::min(from, end)), '\0');
  for (; from < end; from += kTailStep) {
    TB_TRY(segment.file->write_at(
        from, BytesView(zeros).substr(0, std::min<std::uint64_t>(kTailStep, end - from))));
  }
  return {};
}

Result<LogFiles> log_files(Disk& disk, const std::string& dir) {
  constexpr int kTries = 3;  // between list and open the made one may get its name
  for (int n = 0;; ++n) {
    LogFiles out;
    Result<std::vector<std::string>> names = disk.list(dir);
    if (!names.ok()) return names.status();
    const bool ahead = std::find(names->begin(), names->end(), kAheadName) != names->end();
    std::erase_if(*names, [](const std::string& name) {
      return !name.starts_with("log-") || !name.ends_with(".seg");
    });
    if (names->empty())
      return Status(Code::kNotFound, dir + ": there is no block log",
                    "give the data directory of a node");
    std::sort(names->begin(), names->end());
    out.names = *std::move(names);
    if (!ahead) return out;
    Result<std::unique_ptr<DiskFile>> file = disk.open(dir + "/" + std::string(kAheadName), false);
    if (!file.ok() && file.status().code() == Code::kNotFound && n < kTries) continue;
    if (!file.ok()) return file.status();
    Result<Bytes> front = (*file)->read_at(kSegmentMagic.size(), kRecordHeaderBytes);
    if (!front.ok()) return front.status();
    if (!decode_header(*front)) return out;
    out.names.emplace_back(kAheadName);
    out.ahead = *std::move(file);
    out.ends_ahead = true;
    return out;
  }
}

Result<std::unique_ptr<DiskFile>> LogFiles::open(Disk& disk, const std::string& dir,
                                                 std::size_t i) {
  if (ends_ahead && i + 1 == names.size()) return std::move(ahead);
  return disk.open(dir + "/" + names[i], false);
}

}  // namespace blockd::internal
