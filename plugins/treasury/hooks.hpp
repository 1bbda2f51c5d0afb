// What the treasury does at genesis and in every block, and the service treasury/1. [machine]
#pragma once

#include "plugins/treasury/records.hpp"

namespace treasury {

tb::Status genesis(tb::Ctx& ctx, std::span<const tb::Allocation> accounts);
// Opens the book where genesis did not, writes the rows of the block before, and goes on with what
// the last boundary left.
tb::Status begin_block(tb::Ctx& ctx);
// Takes in what reached the account, shows the gauges, asks for blocks while something waits.
tb::Status end_block(tb::Ctx& ctx);
// Boundary k, in the last block of epoch k - 1.
tb::Status end_epoch(tb::Ctx& ctx);

void describe_service(tb::Plugin& p);

}  // namespace treasury
