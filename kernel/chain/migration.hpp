// Migrations: how far one is, and what a switch would do before anybody sends it.
//
// A plugin whose schema changes rewrites its rows in fixed steps, one at the start of each block.
// Cursor and progress are a row of the state (`chain/migrate/<id>`), so they are the same on every
// node and survive a restart. [any]
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

inline constexpr std::size_t kMaxMigrationError = 512;  // bytes of the text that the row keeps
// Of rows that a trial has changed, and how long one may take.
inline constexpr std::uint64_t kMaxTrialBytes = 512ull << 20;
inline constexpr std::uint64_t kMaxTrialMs = 60'000;

// The row of a migration under way.
struct MigrationProgress {
  std::string id;
  std::uint32_t from = 0;      // schema of the rows that are left
  std::uint64_t steps = 0;     // that were applied
  std::uint64_t rows = 0;      // changed by them
  Bytes cursor;                // as the plugin put it
  std::string error;           // why the last step failed; the plugin is suspended then
  std::string to_row() const;  // canonical JSON
  static Result<MigrationProgress> parse(std::string_view id, std::string_view row);
};

// All of them, ascending by id. Errors: those of the store, kCorrupt.
Result<std::vector<MigrationProgress>> migrations_under_way(const KvReader& state);

// What Chain::try_switch() found out.
struct SwitchTrial {
  std::uint64_t blocks = 0;  // executed on the copy
  std::uint64_t steps = 0;   // of the migration
  std::uint64_t rows = 0;    // that it changed
  std::uint64_t micros = 0;  // for all of it
  bool complete = false;     // the switch happened and the migration came to its end
  std::string error;         // the first: a refused switch, or a step that failed
};

}  // namespace blockd
