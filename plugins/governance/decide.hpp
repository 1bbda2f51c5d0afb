// What happens to proposals without a command: counting at a boundary, activation in the first
// block of an epoch, and the end of rollback windows. [machine]
//
// Every proposal is handled in a savepoint of its own: what goes wrong with one makes it `failed`
// and touches no other. The indexes `due`, `queue` and `window` are the cursors: what does not fit
// into a block's row budget is done in the next block, and counts for the epoch that it was due at.
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

tb::Status on_epoch(tb::Ctx& ctx);      // boundary: the last block of an epoch
tb::Status on_begin(tb::Ctx& ctx);      // what was left over; compares what came into force
tb::Status activate_due(tb::Ctx& ctx);  // params/1.activate

}  // namespace governance
