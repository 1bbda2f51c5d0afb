#include "plugins/governance/votes.hpp"

#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

std::uint64_t& count_of(HouseCount& house, std::uint8_t choice) {
  switch (static_cast<gov::Choice>(choice)) {
    case gov::Choice::kYes:
      return house.yes;
    case gov::Choice::kNo:
      return house.no;
    case gov::Choice::kAbstain:
      break;
  }
  return house.abstain;
}

void add(Box& box, const Ballot& ballot) {
  count_of(box.operators, ballot.choice) += ballot.operators;
  count_of(box.builders, ballot.choice) += ballot.builders;
}
void take_out(Box& box, const Ballot& ballot) {
  count_of(box.operators, ballot.choice) -= ballot.operators;
  count_of(box.builders, ballot.choice) -= ballot.builders;
}

Refused check_proposal(tb::Ctx& ctx, std::uint64_t id) {
  const auto proposal = load_proposal(ctx, id);
  if (!proposal) return Refusal(kUnknownProposal, tb::cat("there is no proposal ", id));
  for (const std::uint64_t dep : proposal->deps) {
    const auto other = load_proposal(ctx, dep);
    if (!other || other->status_of() != ProposalStatus::kActivated)
      return Refusal(kDependencyNotActive, tb::cat("proposal ", dep, " is not in force"));
  }
  return std::nullopt;
}

struct VoteParams {
  std::uint64_t id = 0;
  std::string_view choice = "yes";
  std::string_view kind = "prop";
};
BOOST_DESCRIBE_STRUCT(VoteParams, (), (id, choice, kind))

tb::Status vote(tb::Ctx& ctx, const VoteParams& in, tb::Out& out) {
  Weights weights;
  if (const auto refused = cast_vote(ctx, {in.kind, in.id, ctx.account(), in.choice}, &weights))
    return refused->fail(ctx);
  out.put("ok", true);
  out.record("weight", [&](tb::Out& record) {
    if (weights.operators > 0) record.put("operators", weights.operators);
    if (weights.builders > 0) record.put("builders", weights.builders);
  });
  return tb::ok();
}

struct ApproveParams {
  std::uint64_t id = 0;
  std::string_view choice = "yes";
  std::optional<std::uint64_t> weight;
};
BOOST_DESCRIBE_STRUCT(ApproveParams, (), (id, choice, weight))

tb::Status approve_release(tb::Ctx& ctx, const ApproveParams& in, tb::Out& out) {
  const auto proposal = load_proposal(ctx, in.id);
  if (!proposal || proposal->kind_of() != ProposalKind::kRelease)
    return ctx.fail(kUnknownRelease, tb::cat("proposal ", in.id, " is no release"));
  const tb::Status voted = vote(ctx, {in.id, in.choice, "prop"}, out);
  if (voted) ctx.add(kReleaseVotes, 1, {in.choice});
  return voted;
}

}  // namespace

Refused cast_vote(tb::Ctx& ctx, const Cast& cast, Weights* weights) {
  const tb::Key key = box_key(cast.kind, cast.id);
  auto box = ctx.load<Box>(key);
  if (!box) {
    return cast.kind == "disb"
               ? Refusal(kUnknownDisbursement,
                         tb::cat("disbursement ", cast.id, " is voted on by `gov disburse vote`"))
               : Refusal(kUnknownProposal, tb::cat("there is no proposal ", cast.id));
  }
  const auto choice = gov::parse_choice(cast.choice);
  if (!choice)
    return Refusal(kUnknownChoice,
                   tb::cat("'", cast.choice.substr(0, 64), "' is none of yes, no, abstain"));
  if (box->closed || ctx.epoch() >= box->deadline_epoch)
    return Refusal(kVoteClosed, tb::cat("votes were counted at epoch ", box->deadline_epoch));
  if (cast.kind == "prop") {
    if (auto refused = check_proposal(ctx, cast.id)) return refused;
  }
  *weights = weights_at(ctx, cast.voter, box->opened_height);
  if (weights->operators == 0 && weights->builders == 0)
    return Refusal(kNotEligible,
                   tb::cat(cast.voter, " was no member of a house at height ", box->opened_height));
  const tb::Key place = ballot_key(cast.kind, cast.id, cast.voter);
  if (const auto before = ctx.load<Ballot>(place)) take_out(*box, *before);
  const Ballot ballot{static_cast<std::uint8_t>(*choice), weights->operators, weights->builders,
                      ctx.epoch(), ctx.height()};
  add(*box, ballot);
  ctx.store(place, ballot);
  ctx.store(key, *box);
  ctx.emit(kVoted,
           {cast.kind, cast.id, cast.voter, cast.choice, weights->operators, weights->builders});
  ctx.add(kVotes, 1, {cast.choice});
  return std::nullopt;
}

void describe_votes(tb::Plugin& p) {
  auto& method = p.command("gov.vote", &vote)
                     .alias("gov_vote")
                     .alias("vote_proposal")
                     .role("open")
                     .summary("Vote on a proposal or a disbursement; a later vote replaces")
                     .error(kUnknownProposal)
                     .error(kUnknownDisbursement)
                     .error(kUnknownChoice)
                     .error(kVoteClosed)
                     .error(kDependencyNotActive)
                     .error(kNotEligible)
                     .field("id")
                     .alias("proposal_id")
                     .field("choice")
                     .alias("vote")
                     .defaulted()
                     .help("yes, no or abstain")
                     .field("kind")
                     .defaulted()
                     .choices({"prop", "disb"});
  verb(method, "gov vote")
      .positional("id")
      .positional("choice")
      .flag("id", "--id")
      .flag("choice", "--choice")
      .example("contract-cli gov vote 7 yes", "votes with the weight of this node's account");
  auto& release = p.command("gov.approve_release", &approve_release)
                      .role("open")
                      .summary("Vote on a release")
                      .error(kUnknownRelease)
                      .error(kUnknownProposal)
                      .error(kUnknownChoice)
                      .error(kVoteClosed)
                      .error(kDependencyNotActive)
                      .error(kNotEligible)
                      .field("id")
                      .alias("proposal")
                      .field("choice")
                      .defaulted()
                      .field("weight")
                      .help("ignored: the weight at the opening of the vote counts");
  verb(release, "gov release approve", {"gov approve-release"})
      .positional("id")
      .flag("id", "--proposal")
      .example("contract-cli gov release approve --proposal 12", "votes yes");
}

}  // namespace governance
