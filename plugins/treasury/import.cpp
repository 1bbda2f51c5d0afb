// gov.treasury.import: disbursements of the reference's file into a treasury that has none (11).
//
// The file is a list of records whose status is an object with one member, `{"Queued":{...}}`, or
// its name. They become drafts, votes are not carried over: what was waiting is voted on here.
// Executed records need their money in the ledger, which a new treasury does not hold: they are
// refused with a list.
#include <algorithm>

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

constexpr std::size_t kMaxImported = 1000;  // below the limits of a step

struct ImportParams {
  tb::Value disbursements;
};
BOOST_DESCRIBE_STRUCT(ImportParams, (), (disbursements))

struct Entry {
  std::uint64_t id = 0;
  Record record;
  std::string status, reason;
};

std::string lower_name(std::string_view name) {
  std::string out;
  for (char c : name) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

tb::Value amount_of(const tb::Value& in) {
  return in["amount"].absent() ? in["amount_ct"] : in["amount"];
}

std::uint64_t or_default(const tb::Value& value, std::uint64_t fallback) {
  return value.absent() ? fallback : value.u64();
}

void read_status(const tb::Value& status, Entry* out) {
  if (status.raw() != nullptr && status.raw()->type == TB_TYPE_RECORD && status.raw()->count == 1) {
    const tb_value& member = status.raw()->items[0];
    out->status = lower_name(tb::to_view(member.name));
    out->reason = tb::Value(&member)["reason"].text();
  } else {
    out->status = lower_name(status.text());
  }
}

Entry read_entry(const tb::Value& in) {
  Entry out;
  out.id = in["id"].u64();
  Record& r = out.record;
  r.proposer = in["proposer"].text("import");
  r.destination = in["destination"].text();
  r.amount = amount_of(in).u64();
  r.memo = in["memo"].text();
  r.scheduled_epoch = in["scheduled_epoch"].u64();
  const tb::Value proposal = in["proposal"];
  r.title = proposal["title"].text("imported");
  r.summary = proposal["summary"].text("imported from an earlier treasury");
  for (const tb_value& dep : proposal["deps"].items())
    r.explicit_deps.push_back(tb::Value(&dep).u64());
  r.quorum.operators_ppm = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(proposal["quorum"]["operators_ppm"].u64(), gov::kPpm));
  r.quorum.builders_ppm = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(proposal["quorum"]["builders_ppm"].u64(), gov::kPpm));
  r.vote_window_epochs = or_default(proposal["vote_window_epochs"], 4);
  r.timelock_epochs = or_default(proposal["timelock_epochs"], 2);
  r.rollback_window_epochs = or_default(proposal["rollback_window_epochs"], 1);
  read_status(in["status"], &out);
  return out;
}

gov::Payload payload_of(const Record& r) {
  gov::Payload p;
  p.title = r.title;
  p.summary = r.summary;
  p.deps = r.explicit_deps;
  p.quorum = {r.quorum.operators_ppm, r.quorum.builders_ppm};
  p.vote_window_epochs = r.vote_window_epochs;
  p.timelock_epochs = r.timelock_epochs;
  p.rollback_window_epochs = r.rollback_window_epochs;
  p.destination = r.destination;
  p.amount = r.amount;
  p.memo = r.memo;
  p.scheduled_epoch = r.scheduled_epoch;
  return p;
}

bool is_waiting(std::string_view status) {
  return status == "draft" || status == "voting" || status == "queued" || status == "timelocked" ||
         status == "scheduled";
}
bool is_cancelled(std::string_view status) {
  return status == "cancelled" || status == "rolledback" || status == "rolled_back";
}

tb::Status check_entries(tb::Ctx& ctx, const std::vector<Entry>& entries) {
  std::string executed;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& e = entries[i];
    if (e.id == 0 || (i > 0 && e.id <= entries[i - 1].id))
      return refuse(ctx, "invalid_params", tb::cat("ids are above 0 and each once: ", e.id));
    const std::string_view name = gov::check_payload(payload_of(e.record));
    if (!name.empty())
      return refuse(ctx, name, tb::cat("record ", e.id, ": ", gov::payload_rule(name)));
    if (e.status == "executed" || e.status == "finalized") {
      executed += tb::cat(executed.empty() ? "" : ", ", e.id);
    } else if (!is_waiting(e.status) && !is_cancelled(e.status)) {
      return refuse(ctx, "invalid_params", tb::cat("record ", e.id, " has no known status"));
    }
  }
  if (executed.empty()) return tb::ok();
  return refuse(ctx, "invalid_state",
                tb::cat("executed records have no entry in this ledger: ", executed,
                        "; take them out of the file"));
}

tb::Status add(tb::Ctx& ctx, Entry& entry) {
  Held held;
  held.id = entry.id;
  held.record = std::move(entry.record);
  held.progress.deps = gov::canonical_deps(held.record.explicit_deps, held.record.memo);
  if (auto s = add_record(ctx, held); !s) return s;
  if (!is_cancelled(entry.status)) return tb::ok();
  gov::Progress next = held.progress.rules();
  next.state = gov::State::kRolledBack;
  const std::string reason = entry.reason.empty() ? "imported as cancelled" : entry.reason;
  return enter(ctx, held, next, {std::string(ctx.account()), ctx.epoch(), reason, {}, {}, {}});
}

tb::Status import(tb::Ctx& ctx, const ImportParams& in, tb::Out& out) {
  if (auto s = need_admin(ctx); !s) return s;
  Counts counts = load_counts(ctx);
  if (counts.newest_id != 0) {
    return refuse(ctx, "invalid_state",
                  tb::cat("this treasury has ", counts.newest_id,
                          " disbursements already; an import needs an empty one"));
  }
  std::vector<Entry> entries;
  for (const tb_value& item : in.disbursements.items()) {
    if (entries.size() == kMaxImported)
      return refuse(ctx, "payload_too_large", tb::cat("at most ", kMaxImported, " records"));
    entries.push_back(read_entry(tb::Value(&item)));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.id < b.id; });
  if (auto s = check_entries(ctx, entries); !s) return s;
  counts.newest_id = entries.empty() ? 0 : entries.back().id;
  ctx.store(kCountsKey, counts);
  for (Entry& entry : entries) {
    if (auto s = add(ctx, entry); !s) return s;
  }
  out.put("ok", true);
  out.put("imported", static_cast<std::uint64_t>(entries.size()));
  return tb::ok();
}

}  // namespace

void describe_import(tb::Plugin& p) {
  p.command("gov.treasury.import", &import)
      .role("admin")
      .summary("Take over the disbursements of an earlier treasury; only into an empty one")
      .max_bytes(4u << 20)
      .error(error("not_authorized"))
      .error(error("invalid_state"), "not empty, or executed records")
      .error(error("payload_too_large"))
      .field("disbursements")
      .help("list of records, or a file that holds one")
      .cli("gov treasury import")
      .positional("disbursements")
      .file_field("disbursements")
      .example("contract-cli gov treasury import treasury_disbursements.json",
               "prints how many records became drafts");
}

}  // namespace treasury
