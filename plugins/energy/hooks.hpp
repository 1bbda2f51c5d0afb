// What happens by time: capacity periods, expiry, purge, the queue, the sandbox's end, market
// samples, parameters. [machine]
//
// begin_block works in the order of the specification. Everything that may be much shares the
// block's budget of rows for hooks, stops before a piece that no longer fits, and goes on from its
// cursor in the next block.
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

tb::Status begin_block(tb::Ctx& ctx);
tb::Status end_block(tb::Ctx& ctx);
tb::Status end_epoch(tb::Ctx& ctx);
tb::Status check_params(tb::Ctx& ctx, const tb::ParamChanges& changes);
tb::Status params_changed(tb::Ctx& ctx, const tb::ParamChanges& changes);

}  // namespace energy
