// What stands in front of the first block of a log that begins behind a snapshot, also of one that
// has no block yet: how many blocks, and the mountains of the MMR over them. The state keeps it,
// since the snapshot brought it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/storage/block_log.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

struct LogFront {
  std::uint64_t blocks = 0;  // 0: the log begins with the genesis
  std::vector<Hash> peaks;   // the largest mountain first
};
// Errors: kCorrupt for a row of the state that is damaged, and those of the store.
Result<LogFront> log_front(const BlockLog& log, const KvStore& state);

}  // namespace blockd
