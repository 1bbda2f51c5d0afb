// Refusals: calls that the node turns away before their plugin hears of them are counted in the
// plugin's own metrics, because that is where its operators look. [any]
//
// The manifest says where: a counter with one label that presets the value "unauthorized" counts
// calls without the role (the manifest's `unauthorized`); the counter <id>_rate_limited_total with
// the label `class` counts those above a limit (its `rate_limited`), by rate class.
#pragma once

#include <string_view>

#include "kernel/manifest/manifest.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

void count_unauthorized(const MetricRegistry& metrics, const Manifest& manifest);
void count_rate_limited(const MetricRegistry& metrics, const Manifest& manifest,
                        std::string_view rate_class);

}  // namespace blockd
