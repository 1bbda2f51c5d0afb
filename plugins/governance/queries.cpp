#include "plugins/governance/queries.hpp"

#include <algorithm>

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/settlement.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::uint64_t kMaxProposalsShown = 200;

void put_param_payload(tb::View& view, std::uint64_t id, tb::Out& out) {
  const auto payload = load_payload<ParamPayload>(view, id);
  out.write(payload);
}

void put_script_payload(tb::View& view, std::uint64_t id, tb::Out& out) {
  const auto payload = load_payload<ScriptPayload>(view, id);
  out.write(payload.header);
  out.put("hash", payload.hash);
  out.put("bytes", static_cast<std::uint64_t>(payload.source.size()));
}

void put_payload(tb::View& view, const Proposal& p, tb::Out& out) {
  switch (p.kind_of()) {
    case ProposalKind::kParam:
      return put_param_payload(view, p.id, out);
    case ProposalKind::kEnergySettlement:
      return out.write(load_payload<SettlementPayload>(view, p.id));
    case ProposalKind::kScript:
      return put_script_payload(view, p.id, out);
    case ProposalKind::kScriptDisable:
      return out.write(load_payload<DisablePayload>(view, p.id));
    case ProposalKind::kHouse:
      return out.write(load_payload<HousePayload>(view, p.id));
    case ProposalKind::kApproval:
      return out.write(load_payload<ApprovalPayload>(view, p.id));
    case ProposalKind::kKeyset:
      return out.write(load_payload<KeysetPayload>(view, p.id));
    case ProposalKind::kRelease:
      if (const auto release = view.load<Release>(name_key("release/", p.subject)))
        out.write(*release);
      return;
  }
}

// Yes weight that the quorum of a house asks for: the least Y with Y * 10^6 >= q * T.
std::uint64_t needed(std::uint64_t ppm, std::uint64_t total) {
  const tb::U128 product = tb::U128{ppm} * total;
  return static_cast<std::uint64_t>((product + gov::kPpm - 1) / gov::kPpm);
}

void put_house(const HouseCount& count, std::uint64_t ppm, tb::Out& out) {
  out.write(count);
  out.put("needed", needed(ppm, count.total));
}

struct ListProposalsParams {
  std::optional<std::string_view> status, kind;
  std::optional<std::uint64_t> cursor;
  std::uint64_t limit = 50;
  bool archived = false;
  std::optional<std::uint64_t> id;
};
BOOST_DESCRIBE_STRUCT(ListProposalsParams, (), (status, kind, cursor, limit, archived, id))

bool wanted(const Proposal& p, const ListProposalsParams& in) {
  return (!in.status || *in.status == gov::status_name(p.status_of())) &&
         (!in.kind || *in.kind == gov::kind_name(p.kind_of()));
}

std::vector<Proposal> find_proposals(tb::View& view, const ListProposalsParams& in,
                                     std::optional<std::uint64_t>* next) {
  const std::uint64_t limit = in.limit == 0 ? 50 : std::min(in.limit, kMaxProposalsShown);
  const std::uint64_t newest = load_counters(view).next_id;
  const std::uint64_t oldest =
      in.archived || newest <= kListedProposals ? 1 : newest - kListedProposals;
  std::vector<Proposal> found;
  if (in.id) {
    if (auto p = load_proposal(view, *in.id); p && wanted(*p, in)) found.push_back(*std::move(p));
    return found;
  }
  const tb::Key before = in.cursor ? id_key("prop/", *in.cursor) : tb::Key();
  view.scan_back("prop/", before, static_cast<std::uint32_t>(kListedProposals),
                 [&](std::string_view, std::string_view row) {
                   Proposal p = tb::row_as<Proposal>(row);
                   if (p.id < oldest) return false;
                   if (!wanted(p, in)) return true;
                   if (found.size() == limit) {
                     *next = found.back().id;
                     return false;
                   }
                   found.push_back(std::move(p));
                   return true;
                 });
  return found;
}

tb::Status list(tb::View& view, const ListProposalsParams& in, tb::Out& out) {
  if (in.status && !gov::parse_status(*in.status))
    return view.fail(tb::kInvalidParamsCode, "invalid_params",
                     tb::cat("status: '", *in.status, "' is no status of a proposal"));
  std::optional<std::uint64_t> next;
  const auto found = find_proposals(view, in, &next);
  out.list("proposals", [&](tb::Out& items) {
    for (const Proposal& p : found)
      items.record({}, [&](tb::Out& item) { put_proposal(view, p, item); });
  });
  out.put("next_cursor", next);
  return tb::ok();
}

struct IdParams {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(IdParams, (), (id))

tb::Status proposal(tb::View& view, const IdParams& in, tb::Out& out) {
  const auto found = load_proposal(view, in.id);
  if (!found) return view.fail(kUnknownProposal, tb::cat("there is no proposal ", in.id));
  put_proposal(view, *found, out);
  const std::uint64_t epoch = view.epoch();
  const auto left = [&](std::uint64_t until) { return until > epoch ? until - epoch : 0; };
  out.put("epoch", epoch);
  if (found->status_of() == ProposalStatus::kOpen)
    out.put("epochs_left", left(found->vote_deadline_epoch));
  if (found->status_of() == ProposalStatus::kPassed && found->activation_epoch)
    out.put("epochs_left", left(*found->activation_epoch));
  return tb::ok();
}

// `*` stands for any run of characters.
bool matches(std::string_view glob, std::string_view text) {
  const std::size_t star = glob.find('*');
  if (star == std::string_view::npos) return glob == text;
  if (!text.starts_with(glob.substr(0, star))) return false;
  const std::string_view rest = glob.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

constexpr std::string_view kShownPolicies[] = {
    "runtime_backend_policy", "transport_provider_policy", "storage_engine_policy"};

void put_policy(tb::View& view, std::string_view key, tb::Out& out) {
  const std::uint64_t mask = next_value(view, key).value_or(0);
  out.list(key, [&](tb::Out& names) {
    for (const std::string_view name : gov::mask_names(key, mask)) names.element(name);
  });
  const std::string short_name(key.substr(0, key.rfind('_')));
  out.put(short_name + "_mask", mask);
}

struct ParamsParams {
  std::optional<std::string_view> filter;
};
BOOST_DESCRIBE_STRUCT(ParamsParams, (), (filter))

tb::Status params(tb::View& view, const ParamsParams& in, tb::Out& out) {
  if (in.filter && std::count(in.filter->begin(), in.filter->end(), '*') > 4)
    return view.fail(tb::kInvalidParamsCode, "invalid_params", "filter: at most four `*`");
  out.put("epoch", view.epoch());
  out.record("params", [&](tb::Out& values) {
    for (const Spec& spec : all_specs(view)) {
      const bool shown = !in.filter || matches(*in.filter, spec.key) ||
                         matches(*in.filter, tb::cat(spec.owner, "_", spec.key));
      if (shown) values.put(spec.key, value_of(view, spec).value);
    }
  });
  for (const std::string_view key : kShownPolicies) put_policy(view, key, out);
  return tb::ok();
}

struct KeyParams {
  std::string_view key;
};
BOOST_DESCRIBE_STRUCT(KeyParams, (), (key))

void put_pending(tb::View& view, std::string_view key, tb::Out& out) {
  out.list("pending", [&](tb::Out& items) {
    for (const std::string_view prefix : {"due/", "queue/"}) {
      view.scan(prefix, {}, static_cast<std::uint32_t>(kListedProposals),
                [&](std::string_view row, std::string_view) {
                  const auto p = load_proposal(view, tb::Key::read_u64(row, prefix.size() + 8));
                  if (!p || p->subject != key) return;
                  items.record({}, [&](tb::Out& item) {
                    item.put("id", p->id);
                    item.put("status", gov::status_name(p->status_of()));
                    item.put("vote_deadline_epoch", p->vote_deadline_epoch);
                    item.put("activation_epoch", p->activation_epoch);
                  });
                });
    }
  });
}

tb::Status param(tb::View& view, const KeyParams& in, tb::Out& out) {
  const auto spec = find_spec(view, in.key);
  if (!spec) {
    return view.fail(kUnknownParam,
                     tb::cat("no parameter '", in.key, "'; `gov params list` shows all"));
  }
  const ParamNow now = value_of(view, *spec);
  const auto since = view.load<Since>(name_key("since/", spec->key)).value_or(Since{});
  out.put("key", spec->key);
  out.put("value", now.value);
  if (now.next != now.value) out.put("next", now.next);
  if (!gov::mask_options(spec->key).empty()) {
    out.list("names", [&](tb::Out& names) {
      for (const auto name : gov::mask_names(spec->key, now.value)) names.element(name);
    });
  }
  out.record("spec", [&](tb::Out& record) {
    record.put("owner", spec->owner);
    record.put("declared", !spec->plugin.empty());
    record.put("default", spec->default_value);
    record.put("min", spec->min);
    record.put("max", spec->max);
    record.put("unit", spec->unit);
    record.put("timelock_epochs", spec->timelock_epochs);
    record.put("aliases", spec->aliases);
  });
  out.put("since_epoch", since.epoch);
  out.put("since_height", since.height);
  out.put("proposal_id", since.proposal_id);
  put_pending(view, spec->key, out);
  return tb::ok();
}

// What `gov exec` of older guides did by hand: nothing is sent, the boundary acts by itself.
tb::Status when(tb::View& view, const IdParams& in, tb::Out& out) {
  const auto p = load_proposal(view, in.id);
  if (!p) return view.fail(kUnknownProposal, tb::cat("there is no proposal ", in.id));
  const std::uint64_t length = view.block().epoch_length;
  out.put("id", p->id);
  out.put("status", gov::status_name(p->status_of()));
  if (p->status_of() == ProposalStatus::kOpen)
    out.put("acts_at_height", p->vote_deadline_epoch * length - 1);
  if (p->status_of() == ProposalStatus::kPassed && p->activation_epoch)
    out.put("acts_at_height", *p->activation_epoch * length);
  out.put("text",
          "nothing is sent: votes are counted at the deadline, and what passed comes into "
          "force by itself");
  return tb::ok();
}

void describe_param_queries(tb::Plugin& p) {
  auto& all = p.query("gov.params", &params)
                  .alias("gov_params")
                  .role("open")
                  .summary("Values of all parameters")
                  .field("filter")
                  .max(128)
                  .help("glob over keys, or over <owner>_*: economics_*");
  verb(all, "gov params list", {"gov params", "gov param list"});
  auto& one = p.query("gov.param", &param)
                  .role("open")
                  .summary("A parameter: value, range, since when, and what is proposed")
                  .error(kUnknownParam)
                  .field("key")
                  .max(128);
  verb(one, "gov params get", {"gov param get", "gov param show"}).positional("key");
}

}  // namespace

void put_proposal(tb::View& view, const Proposal& p, tb::Out& out) {
  out.put("id", p.id);
  out.put("kind", gov::kind_name(p.kind_of()));
  out.put("status", gov::status_name(p.status_of()));
  out.put("subject", p.subject);
  out.put("proposer", p.proposer);
  out.put("reason", p.reason);
  out.put("created_epoch", p.created_epoch);
  out.put("created_height", p.created_height);
  out.put("created_at", p.created_at);
  out.put("vote_deadline_epoch", p.vote_deadline_epoch);
  out.put("activation_epoch", p.activation_epoch);
  out.put("activated_epoch", p.activated_epoch);
  out.put("rolled_back_epoch", p.rolled_back_epoch);
  out.put("deps", p.deps);
  out.record("payload", [&](tb::Out& payload) { put_payload(view, p, payload); });
  const Box box = view.load<Box>(box_key("prop", p.id)).value_or(Box{});
  out.record("quorum", [&](tb::Out& quorum) {
    quorum.put("operators_ppm", p.quorum_operators_ppm);
    quorum.put("builders_ppm", p.quorum_builders_ppm);
  });
  out.record("tally", [&](tb::Out& tally) {
    tally.record("operators",
                 [&](tb::Out& house) { put_house(box.operators, p.quorum_operators_ppm, house); });
    tally.record("builders",
                 [&](tb::Out& house) { put_house(box.builders, p.quorum_builders_ppm, house); });
  });
  if (!p.changes.empty()) out.put("changes", p.changes);
  if (!p.failure.empty()) out.put("failure", p.failure);
}

void describe_queries(tb::Plugin& p) {
  auto& all = p.query("gov.list", &list)
                  .alias("gov_list")
                  .role("open")
                  .summary("Proposals, newest first")
                  .field("status")
                  .max(32)
                  .field("kind")
                  .max(32)
                  .field("cursor")
                  .alias("after_id")
                  .help("ids below this one")
                  .field("limit")
                  .defaulted()
                  .field("archived")
                  .defaulted()
                  .help("also those beyond the newest 4096")
                  .field("id")
                  .help("this one only");
  verb(all, "gov list", {"gov proposals", "gov proposals list"})
      .list("proposals")
      .columns({"id", "kind", "status", "subject", "vote_deadline_epoch", "activation_epoch"})
      .id_field("id");
  auto& one = p.query("gov.proposal", &proposal)
                  .alias("governance.proposal_status")
                  .role("open")
                  .summary("A proposal with its votes, the quorum it needs and the epochs left")
                  .error(kUnknownProposal)
                  .field("id")
                  .alias("proposal")
                  .alias("proposal_id");
  verb(one, "gov status", {"gov show", "gov proposals show"}).positional("id").flag("id", "--id");
  auto& exec = p.query("gov.when", &when)
                   .role("open")
                   .summary("When the chain will act on a proposal by itself")
                   .error(kUnknownProposal);
  verb(exec, "gov exec").positional("id");
  describe_param_queries(p);
}

}  // namespace governance
