// Where a state that is lost or damaged is made again from: the newest snapshot that verifies, if
// the log is whole behind it, else the log alone, if it is whole from block 0 on. A start of the
// node and `storage repair` ask the same question here, so that the one promises what the other
// does. [any thread]
#pragma once

#include "kernel/snapshot/snapshot.hpp"

namespace blockd {

struct StateSource {
  std::vector<std::string> files;  // the snapshot, base first; empty: the log alone
  std::string text;                // "…/snapshot-0000000400.tbs and the log behind it"
};

// What is left of the log: whole blocks only.
struct LogExtent {
  std::uint64_t head = 0, whole_from = 0;
};

// Errors: kCorrupt (neither reaches: says from where on the log is whole, and what is needed). Why
// newer snapshots were passed over is told in `*notes`.
Result<StateSource> find_state_source(const std::string& snapshots_dir, const Genesis& genesis,
                                      const LogExtent& log, std::vector<std::string>* notes);

}  // namespace blockd
