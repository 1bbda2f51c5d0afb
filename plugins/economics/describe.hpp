// The parts of the declaration that have no handlers next to them. Used while the library loads.
#pragma once

#include <tb/sdk.hpp>

namespace economics {

void describe_params(tb::Plugin& p);
void describe_metrics(tb::Plugin& p);
void describe_monitoring(tb::Plugin& p);  // alerts and panels

}  // namespace economics
