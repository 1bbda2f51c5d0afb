#include "plugins/treasury/audit_state.hpp"

#include "plugins/treasury/audit_log.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

constexpr std::uint32_t kStatePage = 1000;

// fn(key behind the prefix, row) for every row with the prefix, a page at a time.
template <class Fn>
void each_row(tb::View& view, std::string_view prefix, Fn&& fn) {
  std::string after;
  std::uint32_t rows = kStatePage;
  while (rows == kStatePage && !view.aborted()) {
    rows = view.scan(prefix, after, kStatePage, [&](std::string_view key, std::string_view row) {
      after.assign(key);
      fn(key.substr(prefix.size()), row);
    });
  }
}

std::uint64_t id_of(std::string_view bytes) {
  std::uint64_t id = 0;
  for (char byte : bytes.substr(0, 8)) id = id << 8 | static_cast<unsigned char>(byte);
  return id;
}

gov::Payment payment_of(const Record& record, const Progress& progress) {
  gov::Payment out;
  out.state = gov::state_name(progress.at());
  out.destination = record.destination;
  out.amount = record.amount;
  out.was_executed = !progress.tx_hash.empty();
  out.has_receipts = !progress.receipts.empty();
  RestText rest;
  rest.put(record.proposer).put(record.memo).put(record.scheduled_epoch);
  rest.put(record.title).put(record.summary);
  for (std::uint64_t dep : progress.deps) rest.put(dep);
  for (const Receipt& receipt : progress.receipts) {
    out.receipts_sum += receipt.amount;
    rest.put(receipt.account).put(receipt.amount);
  }
  for (const TimelineEntry& entry : progress.timeline) rest.put(entry.state).put(entry.height);
  out.record = rest.take();
  return out;
}

void read_accounts(tb::View& view, AuditState* state) {
  std::string after;
  for (std::size_t rows = kAccountPage; rows == kAccountPage && !view.aborted();) {
    const std::vector<AccountRow> page = ledger_accounts(view, after);
    for (const AccountRow& row : page) state->accounts[row.account] = row.amount;
    rows = page.size();
    if (rows > 0) after = page.back().account;
  }
  state->issued = ledger_issued(view);
}

void read_records(tb::View& view, std::string_view records, bool archived, AuditState* state) {
  each_row(view, records, [&](std::string_view key, std::string_view row) {
    const std::uint64_t id = id_of(key);
    const auto progress =
        view.load<Progress>(archived ? archived_progress_key(id) : progress_key(id));
    if (!progress) return;  // the log has the record: it is found missing
    state->disbursements[id] = {payment_of(tb::row_as<Record>(row), *progress), progress->amount};
  });
}

}  // namespace

void read_audit_state(tb::View& view, AuditState* state) {
  state->height = view.height();
  state->epoch = view.epoch();
  state->epoch_length = view.block().epoch_length;
  read_accounts(view, state);
  read_records(view, kRecords, false, state);
  read_records(view, kArchivedRecords, true, state);
  gov::TreasuryState& figures = state->treasury;
  figures.own_balance = view.load<Balance>(kBalanceKey).value_or(Balance{}).amount;
  state->newest_row = view.load<BalanceRow>(kNewestRowKey);
  if (state->newest_row) figures.newest_row = state->newest_row->balance;
  each_row(view, kAccruals, [&](std::string_view source, std::string_view row) {
    const std::uint64_t amount = tb::row_as<Accrual>(row).amount;
    figures.open_accruals += amount;
    if (source == "tariff") state->open_tariff = amount;
  });
  each_row(view, kEscrowed, [&](std::string_view key, std::string_view row) {
    const std::uint64_t amount = tb::row_as<Escrowed>(row).amount;
    state->escrowed[id_of(key)] = amount;
    figures.escrowed += amount;
  });
  const auto held = [&](std::string_view account) {
    const auto at = state->accounts.find(account);
    return at == state->accounts.end() ? 0 : at->second;
  };
  figures.ledger_balance = held(kAccount);
  figures.ledger_pending = held(kPendingAccount);
}

}  // namespace treasury
