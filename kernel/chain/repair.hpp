// What `contract-cli storage repair` does: reads all of a block log, names what is damaged, and
// sets damage aside.
//
// Nothing is ever thrown away: a damaged tail is copied to `<segment>.damaged` before the segment
// is shortened. A damaged state needs no repair of its own: with the state directory moved away,
// the next start makes it again from a snapshot or the log. REQUIRES: no node runs on the
// directory. [one thread]
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/storage/disk.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

struct LogDamage {
  std::string file;
  std::uint64_t offset = 0;             // of the first byte that cannot be trusted
  std::optional<std::uint64_t> height;  // of the block concerned, if it is known
  std::string what;
  bool tail = false;  // in the last segment: what is before it is whole and can go on alone
};

struct RepairReport {
  std::uint64_t segments = 0, records = 0, blocks = 0, bytes = 0;
  std::optional<std::uint64_t> first, head;  // whole blocks, up to the first damage
  Hash head_hash{};
  std::optional<LogDamage> damage;  // the first one; what lies behind it was not judged
  std::string state;  // what is wrong with the state; empty: nothing, or it was not looked at
  std::vector<std::string> done;  // what repair_log did, a line each
  bool ok() const { return !damage && state.empty(); }
};

// Reads every record's checksum and the chain of headers, and compares the head of `state` (may be
// null) with the log. Changes nothing. Errors: kNotFound (no log there), kIo. Damage is no error:
// it is in the report.
Result<RepairReport> check_log(Disk& disk, const std::string& log_dir, const KvStore* state);

// check_log, and then a damaged tail is copied aside and cut off. Errors: those of check_log;
// kCorrupt when the damage lies before whole segments (restore a copy of that file, or a snapshot).
Result<RepairReport> repair_log(Disk& disk, const std::string& log_dir, const KvStore* state);

}  // namespace blockd
