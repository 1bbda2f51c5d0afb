// Rows of one namespace that come into the state from a file: by the genesis, or by the command
// chain.import_namespace on a chain with one validator.
//
// Genesis and command name the file by its BLAKE3, so that what is written is a function of the log
// and of files that cannot change unseen. A node keeps the files for as long as its log begins at
// or before their block: a replay takes them again.
//
// The rows come as one of the first steps of a block: behind the switches of the roster, before any
// `begin`, in the first block behind the command in which the plugin is in force. A plugin whose
// hooks write rows of their own takes an import before it has run a block. A machine that has a
// migrate_step is then told, as of a migration from its own schema: migrate_step(from_schema =
// schema, cursor = height of the mirror, u64 LE), again with what it puts into `next` until that is
// nothing. If it fails, nothing is imported.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

// Keys and values together. An import is one step of one block, and has to fit into it.
inline constexpr std::uint64_t kMaxImportBytes = 32ull << 20;
inline constexpr std::uint32_t kMaxImportCalls = 10'000;  // of migrate_step

struct NamespaceRows {
  std::string space;
  std::uint64_t height = 0;                   // of the state that they were taken from
  std::uint32_t schema = 0;                   // of the plugin that wrote them
  std::vector<std::pair<Bytes, Bytes>> rows;  // ascending by key, without the namespace's prefix
};

// What a genesis says of one import.
struct NamespaceImport {
  std::string space;
  std::uint64_t height = 0;
  Hash blake3{};
  bool operator==(const NamespaceImport&) const = default;
};

// The row `importing/<space>`: an import that the next block with this plugin begins with.
std::string importing_row(const NamespaceImport& import);
Result<NamespaceImport> parse_importing_row(std::string space, std::string_view row);
// The row `import/<space>` of namespace `chain`.
std::string import_row(std::uint64_t at, const NamespaceImport& import);
struct ImportNote {
  std::uint64_t at = 0;  // the block
  NamespaceImport import;
};
Result<ImportNote> parse_import_row(std::string space, std::string_view row);

class ImportSource {
 public:
  virtual ~ImportSource() = default;
  // The rows of the file with this hash. Errors: kUnavailable (it is not here), kCorrupt, kIo.
  // [any]
  virtual Result<std::shared_ptr<const NamespaceRows>> find(const Hash& blake3) = 0;
};

}  // namespace blockd
