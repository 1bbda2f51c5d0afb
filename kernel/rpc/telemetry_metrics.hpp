// Series of the pool's choices, of remote signers and of the workers (node-and-cli spec section 8).
// All functions from any thread; update() only while metrics are rendered.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernel/chain/mempool.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

struct TelemetryMetrics {
  MetricFamily *fee_warnings, *fee_overrides, *industrial_rejected, *signer_errors, *mode;
  Counter *ttl_drops, *startup_ttl_drops, *evictions, *orphans, *drops_not_found;
  Counter *industrial_deferred, *industrial_admitted;
  Counter *discoveries, *discovered, *signer_requests, *signer_successes, *signer_rotations;
  Gauge *consumer_p50, *consumer_p90, *pending_tasks;
  Histogram *signer_latency, *spawn_latency;

  static Result<TelemetryMetrics> declare(MetricRegistry& registry);
  // What the pool holds and has dropped. `comfort_p90` 0: no comfort guard.
  void update(const Mempool& pool, std::uint64_t comfort_p90, std::size_t waiting_tasks) const;
  // A command of the industrial lane was refused under `word`.
  void industrial_refused(std::string_view word, bool by_comfort_guard) const;
};

}  // namespace blockd
