// gov.treasury.submit_disbursement: a payload becomes a draft (5.10).
#include "plugins/gov-core/dependencies.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/params.hpp"

namespace treasury {
namespace {

constexpr std::size_t kMaxSearched = 20'000;  // records that a search for cycles may look at
constexpr std::uint32_t kMaxIds = 65'536;  // of the list of dependencies, before they are counted

struct QuorumIn {
  std::optional<std::uint32_t> operators_ppm, builders_ppm;

  Quorum filled() const { return {operators_ppm.value_or(0), builders_ppm.value_or(0)}; }
};
BOOST_DESCRIBE_STRUCT(QuorumIn, (), (operators_ppm, builders_ppm))

struct ProposalIn {
  std::string title, summary;
  std::optional<std::vector<std::uint64_t>> deps;
  std::optional<std::vector<Attachment>> attachments;
  std::optional<QuorumIn> quorum;
  std::uint64_t vote_window_epochs = 4, timelock_epochs = 2, rollback_window_epochs = 1;
};
BOOST_DESCRIBE_STRUCT(ProposalIn, (),
                      (title, summary, deps, attachments, quorum, vote_window_epochs,
                       timelock_epochs, rollback_window_epochs))

struct DisbursementIn {
  std::string destination;
  std::uint64_t amount = 0;
  std::string memo;
  std::uint64_t scheduled_epoch = 0;
  std::optional<std::vector<Receipt>> expected_receipts;
};
BOOST_DESCRIBE_STRUCT(DisbursementIn, (),
                      (destination, amount, memo, scheduled_epoch, expected_receipts))

struct SubmitParams {
  ProposalIn proposal;
  DisbursementIn disbursement;
};
BOOST_DESCRIBE_STRUCT(SubmitParams, (), (proposal, disbursement))

gov::Payload payload_of(const SubmitParams& in) {
  gov::Payload p;
  p.title = in.proposal.title;
  p.summary = in.proposal.summary;
  p.deps = in.proposal.deps.value_or(std::vector<std::uint64_t>());
  for (const Attachment& a : in.proposal.attachments.value_or(std::vector<Attachment>()))
    p.attachments.push_back({a.name, a.uri});
  const Quorum quorum = in.proposal.quorum.value_or(QuorumIn{}).filled();
  p.quorum = {quorum.operators_ppm, quorum.builders_ppm};
  p.vote_window_epochs = in.proposal.vote_window_epochs;
  p.timelock_epochs = in.proposal.timelock_epochs;
  p.rollback_window_epochs = in.proposal.rollback_window_epochs;
  p.destination = in.disbursement.destination;
  p.amount = in.disbursement.amount;
  p.memo = in.disbursement.memo;
  p.scheduled_epoch = in.disbursement.scheduled_epoch;
  for (const Receipt& r : in.disbursement.expected_receipts.value_or(std::vector<Receipt>()))
    p.expected_receipts.push_back({r.account, r.amount});
  return p;
}

Record record_of(const SubmitParams& in, std::string_view proposer) {
  Record r;
  r.proposer = proposer;
  r.destination = in.disbursement.destination;
  r.amount = in.disbursement.amount;
  r.memo = in.disbursement.memo;
  r.scheduled_epoch = in.disbursement.scheduled_epoch;
  r.title = in.proposal.title;
  r.summary = in.proposal.summary;
  r.explicit_deps = in.proposal.deps.value_or(std::vector<std::uint64_t>());
  r.attachments = in.proposal.attachments.value_or(std::vector<Attachment>());
  r.quorum = in.proposal.quorum.value_or(QuorumIn{}).filled();
  r.vote_window_epochs = in.proposal.vote_window_epochs;
  r.timelock_epochs = in.proposal.timelock_epochs;
  r.rollback_window_epochs = in.proposal.rollback_window_epochs;
  r.expected_receipts = in.disbursement.expected_receipts.value_or(std::vector<Receipt>());
  return r;
}

// Only a hint to the new id can close a cycle: without one there is nothing to search.
tb::Status check_cycle(tb::Ctx& ctx, std::uint64_t id, const gov::Ids& deps) {
  bool wanted = std::find(deps.begin(), deps.end(), id) != deps.end();
  ctx.scan(wants_key(id), {}, 1, [&](std::string_view, std::string_view) { wanted = true; });
  if (!wanted) return tb::ok();
  const auto deps_of = [&](std::uint64_t at) -> std::optional<gov::Ids> {
    auto progress = ctx.load<Progress>(progress_key(at));
    if (!progress) progress = ctx.load<Progress>(archived_progress_key(at));
    // What is final waits for nothing that is new.
    if (!progress || progress->at() == gov::State::kFinalized) return std::nullopt;
    return std::move(progress->deps);
  };
  const gov::Closes closes = gov::closes_cycle(id, deps, deps_of, kMaxSearched);
  if (closes == gov::Closes::kNo) return tb::ok();
  const auto failed =
      refuse(ctx, "dependency_cycle_detected",
             closes == gov::Closes::kYes
                 ? tb::cat("disbursement ", id,
                           " would wait for itself; leave out the dependency that a "
                           "memo of an older one points back from")
                 : tb::cat("the dependencies reach more than ", kMaxSearched,
                           " records; depend on fewer"));
  ctx.add(kDependencyFailures, 1, {"circular"});
  return failed;
}

tb::Status check_dependencies(tb::Ctx& ctx, std::uint64_t id, const gov::Ids& explicit_deps,
                              const gov::Ids& deps) {
  if (!explicit_deps.empty()) {
    for (std::uint64_t dep : deps) {
      if (state_of(ctx, dep)) continue;
      const auto failed =
          refuse(ctx, "dependency_missing",
                 tb::cat("there is no disbursement ", dep, " to depend on; submit it first"));
      ctx.add(kDependencyFailures, 1, {"missing"});
      return failed;
    }
  }
  return check_cycle(ctx, id, deps);
}

tb::Status check_open(tb::Ctx& ctx) {
  const std::uint64_t all = load_counts(ctx).backlog();
  const std::uint64_t own = ctx.load<Open>(open_key(ctx.account())).value_or(Open{}).count;
  if (all < ctx.param(kMaxOpen) && own < ctx.param(kMaxOpenPerProposer)) return tb::ok();
  return refuse(ctx, "too_many_open",
                tb::cat(all, " disbursements are open (limit ", ctx.param(kMaxOpen), "), ", own,
                        " of them yours (limit ", ctx.param(kMaxOpenPerProposer),
                        "); wait until some are executed, or roll back"));
}

tb::Status submit(tb::Ctx& ctx, const SubmitParams& in, tb::Out& out) {
  const gov::Payload payload = payload_of(in);
  if (const std::string_view name = gov::check_payload(payload); !name.empty())
    return refuse(ctx, name, gov::payload_rule(name));
  Counts counts = load_counts(ctx);
  Held held;
  held.id = counts.newest_id + 1;
  held.record = record_of(in, ctx.account());
  held.progress.deps = gov::canonical_deps(payload.deps, payload.memo);
  if (auto s = check_dependencies(ctx, held.id, payload.deps, held.progress.deps); !s) return s;
  if (auto s = check_open(ctx); !s) return s;
  for (std::uint64_t dep : held.progress.deps) {
    if (dep > counts.newest_id) ctx.put(want_key(dep, held.id), {});
  }
  counts.newest_id = held.id;
  ctx.store(kCountsKey, counts);
  if (auto s = add_record(ctx, held); !s) return s;
  out.put("id", held.id);
  out.put("created_at", held.progress.created_at);
  return tb::ok();
}

void describe_fields(tb::Method& m) {
  m.field("proposal.title").help("not blank, at most 256 bytes");
  m.field("proposal.summary").help("not blank, at most 4096 bytes");
  m.field("proposal.deps").max(kMaxIds).help("disbursements that must be final first, at most 100");
  m.field("proposal.attachments").help("at most 16");
  m.field("proposal.quorum").help("per house, in ppm of its weight; 0 unless given");
  m.field("proposal.vote_window_epochs").default_value(std::uint64_t{4}).unit("epochs");
  m.field("proposal.timelock_epochs").default_value(std::uint64_t{2}).unit("epochs");
  m.field("proposal.rollback_window_epochs").default_value(std::uint64_t{1}).unit("epochs");
  m.field("disbursement.destination").help("tb1 and 1 to 87 letters, digits, - or _");
  m.field("disbursement.amount").alias("amount_ct").max(gov::kMaxAmount).unit("BLOCK");
  m.field("disbursement.memo").default_value("").help("at most 8192 bytes");
  m.field("disbursement.scheduled_epoch").help("not before this epoch");
  m.field("disbursement.expected_receipts").help("who gets what of it; adds up to the amount");
}

}  // namespace

void describe_submit(tb::Plugin& p) {
  tb::Method& m = p.command("gov.treasury.submit_disbursement", &submit);
  m.role("operator").summary("Propose a payment out of the treasury").max_bytes(1u << 20);
  describe_fields(m);
  for (std::string_view name :
       {"invalid_destination", "zero_amount", "zero_scheduled_epoch", "memo_too_long",
        "invalid_expected_receipt", "expected_receipts_mismatch", "empty_title", "empty_summary",
        "invalid_quorum", "invalid_vote_window", "invalid_timelock", "invalid_rollback_window",
        "too_many_dependencies", "payload_too_large", "dependency_missing",
        "dependency_cycle_detected", "too_many_open"})
    m.error(error(name), gov::payload_rule(name));
  m.cli("gov disburse submit")
      .merge_json("--json")
      .say("Disbursement submitted successfully\nID: {id}\nCreated at: {created_at}")
      .example(
          "contract-cli gov disburse submit --json examples/governance/disbursement_example.json",
          "prints the id of the draft");
}

}  // namespace treasury
