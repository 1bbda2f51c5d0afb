// BlockLog: the truth. An append-only sequence of records in segment files, one durable commit per block.
//
// A record is `u32 LE payload length | u32 LE CRC32C of (type, height, payload) | u8 type | u64 LE height | payload`,
// in segments `<dir>/log-<first height, 16 digits>.seg`, preallocated in steps. A block is committed by
// `append(kBatch…)` (unsynced, while the executor works), then `append(kBlock…)` and ONE `sync()`.
// At open the tail behind the last whole kBlock record is cut off; a bad record that is not the tail is an
// error that names file, offset and height, and is never skipped.
//
// Thread: appends from one thread (the executor); reads from any thread, concurrently with appends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/storage/disk.hpp"

namespace blockd {

enum class LogRecordType : std::uint8_t {
  kBatch = 1,        // the command envelopes of a block, written when the batch is cut
  kBlock = 2,        // outcomes, receipts, events, deltas, header: the end mark of a block
  kCheckpoint = 3,   // "the state store is flushed up to `height`"
  kCertificate = 4,  // finality of `height`
};

struct LogRecord {
  LogRecordType type;
  std::uint64_t height;
  Bytes payload;
};

struct BlockLogOptions {
  std::uint64_t segment_bytes = 256ull << 20;
  std::uint64_t preallocate_bytes = 8ull << 20;
  std::uint32_t max_record_bytes = 128u << 20;
};

class BlockLog {
 public:
  // Opens or creates `<dir>`. What was cut off the tail is told in `*recovered` (empty: nothing).
  // Errors: kCorrupt (file, offset, height), kIo, kNoSpace, kDenied.
  static Result<std::unique_ptr<BlockLog>> open(Disk& disk, const std::string& dir, const BlockLogOptions& options,
                                                std::string* recovered);
  virtual ~BlockLog() = default;

  virtual Status append(LogRecordType type, std::uint64_t height, BytesView payload) = 0;
  // One fdatasync of the open segment: the commit. On error the log refuses every later append.
  virtual Status sync() = 0;
  // Forgets appended records that have not been synced (a batch whose block was dropped).
  virtual Status drop_unsynced() = 0;

  // Height of the last committed kBlock record; nullopt when there is none.
  virtual std::optional<std::uint64_t> head() const = 0;
  // Height of the first block that is still here.
  virtual std::optional<std::uint64_t> first() const = 0;
  // Newest checkpointed height; nullopt when there is none.
  virtual std::optional<std::uint64_t> checkpoint() const = 0;
  // The record of that type of that block. Errors: kNotFound, kCorrupt.
  virtual Result<Bytes> read(LogRecordType type, std::uint64_t height) const = 0;
  // All records from block `from` on, in file order, until the visitor returns false or the log ends.
  virtual Status visit(std::uint64_t from, const std::function<bool(const LogRecord&)>& visitor) const = 0;
  // Removes whole segments all of whose blocks are below `height`.
  virtual Status prune_below(std::uint64_t height) = 0;
  virtual std::uint64_t bytes() const = 0;
};

}  // namespace blockd
