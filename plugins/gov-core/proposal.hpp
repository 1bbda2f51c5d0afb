// The life of a proposal: open, then passed or rejected at its deadline, then activated or failed,
// then perhaps rolled back.
//
// Votes count until the deadline's epoch begins; a proposal that passed waits for its timelock;
// what was activated may be taken back while its window is open. Pure functions over values. Spec:
// governance and treasury 3.1, 5.2, 5.4, 6.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gov {

enum class ProposalKind : std::uint8_t {
  kParam,
  kEnergySettlement,
  kScript,
  kScriptDisable,
  kHouse,
  kApproval,
  kRelease,
  kKeyset
};
enum class ProposalStatus : std::uint8_t {
  kOpen,
  kPassed,
  kRejected,
  kActivated,
  kFailed,
  kRolledBack
};
enum class Choice : std::uint8_t { kYes, kNo, kAbstain };

std::string_view kind_name(ProposalKind kind);        // "script_disable"
std::string_view status_name(ProposalStatus status);  // "rolled_back"
std::string_view choice_name(Choice choice);
std::optional<Choice> parse_choice(std::string_view text);
std::optional<ProposalStatus> parse_status(std::string_view text);
std::optional<ProposalKind> parse_kind(std::string_view text);

// Whether a vote of epoch `epoch` counts.
inline bool vote_is_open(ProposalStatus status, std::uint64_t epoch, std::uint64_t deadline) {
  return status == ProposalStatus::kOpen && epoch < deadline;
}
// Whether boundary `epoch` decides.
inline bool tally_is_due(ProposalStatus status, std::uint64_t epoch, std::uint64_t deadline) {
  return status == ProposalStatus::kOpen && epoch >= deadline;
}
// The epoch in whose first block a proposal that passed at `tally_epoch` comes into force.
std::uint64_t activation_epoch(std::uint64_t tally_epoch, std::uint32_t timelock_epochs);

inline bool window_is_open(std::uint64_t epoch, std::uint64_t activated_epoch,
                           std::uint64_t window) {
  return epoch <= activated_epoch || epoch - activated_epoch <= window;
}

// "batch", "real_time", "realtime", "real-time", in any case: 0 or 1.
std::optional<std::uint64_t> parse_settlement_mode(std::string_view text);

}  // namespace gov
