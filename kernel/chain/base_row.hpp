// BaseRow: where a chain begins whose state was made from a snapshot and whose blocks up to there
// are not here. The row `meta/base` stands beside the state, outside of the state root; a log that
// reaches back to block 0 makes it meaningless.
#pragma once

#include "kernel/base/status.hpp"
#include "kernel/chain/roots.hpp"

namespace blockd {

struct BaseRow {
  std::uint64_t height = 0, time_ms = 0;
  Hash hash{};     // of the header at `height`
  Hash genesis{};  // of the chain
  MmrPeaks peaks;  // over the headers below `height`

  Bytes encode() const;
  // Errors: kCorrupt.
  static Result<BaseRow> decode(BytesView row);
};

// The row `meta/head`.
Bytes head_row(std::uint64_t height, const Hash& hash);

}  // namespace blockd
