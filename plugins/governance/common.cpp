#include "plugins/governance/common.hpp"

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/release.hpp"
#include "tb/blake3.hpp"

namespace governance {
namespace {

constexpr std::uint64_t kLifeSecs = 600;
constexpr std::uint64_t kMaxVoteWindow = 10'000;

tb::Key same_key(const Draft& draft, std::string_view proposer) {
  const tb::Hash hash = tb::blake3(
      tb::cat(gov::kind_name(draft.kind), "\n", draft.subject, "\n", draft.same, "\n", proposer));
  return tb::Key("same/").raw(hash.view());
}

tb::Key open_key(std::string_view proposer) { return name_key("open/", proposer); }

std::uint64_t read_count(tb::View& view, std::string_view key) {
  const auto row = view.load<Total>(key);
  return row ? row->weight : 0;
}

std::uint64_t house_total(tb::View& view, std::string_view house) {
  std::uint64_t total = 0;
  const tb::Key prefix = tb::Key("total/").text(house);
  view.scan_back(prefix, {}, 1, [&](std::string_view, std::string_view row) {
    total = tb::row_as<Total>(row).weight;
  });
  return total;
}

void leave_open(tb::Ctx& ctx, const Proposal& p) {
  const tb::Key key = open_key(p.proposer);
  const std::uint64_t count = read_count(ctx, key);
  if (count <= 1) {
    ctx.erase(key);
  } else {
    ctx.store(key, Total{count - 1});
  }
  ctx.erase(place_key("due/", p.vote_deadline_epoch, p.id));
  const tb::Key same = id_key("same-of/", p.id);
  if (const auto hash = ctx.get(same)) {
    ctx.erase(tb::Key("same/").raw(*hash));
    ctx.erase(same);
  }
}

void count_status(tb::Ctx& ctx, ProposalStatus before, ProposalStatus after) {
  Counters counters = load_counters(ctx);
  if (before == ProposalStatus::kOpen) counters.open -= 1;
  if (before == ProposalStatus::kPassed) counters.pending -= 1;
  if (after == ProposalStatus::kPassed) counters.pending += 1;
  ctx.store(kCountersKey, counters);
  ctx.set(kOpenProposals, static_cast<std::int64_t>(counters.open));
  ctx.set(kPendingProposals, static_cast<std::int64_t>(counters.pending));
  ctx.add(kProposals, 1, {gov::status_name(after)});
}

}  // namespace

std::string role_of(tb::View& view, std::string_view account) {
  const std::uint32_t roles = view.roles(account);
  if ((roles & TB_ROLE_ADMIN) != 0) return "admin";
  if ((roles & TB_ROLE_OPERATOR) != 0) return "operator";
  const auto row = view.load<RoleRow>(name_key("role/", account));
  return row ? row->role : "none";
}

Refused require_role(tb::Ctx& ctx, std::string_view role) {
  const bool holds = role == "admin" ? ctx.is_admin() : ctx.is_operator();
  if (holds) return std::nullopt;
  return Refusal(kNotAuthorized, tb::cat("needs the role ", role, ", ", ctx.account(), " has ",
                                         role_of(ctx, ctx.account())));
}

Refused check_timestamp(tb::Ctx& ctx, const std::optional<std::uint64_t>& timestamp) {
  if (!timestamp || ctx.time_s() <= kLifeSecs || *timestamp >= ctx.time_s() - kLifeSecs)
    return std::nullopt;
  return Refusal(kOperationExpired,
                 tb::cat("it was made at ", *timestamp, ", more than ", kLifeSecs,
                         " s before the block's time ", ctx.time_s(), "; sign it again"));
}

std::optional<std::string> lower_hex_key(std::string_view hex) {
  std::string low = gov::lower_hex(hex, 64);
  return low.empty() ? std::nullopt : std::optional(std::move(low));
}

std::optional<std::string> raw_bytes(std::string_view hex) {
  std::string bytes;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

Refused read_deadline(tb::Ctx& ctx, const Window& window, std::optional<std::uint64_t> otherwise,
                      std::uint64_t* deadline) {
  const std::uint64_t now = ctx.epoch();
  if (window.epoch && *window.epoch > now)
    return Refusal(kInvalidPayload,
                   tb::cat("epoch ", *window.epoch, " is ahead of the chain's epoch ", now));
  if (window.vote_deadline) {
    if (*window.vote_deadline <= now || *window.vote_deadline - now > kMaxVoteWindow)
      return Refusal(kInvalidPayload, tb::cat("vote_deadline must be an epoch of ", now + 1, "..",
                                              now + kMaxVoteWindow));
    *deadline = *window.vote_deadline;
    return std::nullopt;
  }
  const std::uint64_t epochs =
      window.vote_window.value_or(otherwise.value_or(ctx.param(kVoteWindow)));
  if (epochs < 1 || epochs > kMaxVoteWindow)
    return Refusal(kInvalidPayload, tb::cat("vote_window must be 1..", kMaxVoteWindow, " epochs"));
  *deadline = now + epochs;
  return std::nullopt;
}

Refused check_deps(tb::View& view, const std::vector<std::uint64_t>& deps) {
  if (deps.size() > kMaxDependencies)
    return Refusal(kInvalidPayload, tb::cat("at most ", kMaxDependencies, " dependencies"));
  for (const std::uint64_t id : deps) {
    if (!view.has(id_key("prop/", id)))
      return Refusal(kMissingDependency, tb::cat("there is no proposal ", id));
  }
  return std::nullopt;
}

Refused check_limits(tb::Ctx& ctx, const Draft& draft) {
  if (draft.reason.size() > kMaxReason)
    return Refusal(kInvalidPayload, tb::cat("a reason has at most ", kMaxReason, " bytes"));
  if (load_counters(ctx).open >= kMaxOpen)
    return Refusal(kTooManyOpen, tb::cat(kMaxOpen, " proposals are open; wait for a boundary"));
  if (read_count(ctx, open_key(ctx.account())) >= kMaxOpenPerProposer)
    return Refusal(kTooManyOpen,
                   tb::cat(kMaxOpenPerProposer, " proposals of this account are open"));
  if (const auto row = ctx.get(same_key(draft, ctx.account())))
    return Refusal(kDuplicateProposal,
                   tb::cat("proposal ", tb::Key::read_u64(*row, 0), " asks for the same"));
  return std::nullopt;
}

Proposal open_proposal(tb::Ctx& ctx, const Draft& draft) {
  Counters counters = load_counters(ctx);
  Proposal p;
  p.id = counters.next_id;
  p.kind = static_cast<std::uint8_t>(draft.kind);
  p.subject = draft.subject;
  p.proposer = ctx.account();
  p.reason = draft.reason;
  p.created_epoch = ctx.epoch();
  p.created_height = ctx.height();
  p.created_at = ctx.time_s();
  p.vote_deadline_epoch = draft.deadline;
  p.quorum_operators_ppm = ctx.param(kQuorumOperators);
  p.quorum_builders_ppm = ctx.param(kQuorumBuilders);
  p.deps = draft.deps;
  p.timelock_epochs = draft.timelock_epochs;
  p.rollback_window_epochs = draft.rollback_window_epochs;
  store_proposal(ctx, p);
  Box box;
  box.opened_height = ctx.height();
  box.deadline_epoch = draft.deadline;
  box.operators.total = house_total(ctx, kHouses[0]);
  box.builders.total = house_total(ctx, kHouses[1]);
  ctx.store(box_key("prop", p.id), box);
  ctx.put(place_key("due/", p.vote_deadline_epoch, p.id), {});
  ctx.store(open_key(p.proposer), Total{read_count(ctx, open_key(p.proposer)) + 1});
  const tb::Key same = same_key(draft, p.proposer);
  ctx.put(same, tb::Key().u64(p.id));
  ctx.put(id_key("same-of/", p.id), same.view().substr(std::string_view("same/").size()));
  counters.next_id += 1;
  counters.open += 1;
  ctx.store(kCountersKey, counters);
  ctx.emit(kProposed,
           {p.id, gov::kind_name(draft.kind), p.subject, p.proposer, p.vote_deadline_epoch});
  ctx.add(kProposals, 1, {gov::status_name(ProposalStatus::kOpen)});
  ctx.set(kOpenProposals, static_cast<std::int64_t>(counters.open));
  ctx.set(kQuorumRequired, static_cast<std::int64_t>(gov::kLeastYes));
  return p;
}

void set_status(tb::Ctx& ctx, Proposal& p, ProposalStatus status) {
  const ProposalStatus before = p.status_of();
  if (before == ProposalStatus::kOpen) leave_open(ctx, p);
  p.status = static_cast<std::uint8_t>(status);
  store_proposal(ctx, p);
  count_status(ctx, before, status);
  const Box box = ctx.load<Box>(box_key("prop", p.id)).value_or(Box{});
  ctx.emit(kStatusChanged, {p.id, gov::kind_name(p.kind_of()), gov::status_name(status), p.subject,
                            p.proposer, p.failure, p.activation_epoch, p.activated_epoch,
                            ctx.epoch(), ctx.height(), box.operators, box.builders});
}

void put_opened(const Proposal& p, tb::Out& out) {
  out.put("id", p.id);
  out.put("kind", gov::kind_name(p.kind_of()));
  out.put("status", gov::status_name(p.status_of()));
  out.put("vote_deadline_epoch", p.vote_deadline_epoch);
}

}  // namespace governance
