// Commands: how a rule's answer becomes an outcome, in the real market and in rehearsal, and what
// each command declares. [machine]
//
// While the gate is closed a gated command runs on the sandbox, is answered with Rehearsal and what
// would have been, and leaves only the sandbox's rows: it is charged, so everything else that it
// did is taken back first.
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

// The commands of the manifest, in their order.
void describe_commands(tb::Plugin& p);

}  // namespace energy
