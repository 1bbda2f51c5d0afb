// The rows of the MMR's store; log_views.hpp has the layout. [any]
#pragma once

#include "kernel/base/mmr.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

inline constexpr BytesView kMmrLeavesRow = "leaves";

Bytes mmr_node_key(std::uint64_t position);
// 0 where there is no such row.
Result<std::uint64_t> read_count(const KvReader& store, BytesView row);

// Errors of node(): kNotFound, kCorrupt, and those of the store, which outlives this.
class StoredMmr : public MmrNodes {
 public:
  explicit StoredMmr(const KvReader& store) : store_(store) {}
  Result<Hash> node(std::uint64_t position) const override;

 private:
  const KvReader& store_;
};

}  // namespace blockd
