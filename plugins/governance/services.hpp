// What governance offers to other plugins and to the kernel: params/1, roles/1, gov/1, scripts/1.
// [machine]
#pragma once

#include <tb/plugin.hpp>

namespace governance {

// Slots of what it needs, and the services that it provides.
void describe_services(tb::Plugin& p);

}  // namespace governance
