#include "plugins/ledger/sessions.hpp"

#include <string>
#include <vector>

#include "plugins/ledger/transfer.hpp"

namespace ledger {
namespace {

tb::Status refuse_session_signer(tb::Ctx& ctx) {
  if (ctx.caller().session.len == 0) return tb::ok();
  return ctx.fail(kNotAllowed, "a session key signs ledger.transfer only; sign with the account");
}

// Erases the expired sessions of the account and counts the others.
std::uint32_t sweep(tb::Ctx& ctx, const tb::Key& sessions) {
  std::vector<std::string> expired;
  std::uint32_t open = 0;
  ctx.scan(sessions, {}, kMaxSessions, [&](std::string_view key, std::string_view row) {
    if (tb::row_as<Session>(row).expires_at_ms > ctx.time_ms()) {
      ++open;
    } else {
      expired.emplace_back(key);
    }
  });
  for (const std::string& key : expired) ctx.erase(key);
  return open;
}

}  // namespace

tb::Status open_session(tb::Ctx& ctx, const OpenSessionParams& in, tb::Out& out) {
  if (auto s = refuse_session_signer(ctx); !s) return s;
  if (in.expires_at_ms <= ctx.time_ms() || in.expires_at_ms - ctx.time_ms() > kMaxSessionMs) {
    return ctx.fail(
        kInvalidParams,
        tb::cat("expires_at_ms must lie within 24 hours after the block time ", ctx.time_ms()));
  }
  const std::uint32_t open = sweep(ctx, sessions_key(ctx.account()));
  const tb::Key key = session_key(ctx.account(), in.session_pk.view());
  if (open >= kMaxSessions && !ctx.has(key)) {
    return ctx.fail(kTooManySessions,
                    tb::cat("the account has ", kMaxSessions, " open sessions; close one first"));
  }
  ctx.store(key, Session{in.expires_at_ms, in.limit, 0});
  out.put("session_pk", in.session_pk);
  out.put("expires_at_ms", in.expires_at_ms);
  out.put("limit", in.limit);
  ctx.add(kSessionsOpened);
  return charge_fee(ctx);
}

tb::Status close_session(tb::Ctx& ctx, const CloseSessionParams& in, tb::Out& out) {
  if (auto s = refuse_session_signer(ctx); !s) return s;
  const tb::Key key = session_key(ctx.account(), in.session_pk.view());
  if (!ctx.has(key))
    return ctx.fail(kUnknownSession, "the account has no open session with this key");
  ctx.erase(key);
  out.put("session_pk", in.session_pk);
  out.put("closed", true);
  return charge_fee(ctx);
}

tb::Status spend_session(tb::Ctx& ctx, std::uint64_t amount) {
  const std::string_view signer = tb::to_view(ctx.caller().session);
  if (signer.empty()) return tb::ok();
  const tb::Key key = session_key(ctx.account(), signer);
  std::optional<Session> session = ctx.load<Session>(key);
  if (!session)
    return ctx.fail(kUnknownSession, "no open session with this key; call ledger.open_session");
  if (session->expires_at_ms <= ctx.time_ms()) {
    const tb::Status refused = ctx.fail(kSessionExpired, "the session has expired; open a new one");
    ctx.add(kSessionsExpired);  // counts of a refusal are kept when they follow it
    return refused;
  }
  if (session->limit && amount > *session->limit - session->spent) {
    return ctx.fail(kSessionLimit,
                    tb::cat("the session may send ", *session->limit - session->spent,
                            " more, fees included; ", amount, " were asked for"));
  }
  if (!session->limit) return tb::ok();
  session->spent += amount;
  ctx.store(key, *session);
  return tb::ok();
}

}  // namespace ledger
