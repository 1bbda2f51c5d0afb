// What the block log says about money: every move since the genesis, every balance row of the
// treasury, the newest record of each disbursement. [worker]
//
// Read through the node's own methods (block.genesis, events.list), so that nothing of the state is
// trusted: the audit compares the state with this. A log that does not begin with block 0 cannot
// prove where the money came from, and is refused.
#pragma once

#include <tb/sdk.hpp>

#include "plugins/gov-core/audit.hpp"

namespace treasury {

inline constexpr tb::Error kAuditLog{-32092, "log_incomplete"};

struct AuditLog {
  gov::Ledger ledger;
  std::vector<gov::BalanceRow> rows;
  std::vector<gov::EscrowMove> moves;
  std::map<std::uint64_t, gov::Payment> records;
  // Tariff that transfers paid since the treasury keeps its book. What was paid before came in with
  // the balance that it found.
  std::uint64_t tariff_paid = 0;
  std::map<std::uint64_t, std::uint64_t> tariff_before_rows;  // by height, until the first row
  std::uint64_t treasury_then = 0;  // what the account held in front of block `then_height`
};

struct AuditRange {
  std::uint64_t height = 0;       // of the state that is compared: later blocks are left out
  std::uint64_t then_height = 0;  // first block behind the epochs that were asked for
};
// Errors: log_incomplete.
tb::Status read_audit_log(tb::LocalCall& call, const AuditRange& range, AuditLog* log);

// The members of a record that no rule of its own looks at, as one text: put in the same order for
// the log and for the state.
class RestText {
 public:
  RestText& put(std::string_view text) {
    text_.append(std::to_string(text.size())).append(":").append(text);
    return *this;
  }
  RestText& put(std::uint64_t number) {
    text_.append(std::to_string(number)).append(";");
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace treasury
