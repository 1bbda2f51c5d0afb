// What the ledger refuses, by name. A plugin that calls ledger/1 sees these names and maps them to
// its own codes.
#pragma once

#include <tb/status.hpp>

namespace ledger {

inline constexpr tb::Error kInvalidParams{-32602, "invalid_params"};
inline constexpr tb::Error kSessionExpired{-34010, "session_expired"};
inline constexpr tb::Error kSessionLimit{-34011, "session_limit"};
inline constexpr tb::Error kSafeMode{-34020, "safe_mode"};
inline constexpr tb::Error kInsufficientFunds{-34021, "insufficient_funds"};
inline constexpr tb::Error kUnknownAccount{-34022, "unknown_account"};
inline constexpr tb::Error kAmountOverflow{-34023, "amount_overflow"};
inline constexpr tb::Error kNotAllowed{-34024, "not_allowed"};
inline constexpr tb::Error kSupplyCap{-34025, "supply_cap"};
inline constexpr tb::Error kUnknownSession{-34026, "unknown_session"};
inline constexpr tb::Error kTooManySessions{-34027, "too_many_sessions"};

}  // namespace ledger
