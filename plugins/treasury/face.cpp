#include "plugins/treasury/face.hpp"

#include <algorithm>

#include "plugins/treasury/book.hpp"
#include "plugins/treasury/describe.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/face_config.hpp"
#include "plugins/treasury/metrics.hpp"

namespace treasury {
namespace {

constexpr std::string_view kRows = "b/";

tb::Key row_key(std::uint64_t id) { return tb::Key(kRows).u64(id); }

void put_or_null(tb::Out& out, std::string_view name, std::uint64_t value) {
  value == 0 ? out.null(name) : out.put(name, value);
}
void put_or_null(tb::Out& out, std::string_view name, std::string_view value) {
  value.empty() ? out.null(name) : out.put(name, value);
}

}  // namespace

Face::Shown Face::shown() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

// Lease fields and pending_matured come from the state: they are right on every node.
void Face::put_executor(tb::View& view, tb::Out& out) {
  const Shown now = shown();
  const Lease lease = view.load<Lease>(kLeaseKey).value_or(Lease{});
  out.put("enabled", now.enabled);
  put_or_null(out, "last_tick_at", now.snapshot.last_tick_at);
  put_or_null(out, "last_success_at", now.snapshot.last_success_at);
  put_or_null(out, "last_error_at", now.snapshot.last_error_at);
  put_or_null(out, "last_error", now.snapshot.last_error);
  put_or_null(out, "last_error_detail", now.snapshot.last_error_detail);
  out.put("pending_matured", count_matured(find_waiting(view, view.epoch())));
  out.put("staged_intents", static_cast<std::uint64_t>(now.intents.size()));
  put_or_null(out, "lease_holder", lease.holder);
  put_or_null(out, "lease_expires_at", lease.expires_at);
  put_or_null(out, "lease_renewed_at", lease.renewed_at);
  out.put("last_submitted_nonce", now.snapshot.last_submitted_nonce);
  out.put("lease_last_nonce", lease.last_nonce);
  out.put("lease_released", lease.released);
  out.put("circuit", now.circuit);
}

void Face::put_balance(tb::View& view, tb::Out& out) {
  const Balance balance = view.load<Balance>(kBalanceKey).value_or(Balance{});
  out.put("balance", balance.amount);
  out.put("balance_ct", balance.amount);
  out.put("balance_it", std::uint64_t{0});
  out.put("pending", balance.pending);
  const auto newest = view.load<BalanceRow>(kNewestRowKey);
  newest ? out.put("last_snapshot", *newest) : out.null("last_snapshot");
  out.record("executor", [&](tb::Out& executor) { put_executor(view, executor); });
}

tb::Status Face::balance(tb::View& view, tb::Out& out) {
  put_balance(view, out);
  return tb::ok();
}

tb::Status Face::put_history(tb::View& view, const HistoryParams& in, tb::Out& out) {
  const std::uint64_t limit = std::min(in.limit == 0 ? kPage : in.limit, kBalanceRowsKept);
  const std::uint64_t before = in.cursor.value_or(0) == 0 ? gov::kNever : *in.cursor;
  std::vector<BalanceRow> rows;
  bool more = false;
  auto status = host_.store_scan_back(kRows, row_key(before), static_cast<std::uint32_t>(limit + 1),
                                      [&](std::string_view, std::string_view value) {
                                        more = rows.size() == limit;
                                        if (!more) rows.push_back(tb::row_as<BalanceRow>(value));
                                        return !more;
                                      });
  if (!status) return refuse(view, "storage_error", "the node's local store cannot be read");
  out.put("snapshots", rows);
  if (more) out.put("next_cursor", rows.back().id);
  out.put("current_balance", balance_of(view));
  return tb::ok();
}

tb::Status Face::history(tb::View& view, const HistoryParams& in, tb::Out& out) {
  return put_history(view, in, out);
}

tb::Status Face::fetch(tb::View& view, const FetchParams& in, tb::Out& out) {
  const ListParams list{in.cursor,         in.limit,          in.status,        in.destination,
                        in.min_epoch,      in.max_epoch,      in.min_amount,    in.max_amount,
                        in.min_created_at, in.max_created_at, in.min_status_ts, in.max_status_ts,
                        in.archived};
  const std::uint64_t limit = std::min(in.limit == 0 ? kPage : in.limit, kMaxListing);
  std::vector<RecordShape> found;
  std::optional<std::uint64_t> next;
  if (auto s = find_disbursements(view, list, limit, &found, &next); !s) return s;
  out.put("disbursements", found);
  out.put("next_cursor", next);
  out.record("balance", [&](tb::Out& balance) { put_balance(view, balance); });
  if (!in.history) return tb::ok();
  tb::Status status;
  out.record("balance_history", [&](tb::Out& rows) {
    status = put_history(view, {in.history_after_id, in.history_limit}, rows);
  });
  return status;
}

tb::Status Face::executor_status(tb::View& view, tb::Out& out) {
  const Lease lease = view.load<Lease>(kLeaseKey).value_or(Lease{});
  const std::uint64_t now_s = host_.unix_ms() / 1000;
  put_executor(view, out);
  out.put("lease_seconds_left", lease.held_at(now_s) ? lease.expires_at - now_s : std::uint64_t{0});
  const Shown now = shown();
  out.list("intents", [&](tb::Out& list) {
    for (const Intent& intent : now.intents) {
      list.record({}, [&](tb::Out& item) {
        item.put("disbursement_id", intent.disbursement_id);
        item.put("nonce", intent.nonce);
        item.put("tx_hash", intent.tx_hash);
        item.put("staged_at", intent.staged_at);
      });
    }
  });
  out.list("blockers", [&](tb::Out& list) {
    for (const Waiting& waiting : find_waiting(view, view.epoch())) {
      if (waiting.blocked.empty()) continue;
      list.record({}, [&](tb::Out& item) {
        item.put("disbursement_id", waiting.id);
        item.put("error", waiting.blocked);
        item.put("dependency", waiting.blocking_dep);
      });
    }
  });
  return tb::ok();
}

tb::Status Face::pipeline(tb::View& view, const PipelineParams& in, tb::Out& out) {
  const Counts counts = load_counts(view);
  out.record("counts", [&](tb::Out& by_state) {
    for (std::size_t i = 0; i < gov::kStates; ++i) {
      const auto state = static_cast<gov::State>(i);
      by_state.put(gov::state_name(state), counts.of(state));
    }
  });
  out.put("backlog", counts.backlog());
  ListParams list;
  list.status = "scheduled";
  std::vector<RecordShape> found;
  std::optional<std::uint64_t> next;
  if (auto s = find_disbursements(view, list, std::min(in.limit, kMaxListing), &found, &next); !s)
    return s;
  std::uint64_t oldest = 0;
  for (const RecordShape& record : found) oldest = record.created_at;  // newest first
  put_or_null(out, "oldest_created_at", oldest);
  out.list("waiting", [&](tb::Out& rows) {
    for (const RecordShape& record : found) {
      rows.record({}, [&](tb::Out& row) {
        row.put("id", record.id);
        row.put("state", record.status.state);
        row.put("amount", record.amount);
        row.put("scheduled_epoch", record.scheduled_epoch);
        row.put("created_at", record.created_at);
      });
    }
  });
  out.record("executor", [&](tb::Out& executor) { put_executor(view, executor); });
  return tb::ok();
}

tb::Status Face::lease(tb::View& view, tb::Out& out) {
  out.write(view.load<Lease>(kLeaseKey).value_or(Lease{}));
  return tb::ok();
}

tb::Status Face::schedule(tb::LocalCall& call, const ScheduleParams&, tb::Out&) {
  return call.fail({-32600, "requires_proposal"},
                   "money leaves the treasury by vote only; use gov disburse create and submit");
}

// Every row of the list comes by as an event, in order; the newest stay.
tb::Status Face::on_event(const tb::ChainEvent& event) {
  if (event.topic != "treasury.balance") return tb::ok();
  BalanceRow row;
  if (!event.to(row)) return tb::ok();
  if (auto s = host_.store_put(row_key(row.id), tb::encode_row(row)); !s) return s;
  if (row.id <= kBalanceRowsKept) return tb::ok();
  return host_.store_erase(row_key(row.id - kBalanceRowsKept));
}

void describe_face(tb::Plugin& p) {
  p.face<Face>();
  describe_config(p);
  describe_lists(p);
  p.query("gov.treasury.balance", &Face::balance)
      .role("open")
      .summary("Balance of the treasury, its newest row, and the executor")
      .cli("gov treasury balance")
      .example("contract-cli gov treasury balance | jq .executor", "what the executor is doing");
  p.query("gov.treasury.balance_history", &Face::history)
      .role("open")
      .summary("Rows of the balance, newest first")
      .field("cursor")
      .alias("after_id")
      .help("rows with a smaller id follow")
      .field("limit")
      .defaulted()
      .cli("gov treasury history")
      .list("snapshots")
      .id_field("id");
  tb::Method& fetch = p.query("gov.treasury.fetch", &Face::fetch);
  fetch.role("open")
      .summary("Disbursements together with the balance")
      .error(error("invalid_params"), "unknown status");
  describe_list_fields(fetch);
  fetch.field("history").defaulted().help("rows of the balance too");
  fetch.field("history_after_id").help("rows with a smaller id follow");
  fetch.field("history_limit").defaulted().help("0 is 50");
  fetch.cli("gov treasury fetch")
      .flag("cursor", "--after-id")
      .example("contract-cli gov treasury fetch --history", "disbursements, balance and its rows");
  p.query("gov.treasury.executor", &Face::executor_status)
      .role("open")
      .summary("The executor: last tick and error, lease, staged intents, what blocks a record")
      .cli("gov treasury executor-status")
      .alias("gov treasury executor");
  p.query("gov.treasury.pipeline", &Face::pipeline)
      .role("open")
      .summary("Disbursements by state, the oldest that waits, and the executor")
      .field("limit")
      .defaulted()
      .help("waiting records that are listed")
      .cli("gov treasury pipeline");
  p.query("gov.treasury.lease", &Face::lease)
      .role("open")
      .summary("Who may execute, and until when")
      .cli("gov treasury lease")
      .alias("gov treasury lease show");
  p.local("gov.treasury.circuit", &Face::circuit)
      .role("operator")
      .summary("The executor's circuit breaker on this node")
      .error(error("invalid_params"), "unknown action")
      .field("action")
      .help("open, close or reset; nothing shows it")
      .cli("gov treasury circuit")
      .positional("action")
      .example("contract-cli gov treasury circuit reset", "lets the executor try again at once");
  p.local("gov.treasury.schedule", &Face::schedule)
      .role("open")
      .summary("Refuses: money leaves the treasury by vote only")
      .error(-32600, "requires_proposal")
      .cli("gov treasury schedule")
      .positional("destination")
      .positional("amount");
  p.on_event(&Face::on_event).on_reply(&Face::on_reply).on_config(&Face::on_config);
  p.timer("executor", 1000, &Face::on_timer);
}

}  // namespace treasury
