// What happens in every block: the counters of the epoch, usage subsidies and the coinbase
// (economics spec 6.7, 6.8, 7). [machine]
#pragma once

#include <tb/sdk.hpp>

namespace economics {

// Writes the first state where there is none: in block 1, or where the plugin was added.
tb::Status begin_block(tb::Ctx& ctx);
tb::Status end_block(tb::Ctx& ctx);

}  // namespace economics
