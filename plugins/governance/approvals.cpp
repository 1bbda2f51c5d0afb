#include "plugins/governance/approvals.hpp"

#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::size_t kMaxKey = 255;
constexpr std::uint32_t kMaxApprovalsShown = 1000;

Refused check_payload(const ApprovalPayload& payload) {
  if (payload.key.empty() || payload.key.size() > kMaxKey)
    return Refusal(kInvalidPayload, "a key has 1 to 255 bytes");
  if (payload.relayer.size() > 128 || payload.memo.size() > kMaxReason)
    return Refusal(kInvalidPayload, "a relayer has at most 128 bytes, a memo 1024");
  return std::nullopt;
}

// An admin of a development chain approves at once; otherwise the houses vote.
Refused ask_or_grant(tb::Ctx& ctx, const ApprovalPayload& payload, tb::Out& out) {
  if (auto refused = check_payload(payload)) return refused;
  if (ctx.param(kDirectApprovals) != 0 && ctx.is_admin()) {
    if (auto refused = grant(ctx, payload, 0)) return refused;
    out.put("status", "approved");
    out.put("topic", payload.topic);
    out.put("key", payload.key);
    return std::nullopt;
  }
  Draft draft;
  draft.kind = ProposalKind::kApproval;
  draft.subject = tb::cat(payload.topic, "/", payload.key);
  draft.same = tb::cat(payload.relayer, " ", payload.amount);
  if (auto refused = read_deadline(ctx, {}, {}, &draft.deadline)) return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  const Proposal opened = open_proposal(ctx, draft);
  store_payload(ctx, opened, payload);
  put_opened(opened, out);
  return std::nullopt;
}

tb::Status answer(tb::Ctx& ctx, const ApprovalPayload& payload, tb::Out& out) {
  if (const auto refused = ask_or_grant(ctx, payload, out)) return refused->fail(ctx);
  return tb::ok();
}

struct RewardParams {
  std::string_view key, relayer;
  std::uint64_t amount = 0;
  std::optional<std::uint64_t> expires_at;
  std::optional<std::string_view> memo;
};
BOOST_DESCRIBE_STRUCT(RewardParams, (), (key, relayer, amount, expires_at, memo))

tb::Status approve_reward(tb::Ctx& ctx, const RewardParams& in, tb::Out& out) {
  return answer(ctx,
                {std::string(kRewardTopic), std::string(in.key), std::string(in.relayer), in.amount,
                 in.expires_at, std::string(in.memo.value_or(std::string_view()))},
                out);
}

struct PayloadParams {
  std::string_view asset, commitment;
};
BOOST_DESCRIBE_STRUCT(PayloadParams, (), (asset, commitment))

tb::Status approve_payload(tb::Ctx& ctx, const PayloadParams& in, tb::Out& out) {
  return answer(ctx,
                {"bridge-release", tb::cat("bridge:", in.asset, ":", in.commitment), {}, 0, {}, {}},
                out);
}

struct DisputeParams {
  std::string_view asset, commitment, outcome;
};
BOOST_DESCRIBE_STRUCT(DisputeParams, (), (asset, commitment, outcome))

tb::Status approve_dispute(tb::Ctx& ctx, const DisputeParams& in, tb::Out& out) {
  return answer(ctx,
                {"bridge-dispute",
                 tb::cat("bridge-dispute:", in.asset, ":", in.commitment, ":", in.outcome),
                 {},
                 0,
                 {},
                 {}},
                out);
}

struct ListApprovalsParams {
  std::optional<std::string_view> topic;
};
BOOST_DESCRIBE_STRUCT(ListApprovalsParams, (), (topic))

tb::Status list_approvals(tb::View& view, const ListApprovalsParams& in, tb::Out& out) {
  tb::Key prefix("appr/");
  if (in.topic) prefix.text(*in.topic);
  out.list("approvals", [&](tb::Out& list) {
    view.scan(prefix, {}, kMaxApprovalsShown, [&](std::string_view key, std::string_view row) {
      const std::string_view rest = key.substr(std::string_view("appr/").size());
      const std::size_t length = static_cast<std::uint8_t>(rest[0]);
      list.record({}, [&](tb::Out& item) {
        item.put("topic", rest.substr(1, length));
        item.put("key", rest.substr(1 + length));
        item.write(tb::row_as<Approval>(row));
      });
    });
  });
  return tb::ok();
}

tb::Method& with_errors(tb::Method& method) {
  return method.role("open").error(kInvalidPayload).error(kTooManyOpen).error(kDuplicateProposal);
}

}  // namespace

tb::Key approval_key(std::string_view topic, std::string_view key) {
  return tb::Key("appr/").text(topic).raw(key);
}

Refused grant(tb::Ctx& ctx, const ApprovalPayload& payload, std::uint64_t proposal_id) {
  ctx.store(approval_key(payload.topic, payload.key),
            Approval{proposal_id, payload.relayer, payload.amount, payload.amount,
                     payload.expires_at, payload.memo, std::nullopt});
  return std::nullopt;
}

Refused consume(tb::Ctx& ctx, const ConsumeArgs& args, std::uint64_t* remaining) {
  const tb::Key key = approval_key(args.topic, args.key);
  auto approval = ctx.load<Approval>(key);
  if (args.amount == 0) return Refusal(kInvalidPayload, "nothing to consume: the amount is 0");
  if (!approval) return Refusal(kUnknownApproval, tb::cat("nothing was approved for ", args.key));
  if (approval->expires_at && ctx.time_s() > *approval->expires_at)
    return Refusal(kApprovalExpired, tb::cat("it expired at ", *approval->expires_at));
  if (approval->relayer != args.relayer)
    return Refusal(kWrongRelayer, tb::cat("it is for ", approval->relayer));
  if (approval->remaining_amount < args.amount)
    return Refusal(kInsufficientAllowance, tb::cat(approval->remaining_amount, " are left"));
  approval->remaining_amount -= args.amount;
  approval->last_claimed_at = ctx.time_s();
  *remaining = approval->remaining_amount;
  if (*remaining == 0) {
    ctx.erase(key);
  } else {
    ctx.store(key, *approval);
  }
  return std::nullopt;
}

void describe_approvals(tb::Plugin& p) {
  auto& reward = with_errors(p.command("gov.approve_bridge_reward", &approve_reward)
                                 .summary("Propose an allowance of rewards for a relayer"))
                     .field("amount")
                     .min(1)
                     .field("expires_at")
                     .unit("s");
  verb(reward, "gov bridge-reward approve");
  auto& release = with_errors(p.command("gov.approve_bridge_release", &approve_payload)
                                  .summary("Propose to release a withdrawal of the bridge"))
                      .field("asset")
                      .max(64)
                      .field("commitment")
                      .max(128);
  verb(release, "gov bridge-release approve");
  auto& dispute = with_errors(p.command("gov.approve_bridge_dispute", &approve_dispute)
                                  .summary("Propose the outcome of a dispute of the bridge"))
                      .field("asset")
                      .max(64)
                      .field("commitment")
                      .max(64)
                      .field("outcome")
                      .max(32);
  verb(dispute, "gov bridge-dispute approve");
  verb(p.query("gov.approvals", &list_approvals).role("open").summary("Approvals in force"),
       "gov approvals list", {"gov approvals"})
      .list("approvals")
      .columns({"topic", "key", "relayer", "remaining_amount", "expires_at"})
      .id_field("key");
}

}  // namespace governance
