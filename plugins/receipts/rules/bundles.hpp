// Micro-shard root bundles (receipts spec 6.10). Pure. [any]
#pragma once

#include <span>
#include <vector>

#include <tb/blake3.hpp>

namespace receipts {

enum class SizeClass : std::uint8_t { kL2 = 1, kL3 = 2 };

struct RootEntry {
  tb::Hash root_hash;
  std::uint32_t shard_id = 0;
  std::uint8_t lane = 0;  // 0 consumer, 1 industrial
  std::uint64_t available_until = 0;
  std::uint32_t payload_bytes = 0;
};

std::uint64_t bundle_slot(SizeClass size_class, std::uint64_t time_ms);
tb::Hash bundle_hash(std::uint64_t slot, SizeClass size_class, std::span<const RootEntry> entries);

}  // namespace receipts
