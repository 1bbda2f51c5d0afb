// Errors of the treasury's commands (governance and treasury 5.0). The name is what clients branch
// on; its number follows from it.
#pragma once

#include <string>
#include <string_view>

#include "tb/sdk.hpp"

namespace treasury {

// The number of an error by its name; -32600 for the names of a payload's validation.
constexpr std::int32_t code_of(std::string_view name) {
  struct Entry {
    std::int32_t code;
    std::string_view name;
  };
  constexpr Entry kCodes[] = {
      {-32602, "invalid_params"},       {-32001, "unknown_disbursement"},
      {-32061, "hook_rejected"},        {-32061, "lua_syntax_error"},
      {-32061, "lua_runtime_error"},    {-32061, "lua_budget_exceeded"},
      {-32061, "lua_memory_exceeded"},  {-32061, "lua_float_value"},
      {-32061, "lua_bad_return"},       {-32062, "vote_closed"},
      {-32062, "not_eligible"},         {-32062, "unknown_choice"},
      {-32092, "storage_error"},        {-32093, "vote_window_open"},
      {-32093, "timelock_active"},      {-32093, "requires_approval"},
      {-32093, "still_timelocked"},     {-32093, "not_matured"},
      {-32093, "invalid_state"},        {-32093, "rollback_window_expired"},
      {-32093, "empty_reason"},         {-32093, "epoch_mismatch"},
      {-32094, "dependency_missing"},   {-32094, "dependency_pending"},
      {-32094, "dependency_failed"},    {-32094, "dependency_cycle_detected"},
      {-32095, "insufficient_funds"},   {-32095, "ledger_unavailable"},
      {-32096, "lease_held"},           {-32096, "lease_not_held"},
      {-32096, "stale_nonce"},          {-32097, "not_authorized"},
      {-32097, "operation_expired"},    {-32098, "too_many_open"},
      {-32061, "script_hash_mismatch"},
  };
  for (const Entry& entry : kCodes) {
    if (entry.name == name) return entry.code;
  }
  return -32600;
}

constexpr tb::Error error(std::string_view name) { return {code_of(name), name}; }

inline tb::Status refuse(tb::View& at, std::string_view name, std::string_view text) {
  return at.fail(error(name), text);
}
inline tb::Status unknown(tb::View& at, std::uint64_t id) {
  return refuse(at, "unknown_disbursement",
                tb::cat("there is no disbursement ", id, "; see gov treasury list"));
}

}  // namespace treasury
