// Mirrors: the namespace of one plugin in files of a folder, for copies, drills, and a start with
// an empty namespace. The state of the chain is the truth; nothing here is read while there is one.
//
//   <dir>/state-<height>.json   canonical JSON {height, local, namespace, rows, schema,
//                               schema_version}: every row of the namespace, and rows of the
//                               plugin's local store that its manifest names; keys and values are
//                               hexadecimal, keys ascend
//   <dir>/manifest.json         {blake3, block_hash, bytes, created_at, height, schema_version} of
//                               the newest one
//
// A file is written beside its place, synced, renamed, and the folder is synced; the newest
// kMirrorsKept stay. Writing streams; reading is for imports, which are bounded by kMaxImportBytes.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "kernel/chain/import.hpp"

namespace blockd {

inline constexpr std::size_t kMirrorsKept = 3;
inline constexpr std::uint64_t kMirrorFormat = 1;
inline constexpr std::size_t kMaxMirrorLocalRows = 100'000;
// Hexadecimal doubles the rows; names, quotes and local rows come on top.
inline constexpr std::uint64_t kMaxMirrorFile = 3 * kMaxImportBytes;

using RowPairs = std::vector<std::pair<Bytes, Bytes>>;

struct MirrorNote {  // what manifest.json says
  std::uint64_t height = 0, bytes = 0;
  Hash blake3{};
};
struct MirrorInfo {
  std::string path;
  std::uint64_t height = 0, bytes = 0, rows = 0;
  Hash blake3{};
};
struct Mirror {
  NamespaceRows state;
  RowPairs local;
  Hash blake3{};
  Bytes text;  // the file
};

// Of `view`, which holds namespace `space` in layout `schema`. One caller at a time for a folder.
// Errors: kNoSpace, kIo, kDenied.
Result<MirrorInfo> write_mirror(const std::string& dir, const std::string& space,
                                std::uint32_t schema, const StateView& view, const RowPairs& local,
                                std::uint64_t created_at);
// nullopt: the folder holds no mirror. Errors: kCorrupt (a manifest that cannot be read, or files
// without one), kIo.
Result<std::optional<MirrorNote>> read_mirror_note(const std::string& dir);
// The newest mirror, held against its manifest. nullopt: there is none. Errors: kCorrupt (file and
// what does not hold), kLimit (more than an import may bring), kIo.
Result<std::optional<Mirror>> load_mirror(const std::string& dir);
// The text of a mirror's file. `where` begins an error. Errors: kCorrupt, kLimit.
Result<Mirror> parse_mirror(std::string text, const std::string& where);

// <data>/imports: what was imported, each file under its hash. [any]
class ImportFiles : public ImportSource {
 public:
  explicit ImportFiles(std::string dir) : dir_(std::move(dir)) {}
  Result<std::shared_ptr<const NamespaceRows>> find(const Hash& blake3) override;
  // Errors: kNoSpace, kIo.
  Status keep(const Mirror& mirror);
  // At the start, while nothing is being imported: removes what no block of the log needs. Rows of
  // the state name the `wanted` files. Another one may be of an import that was refused, or of one
  // before the newest of its namespace; it stays, with the height `head` at which it was first
  // found so in a note beside it, until the log begins (`first_height`) behind that.
  Status clean(const std::vector<Hash>& wanted, std::uint64_t first_height, std::uint64_t head);

 private:
  std::string path_of(const Hash& blake3) const;
  std::string note_of(const Hash& blake3) const;
  const std::string dir_;
  std::mutex mutex_;
  // The one asked for last: a dry run and its block ask for the same.
  Hash known_{};
  std::shared_ptr<const NamespaceRows> rows_;
};

}  // namespace blockd
