// The series that tell how long the executor stood still.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "kernel/base/status.hpp"

namespace blockd {

class MetricRegistry;

// chain_apply_pause_seconds{cause} and chain_apply_pause_longest_seconds; what it returns is told
// each pause, on one thread, and lives as long as the registry.
Result<std::function<void(std::string_view cause, std::uint64_t us)>> pause_metrics(
    MetricRegistry& registry);

}  // namespace blockd
