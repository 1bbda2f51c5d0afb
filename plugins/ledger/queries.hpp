// What clients ask of the ledger. [worker]
#pragma once

#include <tb/plugin.hpp>

namespace ledger {

void describe_queries(tb::Plugin& p);

}  // namespace ledger
