// Errors of governance (governance and treasury spec 5.0), and how rules say no.
#pragma once

#include <tb/status.hpp>

#include <optional>
#include <string>

namespace governance {

inline constexpr tb::Error kUnknownProposal{-32001, "unknown_proposal"};
inline constexpr tb::Error kUnknownDisbursement{-32001, "unknown_disbursement"};
inline constexpr tb::Error kUnknownRelease{-32001, "unknown_release"};
inline constexpr tb::Error kUnknownScript{-32001, "unknown_script"};
inline constexpr tb::Error kUnknownApproval{-32001, "unknown_approval"};
inline constexpr tb::Error kUnknownParam{-32060, "unknown_param"};
inline constexpr tb::Error kRetiredParam{-32060, "retired_param"};
inline constexpr tb::Error kOutOfBounds{-32061, "out_of_bounds"};
inline constexpr tb::Error kMissingDependency{-32061, "missing_dependency"};
inline constexpr tb::Error kDependencyCycle{-32061, "dependency_cycle"};
inline constexpr tb::Error kGroupRule{-32061, "group_rule"};
inline constexpr tb::Error kDuplicateProposal{-32061, "duplicate_proposal"};
inline constexpr tb::Error kInvalidPayload{-32061, "invalid_payload"};
inline constexpr tb::Error kUnknownKeyset{-32061, "unknown_keyset"};
inline constexpr tb::Error kHookRejected{-32061, "hook_rejected"};
inline constexpr tb::Error kScriptHashMismatch{-32061, "script_hash_mismatch"};
inline constexpr tb::Error kLuaErrors[] = {{-32061, "lua_syntax_error"},
                                           {-32061, "lua_runtime_error"},
                                           {-32061, "lua_budget_exceeded"},
                                           {-32061, "lua_memory_exceeded"},
                                           {-32061, "lua_float_value"},
                                           {-32061, "lua_bad_return"},
                                           kScriptHashMismatch};
inline constexpr tb::Error kVoteClosed{-32062, "vote_closed"};
inline constexpr tb::Error kNotEligible{-32062, "not_eligible"};
inline constexpr tb::Error kUnknownChoice{-32062, "unknown_choice"};
inline constexpr std::int32_t kRollbackLastCode = -32064;
inline constexpr std::int32_t kRollbackCode = -32067;
inline constexpr tb::Error kDependencyNotActive{-32070, "dependency_not_active"};
inline constexpr tb::Error kUnknownSettlementMode{-32071, "unknown_settlement_mode"};
inline constexpr tb::Error kInvalidSettlementChange{-32072, "invalid_settlement_change"};
inline constexpr std::int32_t kReleaseCode = -32080;
inline constexpr tb::Error kInvalidReleaseEntry{-32080, "invalid_release_entry"};
inline constexpr tb::Error kNotAuthorized{-32097, "not_authorized"};
inline constexpr tb::Error kOperationExpired{-32097, "operation_expired"};
inline constexpr tb::Error kTooManyOpen{-32098, "too_many_open"};
inline constexpr tb::Error kHistoryReadFailed{-32073, "HistoryReadFailed"};
inline constexpr tb::Error kHistoryTooShort{-32060, "history_too_short"};
inline constexpr tb::Error kInsufficientAllowance{-32061, "insufficient_allowance"};
inline constexpr tb::Error kApprovalExpired{-32061, "approval_expired"};
inline constexpr tb::Error kWrongRelayer{-32061, "wrong_relayer"};

// Why a rule says no. Rules return std::optional<Refusal>; who called them fails with it, or notes
// it as the failure of a proposal.
struct Refusal {
  std::int32_t code = 0;
  std::string name, text;

  Refusal(const tb::Error& error, std::string why)
      : code(error.code), name(error.name), text(std::move(why)) {}
  Refusal(std::int32_t number, std::string_view id, std::string why)
      : code(number), name(id), text(std::move(why)) {}
  template <class Where>
  tb::Status fail(Where& where) const {
    return where.fail(code, name, text);
  }
};
using Refused = std::optional<Refusal>;

}  // namespace governance
