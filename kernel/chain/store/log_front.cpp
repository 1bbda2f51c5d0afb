#include "kernel/chain/store/log_front.hpp"

#include <algorithm>

#include "kernel/chain/base_row.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {

Result<LogFront> log_front(const BlockLog& log, const KvStore& state) {
  LogFront out;
  if (log.first_pruned() == 0) return out;
  std::optional<Bytes> row;
  TB_TRY(state.get(kBaseRow, &row));
  if (!row) return out;
  Result<BaseRow> base = BaseRow::decode(*row);
  if (!base.ok()) return base.status();
  base->peaks.append(base->hash);
  Bytes bytes;
  base->peaks.append_to(bytes);
  Reader in(bytes);
  out.blocks = in.u64();
  for (std::uint64_t count = out.blocks; count != 0; count &= count - 1)
    out.peaks.push_back(in.array<32>());
  std::reverse(out.peaks.begin(), out.peaks.end());  // stored from the smallest
  return out;
}

}  // namespace blockd
