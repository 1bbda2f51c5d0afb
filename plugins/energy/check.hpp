// energy.check: the invariants of state.hpp, over the real market as of one view. [face]
//
// I8 speaks of how rows change and is held by the tests; everything else is read off the rows. A
// walk that is cut by kMaxWalked says "complete": false and checks no sum over it.
#pragma once

#include <tb/sdk.hpp>

namespace energy {

void describe_check(tb::Plugin& p);

}  // namespace energy
