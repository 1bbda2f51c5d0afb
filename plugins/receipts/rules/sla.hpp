// The proof latency budget of a compute job (receipts spec 6.8), for the compute market. Pure.
// [any]
#pragma once

#include <cstdint>
#include <span>

namespace receipts {

inline constexpr const char* kLatencyBudgetReason = "proof_latency_budget";

struct SlaOutcome {
  bool violated = false;
  std::uint64_t burned = 0;
  std::uint64_t refunded = 0;
  bool slash_receipt = false;
};
// A budget of 0 switches the rule off.
SlaOutcome judge_latency(std::span<const std::uint64_t> proof_latencies_ms, std::uint64_t budget_ms,
                         std::uint64_t provider_bond, std::uint64_t consumer_bond);

}  // namespace receipts
