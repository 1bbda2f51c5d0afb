#include "plugins/gov-core/audit.hpp"

#include <algorithm>

namespace gov {
namespace {

std::string difference(Wide found, Wide wanted) {
  const Wide by = found - wanted;
  return (by < 0 ? "-" : "+") + grouped(by < 0 ? -by : by);
}

std::string name_of(std::uint64_t id, const Disbursement& d) {
  const std::string& state = d.logged ? d.logged->state : d.stored ? d.stored->state : "unknown";
  return "Disbursement " + std::to_string(id) + " (" + state + ")";
}

}  // namespace

Totals totals_of(std::uint64_t initial, std::span<const BalanceRow> rows) {
  Totals out;
  out.initial = initial;
  for (const BalanceRow& row : rows) {
    if (row.event == "executed") {
      out.executed -= row.delta;
    } else if (row.event == "cancelled") {
      out.cancelled += row.delta;
    } else {
      out.accrued += row.delta;
    }
  }
  return out;
}

void Audit::add(Finding finding) {
  if (findings.size() < kMaxFindings) {
    findings.push_back(std::move(finding));
  } else {
    ++more;
  }
}

std::string grouped(Wide number) {
  const bool negative = number < 0;
  Wide rest = negative ? -number : number;
  std::string digits;
  do {
    if (digits.size() % 4 == 3) digits.push_back(',');
    digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest > 0);
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string report(const Audit& audit, bool with_investigation) {
  const auto line = [](std::string_view name, Wide amount) {
    return "  " + std::string(name) + ": " + grouped(amount) + " BLOCK";
  };
  const Totals& t = audit.totals;
  if (audit.ok()) {
    std::string out = "test settlement_audit ... ok\n\nLedger conservation verified:\n";
    out += line("Initial balance", t.initial) + "\n" + line("Accruals", t.accrued) + "\n" +
           line("Executed disbursements", t.executed) + "\n";
    if (t.cancelled != 0) out += line("Rollback compensations", t.cancelled) + "\n";
    return out + line("Final balance", audit.actual);
  }
  const Wide expected = t.expected();
  const Wide by = expected > audit.actual ? expected - audit.actual : audit.actual - expected;
  const Wide tenths = expected <= 0 ? 0 : (by * 1000 + expected / 2) / expected;
  std::string out = "test settlement_audit ... FAILED\n\nAssertion failed:\n";
  out += line("Expected balance", expected) + "\n" + line("Actual balance", audit.actual) + "\n";
  out += line("Discrepancy", by) + " (" + std::to_string(static_cast<std::uint64_t>(tenths / 10)) +
         "." + std::to_string(static_cast<std::uint64_t>(tenths % 10)) + "%)";
  if (!with_investigation || audit.findings.empty()) return out;
  out += "\n\nInvestigation:";
  std::size_t number = 0;
  for (const Finding& finding : audit.findings)
    out += "\n  " + std::to_string(++number) + ". " + finding.subject + ": " + finding.text;
  if (audit.more > 0) out += "\n  and " + std::to_string(audit.more) + " more";
  return out;
}

void Ledger::allocate(const std::string& account, std::uint64_t amount) {
  accounts_[account] += amount;
  issued_ += amount;
}

void Ledger::move(std::string_view from, std::string_view to, std::uint64_t amount) {
  if (from.empty()) {
    issued_ += amount;
  } else {
    std::uint64_t& held = accounts_[std::string(from)];
    if (held < amount && impossible_.empty()) {
      impossible_ = "a move took " + grouped(amount) + " out of account " + std::string(from) +
                    ", which held " + grouped(held);
    }
    held -= std::min(held, amount);
  }
  if (to.empty()) {
    issued_ -= amount;
  } else {
    accounts_[std::string(to)] += amount;
  }
}

std::uint64_t Ledger::balance(std::string_view account) const {
  const auto at = accounts_.find(account);
  return at == accounts_.end() ? 0 : at->second;
}

void compare_accounts(const Ledger& replayed,
                      const std::map<std::string, std::uint64_t, std::less<>>& state,
                      std::uint64_t state_issued, Audit* audit) {
  if (!replayed.impossible().empty()) {
    audit->add({"log",
                replayed.impossible() +
                    ": events are missing from the log, or it belongs to another genesis",
                {}});
  }
  Wide sum = 0;
  const auto check = [&](const std::string& account, std::uint64_t found) {
    const std::uint64_t wanted = replayed.balance(account);
    if (found == wanted) return;
    audit->add({"account " + account,
                "the state says " + grouped(found) +
                    " BLOCK, genesis and the moves in the log "
                    "make " +
                    grouped(wanted) + " (" + difference(found, wanted) +
                    "): its row was changed outside the log",
                {}});
  };
  for (const auto& [account, amount] : state) {
    sum += amount;
    check(account, amount);
  }
  for (const auto& [account, amount] : replayed.accounts()) {
    if (amount > 0 && !state.contains(account)) check(account, 0);
  }
  if (sum != static_cast<Wide>(state_issued)) {
    audit->add({"supply",
                "all accounts and escrows together hold " + grouped(sum) + " BLOCK, issued are " +
                    grouped(state_issued) + " (" + difference(sum, state_issued) + ")",
                {}});
  }
  if (replayed.issued() != static_cast<Wide>(state_issued)) {
    audit->add({"supply",
                "the state says " + grouped(state_issued) +
                    " BLOCK are issued, genesis, mints and "
                    "burns in the log make " +
                    grouped(replayed.issued()) + " (" +
                    difference(state_issued, replayed.issued()) +
                    "): the row of the supply was changed outside the log",
                {}});
  }
}

void check_chain(std::span<const BalanceRow> rows, Audit* audit) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const BalanceRow &before = rows[i - 1], &row = rows[i];
    if (row.id != before.id + 1) {
      audit->add({"balance row " + std::to_string(row.id),
                  "follows row " + std::to_string(before.id) + ": rows are missing",
                  row.disbursement_id});
    } else if (static_cast<Wide>(row.balance) != before.balance + row.delta) {
      audit->add({"balance row " + std::to_string(row.id),
                  "says " + grouped(row.balance) + ", the row before it and its delta make " +
                      grouped(before.balance + row.delta),
                  row.disbursement_id});
    }
  }
}

void check_tariff(std::uint64_t paid, std::span<const BalanceRow> rows, std::uint64_t open,
                  Audit* audit) {
  Wide booked = open;
  for (const BalanceRow& row : rows) {
    if (row.event == "accrual" && row.source == "tariff") booked += row.delta;
  }
  if (booked == static_cast<Wide>(paid)) return;
  audit->add({"tariff",
              "transfers paid " + grouped(paid) + " BLOCK of tariff, the treasury booked " +
                  grouped(booked) + " under that source (" + difference(booked, paid) +
                  "): an accrual was changed outside the log, or carries "
                  "another source",
              {}});
}

namespace {

struct Counts {
  std::size_t executed_rows = 0, refund_rows = 0;
  Wide executed = 0, refunded = 0;
  std::size_t holds = 0, captures = 0, releases = 0;
  std::uint64_t held = 0, captured = 0, released = 0;
  std::string captured_by;
};

std::map<std::uint64_t, Counts> count(std::span<const BalanceRow> rows,
                                      std::span<const EscrowMove> moves) {
  std::map<std::uint64_t, Counts> out;
  for (const BalanceRow& row : rows) {
    if (!row.disbursement_id) continue;
    Counts& c = out[*row.disbursement_id];
    if (row.event == "executed") {
      ++c.executed_rows;
      c.executed -= row.delta;
    } else if (row.event == "cancelled" && row.delta > 0) {
      ++c.refund_rows;
      c.refunded += row.delta;
    }
  }
  for (const EscrowMove& move : moves) {
    Counts& c = out[move.disbursement_id];
    if (move.kind == "hold") {
      ++c.holds;
      c.held += move.amount;
    } else if (move.kind == "capture") {
      ++c.captures;
      c.captured += move.amount;
      c.captured_by = move.to;
    } else if (move.kind == "release") {
      ++c.releases;
      c.released += move.amount;
    }
  }
  return out;
}

// `what`: "hold", in the words of the report.
std::string wants(std::size_t wanted, std::size_t found, std::uint64_t amount, std::uint64_t moved,
                  std::string_view what) {
  if (found != wanted) {
    return "the log has " + std::to_string(found) + " ledger moves of kind " + std::string(what) +
           " for it, " + std::to_string(wanted) + " should be there";
  }
  if (wanted == 1 && moved != amount) {
    return "the ledger's " + std::string(what) + " moved " + grouped(moved) +
           " BLOCK, its amount is " + grouped(amount);
  }
  return {};
}

// What the log must say of a record in this state.
void check_moves(std::uint64_t id, const Disbursement& d, const Counts& c, Audit* audit) {
  const Payment& p = *d.logged;
  const auto find = [&](const std::string& text) {
    if (!text.empty()) audit->add({name_of(id, d), text, id});
  };
  const bool left = p.state == "executed" || p.state == "finalized" || p.was_executed;
  const bool back = p.state == "rolled_back" && p.was_executed;
  find(wants(left ? 1 : 0, c.holds, p.amount, c.held, "hold"));
  find(wants(p.state == "finalized" ? 1 : 0, c.captures, p.amount, c.captured, "capture"));
  find(wants(back ? 1 : 0, c.releases, p.amount, c.released, "release"));
  if (p.state == "finalized" && c.captures == 1 && c.captured_by != p.destination)
    find("its money went to " + c.captured_by + ", its destination is " + p.destination);
  if (c.executed_rows != (left ? 1u : 0u) || (left && c.executed != p.amount)) {
    find("the treasury's history has " + std::to_string(c.executed_rows) +
         " executed rows for it with " + grouped(c.executed) + " BLOCK, " +
         (left ? "one with " + grouped(p.amount) : "none") + " should be there");
  }
  if (c.refund_rows != (back ? 1u : 0u) || (back && c.refunded != p.amount)) {
    find("the treasury's history has " + std::to_string(c.refund_rows) +
         " rows that give money back for it, " + (back ? "one" : "none") + " should be there");
  }
  if (left && !back && p.has_receipts && p.receipts_sum != p.amount) {
    find("its receipts sum to " + grouped(p.receipts_sum) + " BLOCK, its amount is " +
         grouped(p.amount));
  }
}

void compare_records(std::uint64_t id, const Disbursement& d, Audit* audit) {
  const auto find = [&](std::string text) { audit->add({name_of(id, d), std::move(text), id}); };
  if (!d.logged)
    return find(
        "the state has a record of it, the log has none: it was written "
        "outside the log");
  if (!d.stored) return find("the log has a record of it, the state has none: its row is lost");
  const Payment &log = *d.logged, &state = *d.stored;
  if (state.amount != log.amount) {
    return find("the state says an amount of " + grouped(state.amount) + " BLOCK, the log " +
                grouped(log.amount) + " (" + difference(state.amount, log.amount) +
                "): its row was changed outside the log");
  }
  if (state.state != log.state)
    return find("the state says " + state.state + ", the log " + log.state);
  if (state.destination != log.destination) {
    return find("the state says destination " + state.destination + ", the log " + log.destination);
  }
  if (state.record != log.record)
    find(
        "its record in the state differs from the one in the log: its row was changed outside "
        "the log");
}

}  // namespace

void check_disbursements(const std::map<std::uint64_t, Disbursement>& disbursements,
                         std::span<const BalanceRow> rows, std::span<const EscrowMove> moves,
                         Audit* audit) {
  std::map<std::uint64_t, Counts> counts = count(rows, moves);
  for (const auto& [id, d] : disbursements) {
    compare_records(id, d, audit);
    if (d.logged) check_moves(id, d, counts[id], audit);
    const bool keeps = d.stored && d.stored->state == "executed";
    const std::uint64_t wanted = keeps ? d.stored->amount : 0;
    if (d.escrowed.value_or(0) != wanted) {
      audit->add({name_of(id, d),
                  "treasury/pending keeps " + grouped(d.escrowed.value_or(0)) + " BLOCK for it, " +
                      grouped(wanted) + " should be there",
                  id});
    }
    counts.erase(id);
  }
  for (const auto& [id, c] : counts) {
    if (c.executed_rows + c.refund_rows + c.holds + c.captures + c.releases == 0) continue;
    audit->add({"Disbursement " + std::to_string(id),
                "money moved for it, and neither log nor state has a record of it", id});
  }
}

void check_treasury(const TreasuryState& s, Audit* audit) {
  const auto compare = [&](std::string_view what, Wide found, std::string_view with, Wide wanted) {
    if (found == wanted) return;
    audit->add({"treasury",
                std::string(what) + " is " + grouped(found) + " BLOCK, " + std::string(with) + " " +
                    grouped(wanted) + " (" + difference(found, wanted) + ")",
                {}});
  };
  compare("its own balance", s.own_balance, "the ledger's account treasury holds",
          s.ledger_balance);
  compare("its own balance", s.own_balance, "its newest balance row and open accruals make",
          static_cast<Wide>(s.newest_row) + s.open_accruals);
  compare("the sum that it keeps for executed disbursements", s.escrowed,
          "the ledger's account treasury/pending holds", s.ledger_pending);
}

}  // namespace gov
