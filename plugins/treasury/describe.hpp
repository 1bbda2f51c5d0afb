// The parts of the manifest, and what the plugin's contents are made of. Used while the library
// loads.
#pragma once

#include "tb/sdk.hpp"

namespace treasury {

void describe_effects(tb::Plugin& p);     // events, records, parameters
void describe_monitoring(tb::Plugin& p);  // alerts and panels
void describe_face(tb::Plugin& p);        // queries, local methods, executor

}  // namespace treasury
