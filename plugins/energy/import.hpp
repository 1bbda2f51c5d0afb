// What the market does with rows that came from a mirror. [machine]
#pragma once

#include <tb/sdk.hpp>

#include "plugins/energy/state.hpp"

namespace energy {

// Heights in the rows stay as they are: the state's height goes on from that of the mirror, so that
// ages, expiry and due blocks do. In ledger mode stakes are money that this chain has never seen:
// such a market is refused.
tb::Status take_import(tb::Ctx& ctx, tb::Migration& import);

}  // namespace energy
