#include "plugins/receipts/rules/sla.hpp"

#include <algorithm>

namespace receipts {

SlaOutcome judge_latency(std::span<const std::uint64_t> proof_latencies_ms, std::uint64_t budget_ms,
                         std::uint64_t provider_bond, std::uint64_t consumer_bond) {
  const bool late = std::any_of(proof_latencies_ms.begin(), proof_latencies_ms.end(),
                                [&](std::uint64_t latency) { return latency > budget_ms; });
  if (budget_ms == 0 || !late) return {};
  return {true, provider_bond, consumer_bond, provider_bond > 0};
}

}  // namespace receipts
