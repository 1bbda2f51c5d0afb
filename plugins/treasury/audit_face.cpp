#include "plugins/treasury/audit_face.hpp"

#include "plugins/treasury/audit_log.hpp"
#include "plugins/treasury/audit_state.hpp"
#include "plugins/treasury/metrics.hpp"

namespace treasury {
namespace {

struct AuditParams {
  std::optional<std::uint64_t> from_epoch, to_epoch;
};
BOOST_DESCRIBE_STRUCT(AuditParams, (), (from_epoch, to_epoch))

struct Bounds {
  std::uint64_t from = 0, to = 0;
  bool to_tip = true;
};

// Rows whose block lies in the epochs that were asked for, and the balance in front of them. What
// the genesis gave to the treasury (the only row of height 0) stands in front of epoch 0.
std::vector<gov::BalanceRow> rows_within(const std::vector<gov::BalanceRow>& rows,
                                         const Bounds& bounds, std::uint64_t epoch_length,
                                         std::uint64_t* initial) {
  std::vector<gov::BalanceRow> out;
  *initial = 0;
  for (const gov::BalanceRow& row : rows) {
    const std::uint64_t epoch = row.height / epoch_length;
    if (epoch < bounds.from || row.height == 0) {
      *initial = row.balance;
    } else if (epoch <= bounds.to) {
      out.push_back(row);
    }
  }
  return out;
}

void check_newest_row(const AuditLog& log, const AuditState& state, gov::Audit* audit) {
  const std::optional<BalanceRow>& kept = state.newest_row;
  if (log.rows.empty() && !kept) return;
  if (log.rows.empty() || !kept) {
    return audit->add({"treasury",
                       kept ? "the state has a balance row, the log has none"
                            : "the log has balance rows, the state has none",
                       {}});
  }
  const gov::BalanceRow& told = log.rows.back();
  if (told.id == kept->id && told.balance == kept->balance && told.delta == kept->delta) return;
  audit->add(
      {"balance row " + std::to_string(kept->id),
       tb::cat("the state says ", kept->balance, " (", kept->delta, "), the log row ", told.id,
               " with ", told.balance, ": the newest row was changed outside the log"),
       {}});
}

std::map<std::uint64_t, gov::Disbursement> both_sides(const AuditLog& log, const AuditState& state,
                                                      gov::Audit* audit) {
  std::map<std::uint64_t, gov::Disbursement> out;
  for (const auto& [id, payment] : log.records) out[id].logged = payment;
  for (const auto& [id, stored] : state.disbursements) {
    out[id].stored = stored.payment;
    if (stored.progress_amount == stored.payment.amount) continue;
    audit->add({tb::cat("Disbursement ", id, " (", stored.payment.state, ")"),
                tb::cat("the state has its amount twice, as ", stored.payment.amount, " and as ",
                        stored.progress_amount, ": a row was changed outside the log"),
                id});
  }
  for (const auto& [id, amount] : state.escrowed) out[id].escrowed = amount;
  return out;
}

// Without a row yet, all that was paid is open.
std::uint64_t tariff_paid(const AuditLog& log) {
  std::uint64_t paid = log.tariff_paid;
  for (const auto& [height, amount] : log.tariff_before_rows) paid += amount;
  return paid;
}

gov::Audit compare(const AuditLog& log, const AuditState& state, const Bounds& bounds) {
  gov::Audit audit;
  std::uint64_t initial = 0;
  const auto rows = rows_within(log.rows, bounds, state.epoch_length, &initial);
  // The genesis row is written by the first block.
  const std::uint64_t open = bounds.to_tip ? state.treasury.open_accruals : 0;
  if (state.height == 0) initial += open;
  audit.totals = gov::totals_of(initial, rows);
  audit.actual = bounds.to_tip ? state.treasury.ledger_balance : log.treasury_then;
  if (state.height > 0) audit.totals.accrued += open;
  compare_accounts(log.ledger, state.accounts, state.issued, &audit);
  check_treasury(state.treasury, &audit);
  check_chain(log.rows, &audit);
  check_tariff(tariff_paid(log), log.rows, state.open_tariff, &audit);
  check_newest_row(log, state, &audit);
  check_disbursements(both_sides(log, state, &audit), log.rows, log.moves, &audit);
  return audit;
}

void tell(tb::LocalCall& call, const gov::Audit& audit) {
  for (const gov::Finding& finding : audit.findings) {
    const std::string id =
        finding.disbursement_id ? tb::cat(" disbursement_id=", *finding.disbursement_id) : "";
    call.host().log(TB_LOG_ERROR,
                    tb::cat("settlement_audit", id, " ", finding.subject, ": ", finding.text));
  }
}

void write(const gov::Audit& audit, const AuditState& state, const Bounds& bounds, tb::Out& out) {
  const gov::Totals& t = audit.totals;
  const auto number = [](gov::Wide value) { return static_cast<std::int64_t>(value); };
  out.put("ok", audit.ok());
  out.put("report", gov::report(audit));
  out.put("height", state.height);
  out.put("from_epoch", bounds.from);
  out.put("to_epoch", bounds.to);
  out.put("initial_balance", t.initial);
  out.put("accruals", number(t.accrued));
  out.put("executed", number(t.executed));
  out.put("rollback_compensations", number(t.cancelled));
  out.put("expected_balance", number(t.expected()));
  out.put("actual_balance", audit.actual);
  out.put("accounts", static_cast<std::uint64_t>(state.accounts.size()));
  out.put("disbursements", static_cast<std::uint64_t>(state.disbursements.size()));
  out.list("findings", [&](tb::Out& list) {
    for (const gov::Finding& finding : audit.findings) {
      list.record({}, [&](tb::Out& item) {
        item.put("subject", finding.subject);
        item.put("text", finding.text);
        item.put("disbursement_id", finding.disbursement_id);
      });
    }
  });
  out.put("more_findings", static_cast<std::uint64_t>(audit.more));
}

tb::Status settlement_audit(tb::LocalCall& call, const AuditParams& in, tb::Out& out) {
  AuditState state;
  tb::Status status = call.host().with_view([&](tb::View& view) {
    read_audit_state(view, &state);
    return tb::ok();
  });
  if (!status.ok()) return status;
  Bounds bounds{in.from_epoch.value_or(0), in.to_epoch.value_or(state.epoch), true};
  bounds.to_tip = bounds.to >= state.epoch;
  if (bounds.to_tip) bounds.to = state.epoch;
  if (bounds.from > bounds.to) {
    return call.fail({-32602, "invalid_params"},
                     tb::cat("from_epoch ", bounds.from, " is behind ", bounds.to,
                             ", the last epoch to be audited"));
  }
  AuditRange range{state.height, UINT64_MAX};
  if (!bounds.to_tip) range.then_height = (bounds.to + 1) * state.epoch_length;
  AuditLog log;
  if (status = read_audit_log(call, range, &log); !status.ok()) return status;
  const gov::Audit audit = compare(log, state, bounds);
  if (const std::size_t wrong = audit.findings.size() + audit.more; wrong > 0)
    call.host().add(kAuditMismatches, static_cast<std::int64_t>(wrong));
  tell(call, audit);
  write(audit, state, bounds, out);
  return tb::ok();
}

}  // namespace

void describe_audit(tb::Plugin& p) {
  p.method_prefix("settlement");
  p.local("settlement.audit", &settlement_audit)
      .role("operator")
      .summary("Replay the ledger from the log and compare treasury, accounts and disbursements")
      .error(kAuditLog, "the log does not reach back to block 0")
      .field("from_epoch")
      .help("first epoch of the figures; 0 when absent")
      .field("to_epoch")
      .help("last epoch of the figures; the newest when absent");
}

}  // namespace treasury
