// KvStore: the ordered key-value store behind replicated state and node-local lists.
//
// One interface, two engines: LevelDB (`open_leveldb`) and memory (`open_memory`). Keys sort
// bytewise. Reads may come from any thread; `write` from one thread at a time. A snapshot is
// immutable, cheap, and may outlive later writes, but not the store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

struct KvWrite {
  Bytes key;
  std::optional<Bytes> value;  // nullopt deletes
};

// Called for each row of a page; return false to stop early. Views are valid during the call only.
using RowVisitor = std::function<bool(BytesView key, BytesView value)>;

class KvReader {
 public:
  virtual ~KvReader() = default;
  // ok and `*value` set; or ok and nullopt when there is no such key. Errors: kCorrupt, kIo.
  virtual Status get(BytesView key, std::optional<Bytes>* value) const = 0;
  // The same without a copy where the reader has the row in memory: `*value` is borrowed from the
  // reader until its next change, or from `*scratch`.
  virtual Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const {
    std::optional<Bytes> row;
    TB_TRY(get(key, &row));
    value->reset();
    if (!row) return {};
    *scratch = *std::move(row);
    value->emplace(*scratch);
    return {};
  }
  // Rows with `prefix` and key > `after` (after empty: from the first), ascending, at most `limit`.
  virtual Status scan(BytesView prefix, BytesView after, std::size_t limit,
                      const RowVisitor& visit) const = 0;
  // The same in descending order: key < `before` (empty: from the last).
  virtual Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                           const RowVisitor& visit) const = 0;
};

// What an engine says of its files; zeros where it has none.
struct KvStats {
  std::uint64_t table_bytes = 0, memory_bytes = 0, level0_files = 0, table_files = 0;
};

// Told before each range: how many are done, of how many. False stops the work.
using CompactWatcher = std::function<bool(std::size_t done, std::size_t total)>;

class KvStore : public KvReader {
 public:
  // All or nothing with respect to this process; survives a power cut only when `sync`.
  // Errors: kNoSpace, kIo, kCorrupt.
  virtual Status write(std::span<const KvWrite> batch, bool sync) = 0;
  virtual std::shared_ptr<const KvReader> snapshot() const = 0;
  // Makes everything written so far survive a power cut.
  virtual Status flush() = 0;
  virtual std::uint64_t approximate_bytes() const = 0;
  virtual KvStats stats() const { return {}; }
  // Rewrites the files so that what was deleted or overwritten takes no room; no value changes.
  // Range by range, beside reads and writes. Errors: kAborted (stopped), those of write.
  virtual Status compact(const CompactWatcher& watch) {
    static_cast<void>(watch);
    return {};
  }
  // Opens the engine anew where writes have failed for lack of space (renewable_store.hpp).
  virtual Status reopen() { return {}; }
  // write() without sync, for rows that stand apart.
  virtual Status write_rows(std::span<const KvWrite* const> rows);
  // write() without sync, of a batch that the store may keep as it is.
  virtual Status write_shared(std::shared_ptr<const std::vector<KvWrite>> batch) {
    return write(*batch, false);
  }
  // write_shared() of rows that no disk may hold yet. They are seen at once; the engine gets them,
  // and whatever is written after them, when release() lets them go, oldest first. Only their owner
  // bounds them: a write does not wait for what is held. A flush waits for them, so the owner must
  // not wait for one. What is held at the end is lost. REQUIRES: holds(), a row in the batch.
  virtual Status write_held(std::shared_ptr<const std::vector<KvWrite>> batch) {
    return write_shared(std::move(batch));
  }
  virtual void release(std::size_t writes) { static_cast<void>(writes); }
  // What is held will never be let go: flushes and writes answer with `why` from now on.
  virtual void refuse_held(const Status& why) { static_cast<void>(why); }
  // Whether write_held() keeps its promise; so does a store that has no disk.
  virtual bool holds() const { return false; }
  // flush() for whoever goes on meanwhile: `done` is called before this returns, or later from a
  // thread of the store; it must not block.
  virtual void flush_then(std::function<void(const Status&)> done) { done(flush()); }
};

inline Status KvStore::write_rows(std::span<const KvWrite* const> rows) {
  std::vector<KvWrite> batch;
  batch.reserve(rows.size());
  for (const KvWrite* row : rows) batch.push_back(*row);
  return write(batch, false);
}

std::unique_ptr<KvStore> open_memory();

struct LevelDbOptions {
  bool create_if_missing =
      false;  // only for a genesis, a snapshot or a replay into an empty directory
  std::size_t write_buffer_bytes = 64u << 20;
  std::size_t cache_bytes = 32u << 20;
  int max_open_files = 512;
  // False: LevelDB keeps no log of its own, so each row is written once. What has not been flushed
  // is lost with the process; only for an owner who writes it again, as the chain does from the
  // deltas of its blocks. A synced write is a flush then.
  bool own_log = true;
};
// Reads verify checksums; a bloom filter is kept. Errors: kNotFound (nothing there and not
// create_if_missing), kCorrupt (names the file), kBusy (locked by another process), kIo.
Result<std::unique_ptr<KvStore>> open_leveldb(const std::string& dir,
                                              const LevelDbOptions& options);

}  // namespace blockd
