// The series that tell how long the executor stood still, and how long the disk took for what it
// did not stand still for.
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

// chain_log_sync_seconds and chain_log_sync_longest_seconds; the same, for each sync of the block
// log.
Result<std::function<void(std::uint64_t us)>> sync_metrics(MetricRegistry& registry);

}  // namespace blockd
