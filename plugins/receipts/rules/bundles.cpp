#include "plugins/receipts/rules/bundles.hpp"

#include "plugins/receipts/rules/encoding.hpp"

namespace receipts {

std::uint64_t bundle_slot(SizeClass size_class, std::uint64_t time_ms) {
  return time_ms / (size_class == SizeClass::kL2 ? 4000 : 16'000);
}

tb::Hash bundle_hash(std::uint64_t slot, SizeClass size_class, std::span<const RootEntry> entries) {
  std::string bytes;
  put_le(bytes, slot, 8);
  put_le(bytes, static_cast<std::uint8_t>(size_class), 1);
  put_le(bytes, entries.size(), 4);
  for (const RootEntry& entry : entries) {
    bytes.append(entry.root_hash.view());
    put_le(bytes, entry.shard_id, 4);
    put_le(bytes, entry.lane, 1);
    put_le(bytes, entry.available_until, 8);
    put_le(bytes, entry.payload_bytes, 4);
  }
  return tb::blake3(bytes);
}

}  // namespace receipts
