// gov.rollback, gov.rollback_last, gov.rollback_release: what came into force is taken back inside
// its window (spec 5.4, 5.7). [machine]
//
// Only the keys that the proposal changed return, to the values that they had; a key that was set
// again since refuses the rollback.
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

void describe_rollback(tb::Plugin& p);

}  // namespace governance
