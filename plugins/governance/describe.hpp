// Events, metrics, parameters, alerts and panels of the manifest.
#pragma once

#include <tb/plugin.hpp>

namespace governance {

void describe_events(tb::Plugin& p);
void describe_metrics(tb::Plugin& p);
void describe_own_params(tb::Plugin& p);
void describe_monitoring(tb::Plugin& p);

}  // namespace governance
