// What the state says about money, all of one height: what the audit does not trust. [worker]
#pragma once

#include "plugins/gov-core/audit.hpp"
#include "plugins/treasury/state.hpp"

namespace treasury {

struct AuditState {
  std::uint64_t height = 0, epoch = 0, epoch_length = 0;
  std::map<std::string, std::uint64_t, std::less<>> accounts;
  std::uint64_t issued = 0;
  gov::TreasuryState treasury;
  std::uint64_t open_tariff = 0;  // the part of treasury.open_accruals with that source
  std::optional<BalanceRow> newest_row;
  struct Stored {
    gov::Payment payment;
    std::uint64_t progress_amount = 0;  // kept a second time, for the boundary
  };
  std::map<std::uint64_t, Stored> disbursements;
  std::map<std::uint64_t, std::uint64_t> escrowed;  // by disbursement
};

void read_audit_state(tb::View& view, AuditState* state);

}  // namespace treasury
