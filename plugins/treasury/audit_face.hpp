// settlement.audit: the ledger replayed from the log, compared with the state (governance and
// treasury 5.17, 6.6).
#pragma once

#include <tb/plugin.hpp>

namespace treasury {

void describe_audit(tb::Plugin& p);

}  // namespace treasury
