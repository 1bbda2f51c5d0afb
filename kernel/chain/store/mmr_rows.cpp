#include "kernel/chain/store/mmr_rows.hpp"

namespace blockd {

Bytes mmr_node_key(std::uint64_t position) {
  Bytes key = "n";
  put_be64(key, position);
  return key;
}

Result<std::uint64_t> read_count(const KvReader& store, BytesView row) {
  std::optional<Bytes> value;
  TB_TRY(store.get(row, &value));
  return value ? Reader(*value).u64() : 0;
}

Result<Hash> StoredMmr::node(std::uint64_t position) const {
  std::optional<Bytes> value;
  TB_TRY(store_.get(mmr_node_key(position), &value));
  if (!value)
    return Status(Code::kNotFound, "node " + std::to_string(position) + " of the MMR is missing",
                  "run `contract-cli maintenance repair` on the stopped node");
  Reader in(*value);
  const Hash hash = in.array<32>();
  if (in.done()) return hash;
  return Status(Code::kCorrupt, "node " + std::to_string(position) + " of the MMR is damaged");
}

}  // namespace blockd
