// gov.treasury.vote: ballots on a disbursement (5.2), weighed as of the block in which voting
// opened.
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/events.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

struct VoteParams {
  std::uint64_t id = 0;
  std::string choice;
};
BOOST_DESCRIBE_STRUCT(VoteParams, (), (id, choice))

std::uint64_t* cell(House& house, std::string_view choice) {
  if (choice == "yes") return &house.yes;
  return choice == "no" ? &house.no : &house.abstain;
}

void count_ballot(Tally& tally, const Ballot& ballot, bool add) {
  std::uint64_t* const operators = cell(tally.operators, ballot.choice);
  std::uint64_t* const builders = cell(tally.builders, ballot.choice);
  // Weights of a house add up to its total, which governance keeps below 2^63.
  *operators = add ? *operators + ballot.operators : *operators - ballot.operators;
  *builders = add ? *builders + ballot.builders : *builders - ballot.builders;
}

tb::Status vote(tb::Ctx& ctx, const VoteParams& in, tb::Out& out) {
  if (!state_of(ctx, in.id)) return unknown(ctx, in.id);
  if (in.choice != "yes" && in.choice != "no" && in.choice != "abstain")
    return refuse(ctx, "unknown_choice", "a choice is yes, no or abstain");
  const std::optional<Progress> progress = ctx.load<Progress>(progress_key(in.id));
  const bool open = progress && progress->at() == gov::State::kVoting &&
                    ctx.epoch() < progress->vote_deadline_epoch;
  if (!open) {
    return refuse(ctx, "vote_closed",
                  tb::cat("disbursement ", in.id, " takes no ballots; see gov disburse show"));
  }
  Totals weights;
  if (auto s = house_weights(ctx, ctx.account(), progress->voting_height, &weights); !s) return s;
  if (weights.operators == 0 && weights.builders == 0) {
    return refuse(ctx, "not_eligible",
                  tb::cat(ctx.account(), " was in no house at height ", progress->voting_height,
                          ", when voting opened"));
  }
  Tally tally = ctx.load<Tally>(tally_key(in.id)).value_or(Tally{});
  const tb::Key key = ballot_key(in.id, ctx.account());
  if (const auto before = ctx.load<Ballot>(key)) count_ballot(tally, *before, false);
  const Ballot ballot{in.choice, weights.operators, weights.builders, ctx.epoch(), ctx.height()};
  count_ballot(tally, ballot, true);
  ctx.store(key, ballot);
  ctx.store(tally_key(in.id), tally);
  ctx.add(kVotes, 1, {in.choice});
  ctx.emit(kVotedEvent,
           {in.id, std::string(ctx.account()), in.choice, weights.operators, weights.builders});
  out.put("ok", true);
  out.record("weight", [&](tb::Out& weight) {
    if (weights.operators != 0) weight.put("operators", weights.operators);
    if (weights.builders != 0) weight.put("builders", weights.builders);
  });
  return tb::ok();
}

}  // namespace

void describe_votes(tb::Plugin& p) {
  p.command("gov.treasury.vote", &vote)
      .role("operator")
      .summary("Vote on a disbursement; a later ballot replaces an earlier one")
      .error(error("unknown_disbursement"))
      .error(error("unknown_choice"))
      .error(error("vote_closed"), "voting has not opened, or its deadline has come")
      .error(error("not_eligible"), "the account was in no house when voting opened")
      .field("choice")
      .max(16)
      .help("yes, no or abstain")
      .cli("gov disburse vote")
      .positional("id")
      .flag("id", "--id")
      .positional("choice")
      .example("contract-cli gov disburse vote --id 12 --choice yes",
               "prints the weight that counted");
}

}  // namespace treasury
