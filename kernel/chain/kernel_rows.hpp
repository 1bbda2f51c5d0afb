// The kernel's own rows in the state: namespace `chain`, and what is noted about the head beside
// the namespaces.
//
//   s/chain/nonce/<account>   u64 LE: number of commands of the account
//   s/chain/role/<account>    name of a role
//   s/chain/param/<key>       u64 LE: value in force
//   s/chain/waiting/<key>     u64 LE: value that comes into force with the next block
//   s/chain/plugin/<id>       roster entry, canonical JSON
//   s/chain/switch/<id>       a switch that waits for its block:
//                             {"consensus_hash","first_height","id","schema","sm","status"}
//   s/chain/migrate/<id>      a migration under way (migration.hpp):
//                             {"cursor" in hex,"error","from" schema,"rows","steps"}
//   s/chain/importing/<space> an import that the next block with this plugin begins with:
//                             {"blake3","height"}
//   s/chain/import/<space>    where a namespace was imported (import.hpp): {"at" block,"blake3",
//                             "height" of the mirror}
//   s/chain/authority, s/chain/kernel_sm, s/chain/validators
//   meta/head                 u64 LE height, hash
//   meta/h/<height be64>      header hash: a view of the log
#pragma once

#include <optional>
#include <string>

#include "kernel/base/bytes.hpp"
#include "tb/machine.h"

namespace blockd {

inline constexpr std::string_view kChainSpace = "chain";
inline constexpr std::string_view kNonceRows = "s/chain/nonce/";
inline constexpr std::string_view kRoleRows = "s/chain/role/";
inline constexpr std::string_view kParamRows = "s/chain/param/";
inline constexpr std::string_view kWaitingRows = "s/chain/waiting/";
inline constexpr std::string_view kPluginRows = "s/chain/plugin/";
inline constexpr std::string_view kSwitchRows = "s/chain/switch/";
inline constexpr std::string_view kMigrateRows = "s/chain/migrate/";
inline constexpr std::string_view kImportingRows = "s/chain/importing/";
inline constexpr std::string_view kImportRows = "s/chain/import/";
inline constexpr std::string_view kHeadRow = "meta/head";
inline constexpr std::string_view kHashRows = "meta/h/";
// Where a state that was made from a snapshot begins: see base_row.hpp.
inline constexpr std::string_view kBaseRow = "meta/base";

inline Bytes u64_row(std::uint64_t value) {
  Bytes out;
  put_u64(out, value);
  return out;
}
// 0 for an absent row.
inline std::uint64_t read_u64_row(std::optional<BytesView> row) {
  return row ? Reader(*row).u64() : 0;
}
// What a role row means to a machine: an admin is an operator too, side roles are the plugin's own
// matter.
inline std::uint32_t role_bits(std::optional<BytesView> row) {
  if (!row) return 0;
  if (*row == "admin") return TB_ROLE_ADMIN | TB_ROLE_OPERATOR;
  return *row == "operator" ? TB_ROLE_OPERATOR : 0;
}

}  // namespace blockd
