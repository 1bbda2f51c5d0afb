// Snapshots: the replicated state after one block in a file that vouches for itself, and the way
// back from such files into a state store.
//
// A file `snapshot-<height, 10 digits>.tbs` holds the state after block `height`, which is the
// `state_height` of a macro block, so that the file can be held against a header that the
// validators have signed (format.hpp has the bytes). A file with a base holds only what has changed
// since an older one; files are then given together, base first. Everything here streams: memory is
// bounded by kSnapshotPageBytes (or one entry, if that is larger) a file, and five times that for
// the first, whatever the state's size. Nothing here talks to a node; all functions may run on any
// thread, and reading uses a second one.
//
// For the repair of a damaged state: newest_valid_snapshot() finds the files, restore_snapshot()
// makes the store, and Chain::open() then applies the deltas of the log behind it. A log that does
// not reach back to the snapshot is no obstacle: the chain goes on from the snapshot's height.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/chain.hpp"

namespace blockd {

inline constexpr std::size_t kSnapshotPageBytes = 1u << 20;
inline constexpr std::size_t kMaxSnapshotFiles = 64;        // a base and its increments
inline constexpr std::size_t kMaxSnapshotsListed = 10'000;  // files looked at in one directory

struct SnapshotNamespace {
  std::string id;
  std::uint64_t entries = 0;
  Hash root{};
  std::uint32_t schema = 0;
  bool included = true;
};

// What a file says of itself.
struct SnapshotInfo {
  std::string path;
  std::string chain_id;
  std::uint64_t height = 0, macro_height = 0;
  Hash block_hash{}, state_root{};
  std::optional<std::uint64_t> base_height;  // of an increment
  Hash base_hash{};
  std::vector<SnapshotNamespace> namespaces;  // all of the state, ascending by id
  std::uint64_t entries = 0, pages = 0, bytes = 0;
  Hash blake3{};  // of the whole file, as `b3sum` prints it; zero until it was read to its end

  // Whether every namespace of the state is in it.
  bool whole() const;
};

// Who vouches for the macro block. With both empty only the file itself is checked: use that for
// nothing that is to be trusted.
struct SnapshotTrust {
  const Genesis* genesis = nullptr;  // chain id and validators, whose certificate must hold
  std::optional<Hash> state_root;    // or the root, known from elsewhere
};

struct SnapshotProgress {
  std::uint64_t done_bytes = 0, total_bytes = 0;  // of the files
};
// Asked at least once a page; false stops the work with kAborted.
using SnapshotWatcher = std::function<bool(const SnapshotProgress&)>;

// `dir`/snapshot-<height>.tbs
std::string snapshot_path(const std::string& dir, std::uint64_t height);

// What the head of a file says, without reading the rest. Errors: kNotFound, kCorrupt, kIo.
Result<SnapshotInfo> read_snapshot_info(const std::string& path);

// `path` and the files below it down to a whole one, base first, all from its directory. Errors:
// those of read_snapshot_info; kNotFound names a base that is missing.
Result<std::vector<std::string>> snapshot_chain(const std::string& path);

// Reads everything: pages, footer, certificate, and all roots computed from the entries. Answers
// what the newest file says. Errors: kCorrupt (file and page, or the check that failed), kDenied
// (`trust` does not vouch for it), kInvalid (the files do not belong together), kAborted, kIo.
Result<SnapshotInfo> verify_snapshot(const std::vector<std::string>& files,
                                     const SnapshotTrust& trust,
                                     const SnapshotWatcher& watch = nullptr);

// Makes a LevelDB at `state_dir` (must not be there, or be empty) that holds the state, checked as
// by verify_snapshot while it is written; the store appears under its name only when all checks
// have passed, and is durable then. REQUIRES whole snapshots, else kInvalid. Errors: as above;
// kNoSpace; kBusy (`state_dir` is not empty).
Result<SnapshotInfo> restore_snapshot(const std::vector<std::string>& files,
                                      const SnapshotTrust& trust, const std::string& state_dir,
                                      const SnapshotWatcher& watch = nullptr);

// Snapshots of a directory, the newest first; files whose head cannot be read are left out and
// named in `*problems` (may be null). A missing directory holds none.
std::vector<SnapshotInfo> list_snapshots(const std::string& dir,
                                         std::vector<std::string>* problems = nullptr);

// What was noted beside a file when it was made. nullopt: nothing is there, or it cannot be read.
struct SnapshotNote {
  std::string blake3;            // of the whole file, hexadecimal
  std::uint64_t created_at = 0;  // Unix time, seconds
};
std::optional<SnapshotNote> read_snapshot_note(const std::string& path);

// The newest snapshot of `dir` that is whole, verifies, and is at or below `max_height`: its files,
// base first; empty when there is none. Why newer ones were passed over is told in `*notes`.
std::vector<std::string> newest_valid_snapshot(const std::string& dir, const SnapshotTrust& trust,
                                               std::uint64_t max_height,
                                               std::vector<std::string>* notes);

}  // namespace blockd
