// BulkLoad: a LevelDB of rows that come nearly sorted, as a snapshot's do, at the speed of the
// disk.
//
// A store that is filled through LevelDB itself writes each row twice, into its log and into a
// table, and keeps it in a skip list in between. Here LevelDB's own TableBuilder writes the tables
// at once, and one manifest names them; the format of both is LevelDB's, which has not changed
// since its first release, and the store is opened by LevelDB before anybody relies on it. The
// tables stand on a level that has room for all, so that opening begins no compaction.
//
// Rows come in runs: within a run keys ascend, and no run has rows between two of another. Nothing
// is there before finish() has ended well: until then the directory has no CURRENT, and is refused.
//
// One thread.
#pragma once

#include <memory>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

class BulkLoad {
 public:
  // Makes `dir`. Errors: kBusy (something is in it), kNoSpace, kIo, kDenied.
  static Result<std::unique_ptr<BulkLoad>> begin(const std::string& dir);
  virtual ~BulkLoad() = default;

  // What follows is another run.
  virtual void begin_run() = 0;
  // Errors: kInvalid (not behind the row before), kNoSpace, kIo.
  virtual Status add(BytesView key, BytesView value) = 0;
  // All is on the disk, and open_leveldb(dir) finds it. Errors: kInvalid (runs overlap), as add().
  virtual Status finish() = 0;
};

}  // namespace blockd
