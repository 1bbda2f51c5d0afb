// Session keys: keys that sign ledger.transfer for an account, for at most a day and up to a limit
// (node-and-cli spec 3.2). [machine]
#pragma once

#include "plugins/ledger/errors.hpp"
#include "plugins/ledger/state.hpp"

namespace ledger {

inline constexpr std::uint64_t kMaxSessionMs = 24ull * 3600 * 1000;
inline constexpr std::uint32_t kMaxSessions = 16;  // of one account; expired ones make room

struct OpenSessionParams {
  tb::Hash session_pk;
  std::uint64_t expires_at_ms = 0;
  std::optional<std::uint64_t> limit;
};
BOOST_DESCRIBE_STRUCT(OpenSessionParams, (), (session_pk, expires_at_ms, limit))
tb::Status open_session(tb::Ctx& ctx, const OpenSessionParams& in, tb::Out& out);

struct CloseSessionParams {
  tb::Hash session_pk;
};
BOOST_DESCRIBE_STRUCT(CloseSessionParams, (), (session_pk))
tb::Status close_session(tb::Ctx& ctx, const CloseSessionParams& in, tb::Out& out);

// Takes `amount` from the limit of the session that signed this command; nothing if the account
// signed itself. Errors: unknown_session, session_expired, session_limit.
tb::Status spend_session(tb::Ctx& ctx, std::uint64_t amount);

}  // namespace ledger
