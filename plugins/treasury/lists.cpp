#include "plugins/treasury/lists.hpp"

#include <algorithm>

#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/records.hpp"

namespace treasury {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equal_folded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool within(std::uint64_t value, const std::optional<std::uint64_t>& least,
            const std::optional<std::uint64_t>& most) {
  return value >= least.value_or(0) && value <= most.value_or(gov::kNever);
}

// Names of the older guides stand for one or more states.
bool states_of(std::string_view status, std::vector<gov::State>* out) {
  using enum gov::State;
  if (status == "scheduled") {
    *out = {kDraft, kVoting, kQueued, kTimelocked};
    return true;
  }
  if (status == "cancelled") status = "rolled_back";
  for (std::size_t i = 0; i < gov::kStates; ++i) {
    const auto state = static_cast<gov::State>(i);
    if (gov::state_name(state) == status) out->push_back(state);
  }
  return !out->empty();
}

// The newest record below `before`, live or archived.
struct Found {
  std::uint64_t id = 0;
  Progress progress;
};
std::optional<Found> older(tb::View& view, std::string_view prefix, std::uint64_t before) {
  std::optional<Found> found;
  view.scan_back(
      prefix, tb::Key(prefix).u64(before), 1, [&](std::string_view key, std::string_view value) {
        found = Found{tb::Key::read_u64(key, prefix.size()), tb::row_as<Progress>(value)};
      });
  return found;
}

class Walk {
 public:
  Walk(tb::View& view, const ListParams& in) : view_(view), in_(in) {
    before_ = in.cursor.value_or(0) == 0 ? gov::kNever : *in.cursor;
  }

  std::optional<Found> next() {
    std::optional<Found> live = older(view_, kProgress, before_);
    if (in_.archived) {
      if (auto old = older(view_, kArchivedProgress, before_); old && (!live || old->id > live->id))
        live = std::move(old);
    }
    if (live) before_ = live->id;
    return live;
  }

 private:
  tb::View& view_;
  const ListParams& in_;
  std::uint64_t before_;
};

bool matches(const Progress& p, const ListParams& in, const std::vector<gov::State>& states) {
  if (!states.empty() && std::find(states.begin(), states.end(), p.at()) == states.end())
    return false;
  return within(p.scheduled_epoch, in.min_epoch, in.max_epoch) &&
         within(p.amount, in.min_amount, in.max_amount) &&
         within(p.created_at, in.min_created_at, in.max_created_at) &&
         within(p.entered_at, in.min_status_ts, in.max_status_ts);
}

tb::Status put_list(tb::View& view, const ListParams& in, std::uint64_t limit, tb::Out& out) {
  std::vector<RecordShape> found;
  std::optional<std::uint64_t> next;
  if (auto s = find_disbursements(view, in, limit, &found, &next); !s) return s;
  out.put("disbursements", found);
  out.put("next_cursor", next);
  return tb::ok();
}

tb::Status disbursements(tb::View& view, const ListParams& in, tb::Out& out) {
  return put_list(view, in, std::min(in.limit == 0 ? kPage : in.limit, kMaxPage), out);
}
tb::Status listing(tb::View& view, const ListParams& in, tb::Out& out) {
  return put_list(view, in, std::min(in.limit == 0 ? kPage : in.limit, kMaxListing), out);
}

struct IdParams {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(IdParams, (), (id))

tb::Status disbursement(tb::View& view, const IdParams& in, tb::Out& out) {
  const auto record = find_record(view, in.id);
  if (!record) return unknown(view, in.id);
  out.put("disbursement", *record);
  return tb::ok();
}

tb::Status show(tb::View& view, const IdParams& in, tb::Out& out) {
  const auto record = find_record(view, in.id);
  if (!record) return unknown(view, in.id);
  out.write(*record);
  return tb::ok();
}

}  // namespace

tb::Status find_disbursements(tb::View& view, const ListParams& in, std::uint64_t limit,
                              std::vector<RecordShape>* found, std::optional<std::uint64_t>* next) {
  std::vector<gov::State> states;
  if (in.status && !states_of(*in.status, &states)) {
    return refuse(view, "invalid_params",
                  tb::cat("status '", *in.status,
                          "' is none of draft, voting, queued, timelocked, executed, finalized, "
                          "rolled_back, scheduled, cancelled"));
  }
  Walk walk(view, in);
  for (std::uint64_t walked = 0; !view.aborted(); ++walked) {
    const std::optional<Found> at = walk.next();
    if (!at) return tb::ok();
    if (found->size() == limit || walked == kMaxWalked) {
      *next = at->id + 1;
      return tb::ok();
    }
    if (!matches(at->progress, in, states)) continue;
    std::optional<RecordShape> record = find_record(view, at->id);
    if (!record || (in.destination && !equal_folded(*in.destination, record->destination)))
      continue;
    found->push_back(*std::move(record));
  }
  return tb::ok();
}

void describe_list_fields(tb::Method& m) {
  m.field("cursor").alias("after_id").help("records with a smaller id follow");
  m.field("limit").defaulted().help("0 is 50");
  m.field("status").help("one of the seven states, scheduled (not executed) or cancelled");
  m.field("destination").help("compared without regard to case");
  m.field("min_epoch").help("scheduled epoch");
  m.field("max_epoch").help("scheduled epoch");
  m.field("min_amount").unit("BLOCK");
  m.field("max_amount").unit("BLOCK");
  m.field("min_created_at").unit("seconds");
  m.field("max_created_at").unit("seconds");
  m.field("min_status_ts").unit("seconds").help("time of the last transition");
  m.field("max_status_ts").unit("seconds").help("time of the last transition");
  m.field("archived").defaulted().help("records of the archive too");
}

void describe_lists(tb::Plugin& p) {
  tb::Method& page = p.query("gov.treasury.disbursements", &disbursements);
  page.alias("gov.treasury.list_disbursements")
      .role("open")
      .summary("A page of disbursements, newest first, at most 200")
      .error(error("invalid_params"), "unknown status");
  describe_list_fields(page);
  tb::Method& all = p.query("gov.treasury.list", &listing);
  all.role("open")
      .summary("Disbursements, newest first, at most 10,000")
      .error(error("invalid_params"), "unknown status");
  describe_list_fields(all);
  all.cli("gov treasury list")
      .flag("cursor", "--after-id")
      .alias("gov disburse list")
      .list("disbursements")
      .columns({"id", "status_label", "amount", "scheduled_epoch", "destination"})
      .id_field("id")
      .example("contract-cli gov treasury list --status queued --limit 50 --ids",
               "prints one id a line");
  p.query("gov.treasury.disbursement", &disbursement)
      .role("open")
      .summary("One disbursement")
      .error(error("unknown_disbursement"))
      .field("id")
      .help("disbursement");
  p.query("gov.treasury.show", &show)
      .role("open")
      .summary("One disbursement: the record itself")
      .error(error("unknown_disbursement"))
      .field("id")
      .help("disbursement")
      .cli("gov treasury show")
      .positional("id")
      .flag("id", "--id")
      .alias("gov disburse show")
      .example("contract-cli gov treasury show --id 12 | jq -r .status.state", "prints its state");
}

}  // namespace treasury
