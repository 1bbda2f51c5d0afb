// What all topics of governance share: counters, refusals of services, checks of callers, and the
// common part of proposals. [machine]
#pragma once

#include "plugins/governance/errors.hpp"
#include "plugins/governance/handles.hpp"

namespace governance {

inline Counters load_counters(tb::View& view) {
  return view.load<Counters>(kCountersKey).value_or(Counters{});
}

template <class Result>
Refusal refusal_of(const tb::Answer<Result>& answer) {
  if (answer.name.empty()) return {tb::kInternalError, "a service failed without a reason"};
  return {answer.code, answer.name, answer.text};
}

// The role of an account: admin, operator, executor or none.
std::string role_of(tb::View& view, std::string_view account);
Refused require_role(tb::Ctx& ctx, std::string_view role);
// Sensitive commands carry the time of their making (seconds) and are refused 600 s later.
Refused check_timestamp(tb::Ctx& ctx, const std::optional<std::uint64_t>& timestamp);
// The bytes of hex digits of either case.
std::optional<std::string> raw_bytes(std::string_view hex);
std::optional<std::string> lower_hex_key(std::string_view hex);  // of 64 digits

// A proposal to be: what every kind has in common.
struct Draft {
  ProposalKind kind = ProposalKind::kParam;
  std::string subject;
  std::string same;  // what an equal proposal of the same proposer would have in common, too
  std::vector<std::uint64_t> deps;
  std::string reason;
  std::uint64_t deadline = 0;
  std::uint32_t timelock_epochs = 2, rollback_window_epochs = 1;
};

struct Window {
  std::optional<std::uint64_t> vote_window, vote_deadline, epoch;
};
// The deadline that a proposal asks for; `otherwise` epochs from now if it asks for none.
Refused read_deadline(tb::Ctx& ctx, const Window& window, std::optional<std::uint64_t> otherwise,
                      std::uint64_t* deadline);

// Steps 3 and 4 of spec 5.1. A dependency must exist, and a new id cannot be named by an older
// proposal: so the graph stays without cycles.
Refused check_deps(tb::View& view, const std::vector<std::uint64_t>& deps);
// Steps 6 and 7.
Refused check_limits(tb::Ctx& ctx, const Draft& draft);
// Stores proposal, ballot box and indexes; the caller stores the payload under its id.
Proposal open_proposal(tb::Ctx& ctx, const Draft& draft);

template <class Payload>
void store_payload(tb::Ctx& ctx, const Proposal& proposal, const Payload& payload) {
  ctx.store(id_key("payload/", proposal.id), payload);
}
template <class Payload>
Payload load_payload(tb::View& view, std::uint64_t id) {
  const auto payload = view.load<Payload>(id_key("payload/", id));
  if (!payload) throw std::runtime_error("a proposal has no payload");
  return *payload;
}

inline std::optional<Proposal> load_proposal(tb::View& view, std::uint64_t id) {
  return view.load<Proposal>(id_key("prop/", id));
}
inline void store_proposal(tb::Ctx& ctx, const Proposal& p) { ctx.store(id_key("prop/", p.id), p); }
// Stores the proposal with another status, and tells the world.
void set_status(tb::Ctx& ctx, Proposal& proposal, ProposalStatus status);

// The answer to every command that proposes.
void put_opened(const Proposal& proposal, tb::Out& out);

}  // namespace governance
