// Metrics, alerts and panels of the manifest (receipts spec 8 and 10).
#pragma once

#include <tb/plugin.hpp>

namespace receipts {

void describe_metrics(tb::Plugin& p);
void describe_monitoring(tb::Plugin& p);

}  // namespace receipts
