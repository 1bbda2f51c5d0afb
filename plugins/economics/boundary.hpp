// The end of an epoch: the control laws and everything that follows from them (economics spec 7).
// [machine]
#pragma once

#include <tb/sdk.hpp>

namespace economics {

tb::Status close_epoch(tb::Ctx& ctx);

// Parameters that have to fit each other, and those of the genesis, which never change.
tb::Status check_params(tb::Ctx& ctx, const tb::ParamChanges& changes);

}  // namespace economics
