// Writing a snapshot of a macro point: first the pages, while nothing vouches for the state yet;
// then, when a header carries its root, the footer, and the file gets its name. [one thread a
// draft, beside the executor]
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/chain/macro_block.hpp"
#include "kernel/snapshot/snapshot.hpp"

namespace blockd {

namespace internal {
class SnapshotWriter;
}

struct SnapshotRequest {
  std::string dir;
  std::string space;              // this namespace only; empty: all of them
  std::vector<std::string> base;  // write what changed since the last of these; base first
};

class SnapshotDraft {
 public:
  // Writes all pages. REQUIRES: point.done(). Errors: kNotFound (no such namespace), kInvalid (a
  // base that is of another chain, or not older), kCorrupt (of the base), kExists (a snapshot of
  // this height is there), kNoSpace, kIo, kAborted (by `watch`).
  static Result<std::unique_ptr<SnapshotDraft>> write(const MacroPoint& point,
                                                      const std::string& chain_id,
                                                      const SnapshotRequest& request,
                                                      const SnapshotWatcher& watch);
  // Without finish() the file is taken away.
  ~SnapshotDraft();

  std::uint64_t height() const { return info_.height; }
  // REQUIRES: `macro` commits the point. Also writes `<file without .tbs>.json` and manifest.json.
  Result<SnapshotInfo> finish(const Header& macro, BytesView certificate);

 private:
  SnapshotDraft() = default;
  SnapshotInfo info_;
  std::string dir_;
  std::unique_ptr<internal::SnapshotWriter> writer_;
};

// The manifest of a snapshot, as manifest.json holds that of the newest one.
std::string snapshot_manifest(const SnapshotInfo& info, std::uint64_t created_at);

// Removes files that a killed node has left unfinished.
void clean_snapshots(const std::string& dir);

// Keeps the newest `keep` snapshots of `dir`, and the bases that these stand on; removes the
// others. Errors: kIo.
Status retain_snapshots(const std::string& dir, std::size_t keep);

}  // namespace blockd
