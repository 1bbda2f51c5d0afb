// The settlement audit: does the money in the state follow from what the log says happened?
//
// The caller replays the log into a Ledger (every move from the genesis allocation on), a Book (the
// treasury's balance rows) and the newest record of each disbursement, reads the same things from
// the state, and hands both over. The audit compares them and says what differs, whose it is, and
// what probably happened. Nothing of the state is trusted: it is what is being checked.
//
// Pure; no finding is ever dropped silently: beyond kMaxFindings one line says how many more there
// are. Spec: 3.3 (1 to 4), 6.6.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gov {

__extension__ typedef __int128 Wide;

inline constexpr std::size_t kMaxFindings = 1000;

// One balance row: accrual, queued, executed or cancelled.
struct BalanceRow {
  std::uint64_t id = 0, balance = 0;
  Wide delta = 0;
  std::uint64_t height = 0;
  std::string event;
  std::optional<std::uint64_t> disbursement_id;
  std::string source = {};  // of an accrual
};

// The first line of the report: what came in, what went out, what should be there.
struct Totals {
  std::uint64_t initial = 0;
  Wide accrued = 0, executed = 0, cancelled = 0;
  Wide expected() const { return initial + accrued - executed + cancelled; }
};
Totals totals_of(std::uint64_t initial, std::span<const BalanceRow> rows);

struct Finding {
  std::string subject;  // "account energy:stakes", "Disbursement 12 (executed)"
  std::string text;     // what differs, and the likely cause
  std::optional<std::uint64_t> disbursement_id;
};

struct Audit {
  Totals totals;
  std::uint64_t actual = 0;
  std::vector<Finding> findings;
  std::size_t more = 0;  // beyond kMaxFindings
  bool ok() const { return findings.empty() && totals.expected() == static_cast<Wide>(actual); }
  void add(Finding finding);
};

// The text that people read; `numbered` false leaves the investigation out.
std::string report(const Audit& audit, bool with_investigation = true);
// "9,500,000".
std::string grouped(Wide number);

// Balances as the moves make them. A move that takes more than there is is a finding.
class Ledger {
 public:
  void allocate(const std::string& account, std::uint64_t amount);
  // An empty `from` is a mint, an empty `to` a burn.
  void move(std::string_view from, std::string_view to, std::uint64_t amount);
  std::uint64_t balance(std::string_view account) const;
  Wide issued() const { return issued_; }
  // The first move that did not fit: "took 5 out of account x, which held 3".
  const std::string& impossible() const { return impossible_; }
  const std::map<std::string, std::uint64_t, std::less<>>& accounts() const { return accounts_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> accounts_;
  Wide issued_ = 0;
  std::string impossible_;
};

// Accounts of the state, ascending, against the replayed ones; the issued supply against both.
void compare_accounts(const Ledger& replayed,
                      const std::map<std::string, std::uint64_t, std::less<>>& state,
                      std::uint64_t state_issued, Audit* audit);

// Rows must chain: each balance is the one before it and its delta.
void check_chain(std::span<const BalanceRow> rows, Audit* audit);

// What transfers paid as tariff, by the ledger's moves, against what the treasury booked under the
// source `tariff`: rows, and `open`, which has no row yet.
void check_tariff(std::uint64_t paid, std::span<const BalanceRow> rows, std::uint64_t open,
                  Audit* audit);

// Moves of treasury/pending for one disbursement (their memo names it).
struct EscrowMove {
  std::string kind;  // hold, capture, release
  std::string from, to;
  std::uint64_t amount = 0, disbursement_id = 0;
};
// One disbursement, as the log and as the state have it; absent: it has none.
struct Payment {
  std::string state, destination;
  std::uint64_t amount = 0;
  std::uint64_t receipts_sum = 0;
  bool has_receipts = false, was_executed = false;  // rolled back after it had been executed
  // All other members of the record in canonical form, to be compared as they are.
  std::string record;
};
struct Disbursement {
  std::optional<Payment> logged, stored;
  std::optional<std::uint64_t> escrowed;  // what the state keeps for it in treasury/pending
};
void check_disbursements(const std::map<std::uint64_t, Disbursement>& disbursements,
                         std::span<const BalanceRow> rows, std::span<const EscrowMove> moves,
                         Audit* audit);

// The treasury's own figures of the state against the ledger's.
struct TreasuryState {
  std::uint64_t own_balance = 0;     // its row
  std::uint64_t newest_row = 0;      // balance of the newest balance row of the state
  std::uint64_t open_accruals = 0;   // not in a row yet
  std::uint64_t escrowed = 0;        // sum over disbursements
  std::uint64_t ledger_balance = 0;  // account treasury
  std::uint64_t ledger_pending = 0;  // account treasury/pending
};
void check_treasury(const TreasuryState& state, Audit* audit);

}  // namespace gov
