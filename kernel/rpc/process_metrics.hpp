// What the process costs the machine, how far finality is behind, and how fast the status listener
// answers. All functions from any thread; update() only while metrics are rendered.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/metrics/registry.hpp"

namespace blockd {

struct ProcessMetrics {
  MetricFamily *api_latency, *disk_bytes;
  Counter *blocks, *cpu_seconds;
  Gauge *finality_lag, *resident_bytes;

  static Result<ProcessMetrics> declare(MetricRegistry& registry);
  // Reads what the system says of this process. `lag`: blocks that are not final.
  void update(std::uint64_t lag) const;
  // A request on the status listener was answered. Unknown methods are counted as "other".
  void answered(std::string_view method, int status, std::uint64_t us) const;
};

}  // namespace blockd
