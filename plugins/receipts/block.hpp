// The end of a block: pending receipts are placed, sealed and counted (receipts spec 6.4 to 6.7).
// [machine]
#pragma once

#include "plugins/receipts/store.hpp"

namespace receipts {

tb::Status end_block(tb::Ctx& ctx);
// Closes the totals of the epoch.
tb::Status end_epoch(tb::Ctx& ctx);

}  // namespace receipts
