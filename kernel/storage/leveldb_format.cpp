#include "kernel/storage/leveldb_format.hpp"

#include <algorithm>

#include "kernel/base/crc32c.hpp"
#include "kernel/base/file.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kBlockBytes = 32u << 10, kHeaderBytes = 7;
constexpr std::uint64_t kLevelOneBytes = 10u << 20, kLevelGrowth = 10;
constexpr int kLastLevel = 6;

enum Tag : std::uint8_t { kComparator = 1, kLogNumber, kNextFile, kLastSequence, kNewFile = 7 };
enum Part : std::uint8_t { kFull = 1, kFirst, kMiddle, kLast };

void put_varint(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_string(Bytes& out, BytesView text) {
  put_varint(out, text.size());
  out.append(text);
}

// LevelDB masks checksums that lie beside their data.
std::uint32_t masked_crc(BytesView bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

void put_part(Bytes& file, Part part, BytesView data) {
  Bytes checked(1, static_cast<char>(part));
  checked.append(data);
  put_u32(file, masked_crc(checked));
  file.push_back(static_cast<char>(data.size()));
  file.push_back(static_cast<char>(data.size() >> 8));
  file.append(checked);
}

// A record goes on in the next block where it does not fit; less than a header is filled up.
void put_record(Bytes& file, BytesView record) {
  for (bool begin = true, end = false; !end; begin = false) {
    std::size_t left = kBlockBytes - file.size() % kBlockBytes;
    if (left < kHeaderBytes) {
      file.append(left, '\0');
      left = kBlockBytes;
    }
    const std::size_t size = std::min(record.size(), left - kHeaderBytes);
    end = size == record.size();
    put_part(file, begin ? (end ? kFull : kFirst) : (end ? kLast : kMiddle),
             record.substr(0, size));
    record.remove_prefix(size);
  }
}

}  // namespace

int level_for(std::uint64_t bytes) {
  int level = 1;
  for (std::uint64_t most = kLevelOneBytes; level < kLastLevel && bytes > most / 2; ++level)
    most *= kLevelGrowth;
  return level;
}

Status write_leveldb_manifest(const std::string& dir, const LevelDbManifest::Tables& tables) {
  std::uint64_t bytes = 0, next = kFirstTableNumber;
  for (const LevelDbManifest::Table& table : tables) {
    bytes += table.bytes;
    next = std::max(next, table.number + 1);
  }
  Bytes file, edit;
  put_varint(edit, kComparator);
  put_string(edit, "leveldb.BytewiseComparator");
  put_varint(edit, kLogNumber);
  put_varint(edit, 0);
  put_varint(edit, kNextFile);
  put_varint(edit, next);
  put_varint(edit, kLastSequence);
  put_varint(edit, 1);
  put_record(file, edit);
  const int level = level_for(bytes);
  for (const LevelDbManifest::Table& table : tables) {
    edit.clear();
    put_varint(edit, kNewFile);
    put_varint(edit, static_cast<std::uint64_t>(level));
    put_varint(edit, table.number);
    put_varint(edit, table.bytes);
    put_string(edit, table.smallest + Bytes(kPutTrailer));
    put_string(edit, table.largest + Bytes(kPutTrailer));
    put_record(file, edit);
  }
  TB_TRY(write_file_atomic(dir + "/MANIFEST-000001", file));
  return write_file_atomic(dir + "/CURRENT", "MANIFEST-000001\n");
}

}  // namespace blockd::internal
