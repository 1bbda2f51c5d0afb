// BlockLog: the truth. An append-only sequence of records in segment files, one durable commit per
// block.
//
// A record is `u32 LE payload length | u8 type | u64 LE height | u32 LE synced | u32 LE CRC32C of
// the payload | u32 LE CRC32C of the header so far | payload`, in segments `<dir>/log-<first
// height, 16 digits>.seg`, which begin with eight bytes of magic. A segment is a file of zeros that
// was made ahead (log_ahead.hpp, where its other names stand), so that a commit writes data only;
// where none is ready the open one grows in steps.
// `synced` is how much of the segment was durable when the record was written. A block is committed
// by `append(kBatch…)` (unsynced, while the executor works), then `append(kBlock…)` and ONE
// `sync()`. Who goes on meanwhile calls `begin_sync()` and looks with `settle()` what has become
// durable: any number of blocks may be on their way to the disk, in order, all of them in the open
// segment.
//
// At open all record headers are walked and the payloads behind the last checkpoint are read. What
// follows the last whole block (but certificates and checkpoints) is cut off. A bad record is
// damage, not a torn tail, when a later record says that it had been synced, or when a later
// segment exists: then open names file and offset and changes nothing. Damage in older payloads is
// found when they are read. So a synced block is never skipped, and of blocks that were being
// written at a power cut the first ones are there whole and the others not at all. (Damage of a
// block cannot be told from a torn write as long as no record has been begun since its sync was
// known to have ended: it and what follows is cut off, and `*recovered` says so.) Memory: 20 bytes
// a block.
//
// Thread: appends, syncs and settle() from one thread (the executor); reads from any thread,
// concurrently with appends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/storage/disk.hpp"

namespace blockd {

class BlockLog;

enum class LogRecordType : std::uint8_t {
  kBatch = 1,        // the command envelopes of a block, written when the batch is cut
  kBlock = 2,        // outcomes, receipts, events, deltas, header: the end mark of a block
  kCheckpoint = 3,   // "the state store is flushed up to `height`"
  kCertificate = 4,  // finality of `height`
  kPruned = 5,       // a block without its bodies, in the place of kBatch and kBlock
};

struct LogRecord {
  LogRecordType type = LogRecordType::kBatch;
  std::uint64_t height = 0;
  Bytes payload;
};

// What becomes of a record when its segment is written anew: another one, the same, or none.
using LogRecordChange = std::function<Result<std::optional<LogRecord>>(LogRecord)>;
struct LogRewrite {
  std::uint64_t blocks = 0, bytes_before = 0, bytes_after = 0;
};

// Who makes the next segment: nobody, a thread of the log, or each sync one step of it.
enum class LogAheadMode : std::uint8_t { kOff, kThread, kStepped };

// Who does the fdatasync of a begun sync: begin_sync() itself, a thread of the log, or each
// settle() a half of it (log_sync.hpp).
enum class LogSyncMode : std::uint8_t { kInline, kThread, kStepped };

// What settle() waits for: nothing, the next begun sync, all of them.
enum class LogWait : std::uint8_t { kNone, kNext, kAll };

struct BlockLogOptions {
  std::uint64_t segment_bytes = 64ull << 20;  // the next is twice the present one, up to this
  std::uint64_t preallocate_bytes = 8ull << 20;
  std::uint32_t max_record_bytes = 128u << 20;
  LogAheadMode ahead = LogAheadMode::kOff;
  LogSyncMode sync = LogSyncMode::kInline;
  // How long each sync of blocks took, failed or not; may be null. [whoever syncs] Must not block.
  std::function<void(std::uint64_t us)> on_sync = nullptr;
  // Asked at the opening, when all is read and before a record of any file is changed: may a log
  // that ends like this be gone on with? head() and reads answer as they will after the opening.
  // `cut` says what will be cut off its end; empty: nothing. An error ends the opening. May be
  // null.
  std::function<Status(const BlockLog& log, const std::string& cut)> examine = nullptr;
};

class BlockLog {
 public:
  // Opens or creates `<dir>`. What was cut off the tail is told in `*recovered` (empty: nothing).
  // Errors: kCorrupt (file, offset, height), kIo, kNoSpace, kDenied, those of `examine`.
  static Result<std::unique_ptr<BlockLog>> open(Disk& disk, const std::string& dir,
                                                const BlockLogOptions& options,
                                                std::string* recovered);
  virtual ~BlockLog() = default;

  // Blocks follow each other without gap; the first may have any height. Errors: kInvalid (another
  // height, a certificate of a block that is not here), kLimit, kNoSpace (nothing has changed, try
  // again later), kIo.
  Status append(LogRecordType type, std::uint64_t height, BytesView payload) {
    return append_parts(type, height, {&payload, 1});
  }
  // The same for a payload in pieces, which are written from where they lie.
  virtual Status append_parts(LogRecordType type, std::uint64_t height,
                              std::span<const BytesView> payload) = 0;
  // One fdatasync of the open segment: the commit. On error the log refuses every later append.
  virtual Status sync() = 0;
  // The same, but returns before it is done, unless LogSyncMode says otherwise. What was appended
  // is seen by readers when a later settle() or sync() finds it durable.
  virtual Status begin_sync() = 0;
  // Takes in which syncs have ended; head() tells it. Errors: of a sync that failed; the log then
  // refuses every later append, and none of the blocks on their way is seen any more.
  virtual Status settle(LogWait wait) = 0;
  // Forgets appended records for which no sync has begun (a batch whose block was dropped).
  virtual Status drop_unsynced() = 0;

  // Height of the last committed kBlock record; nullopt when there is none.
  virtual std::optional<std::uint64_t> head() const = 0;
  // Height of the first block that is still here with its bodies.
  virtual std::optional<std::uint64_t> first() const = 0;
  // Height of the first block of which anything is here: below first() there are kPruned records.
  virtual std::optional<std::uint64_t> first_pruned() const { return first(); }
  // Newest checkpointed height; nullopt when there is none.
  virtual std::optional<std::uint64_t> checkpoint() const = 0;
  // The record of that type of that block, of a checkpoint only the newest. What is not synced is
  // not seen. Errors: kNotFound, kCorrupt.
  Result<Bytes> read(LogRecordType type, std::uint64_t height) const {
    Bytes out;
    TB_TRY(read_into(type, height, &out));
    return out;
  }
  // The same into `*out`, whose memory is kept for who reads many.
  virtual Status read_into(LogRecordType type, std::uint64_t height, Bytes* out) const = 0;
  // All records from block `from` on, in file order, until the visitor returns false or the log
  // ends. Errors: kNotFound (`from` is below first()), kCorrupt, kIo.
  virtual Status visit(std::uint64_t from,
                       const std::function<bool(const LogRecord&)>& visitor) const = 0;
  // Removes whole segments all of whose blocks are below `height`, but not the newest checkpoint.
  virtual Status prune_below(std::uint64_t height) = 0;

  // The next block begins a new segment, so that all blocks so far lie in closed ones. [appending
  // thread] Errors: as append().
  virtual Status close_segment() = 0;
  // Writes the oldest closed segment that has whole blocks below `height` anew, each record as
  // `change` says: to a temporary file, fsync, rename, so that a crash leaves the old or the new
  // one. Readers go on meanwhile. `done` with 0 blocks: there is no such segment. REQUIRES: nobody
  // else rewrites, and what is below `height` is in a checkpoint. [any thread, beside the appending
  // one] Errors: those of `change`, kNoSpace, kCorrupt, kIo; the old segment is in force then.
  virtual Result<LogRewrite> rewrite_below(std::uint64_t height, const LogRecordChange& change) = 0;
  // Of the records, without what is reserved behind them.
  virtual std::uint64_t bytes() const = 0;
  // Of the segment that is ready for the time when the open one is full; 0: none is.
  virtual std::uint64_t ahead_bytes() const { return 0; }
};

}  // namespace blockd
