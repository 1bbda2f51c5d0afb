// The bytes of LevelDB that a store without LevelDB's own log needs: the trailer of a key in a
// table, and the manifest, a log of records in blocks of 32 KiB (doc/impl.md and doc/log_format.md
// of LevelDB). Only this folder includes this.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd::internal {

inline constexpr int kBloomBitsPerKey = 10;
// Sequence number 1 and the kind "value", as u64 LE `sequence << 8 | kind`.
inline constexpr BytesView kPutTrailer{"\x01\x01\0\0\0\0\0\0", 8};
inline constexpr std::size_t kTrailerBytes = 8;
inline constexpr std::uint64_t kManifestNumber = 1;
inline constexpr std::uint64_t kFirstTableNumber = 3;  // 2: the log that an open makes

struct LevelDbManifest {
  struct Table {
    std::uint64_t number = 0, bytes = 0;
    Bytes smallest, largest;  // without trailer
  };
  using Tables = std::vector<Table>;
};

// The level for tables of so many bytes: at most half of what it may hold.
int level_for(std::uint64_t bytes);
// Writes MANIFEST and CURRENT into `dir`, each synced. REQUIRES: tables by key, none overlap.
Status write_leveldb_manifest(const std::string& dir, const LevelDbManifest::Tables& tables);

}  // namespace blockd::internal
