#include "kernel/snapshot/state_source.hpp"

namespace blockd {

Result<StateSource> find_state_source(const std::string& snapshots_dir, const Genesis& genesis,
                                      const LogExtent& log, std::vector<std::string>* notes) {
  SnapshotTrust trust;
  trust.genesis = &genesis;
  StateSource out;
  out.files = newest_valid_snapshot(snapshots_dir, trust, log.head, notes);
  if (!out.files.empty()) {
    Result<SnapshotInfo> info = read_snapshot_info(out.files.back());
    if (!info.ok()) return info.status();
    if (info->height + 1 < log.whole_from) out.files.clear();
  }
  if (!out.files.empty()) {
    out.text = out.files.back() + " and the log behind it";
    return out;
  }
  out.text = "the log";
  if (log.whole_from == 0) return out;
  return Status(Code::kCorrupt,
                "the state cannot be made again: the log is whole from height " +
                    std::to_string(log.whole_from) + " on and no snapshot in " + snapshots_dir +
                    " reaches that",
                "copy a snapshot of another node there, of height " +
                    std::to_string(log.whole_from - 1) + " or above, or restore a backup");
}

}  // namespace blockd
