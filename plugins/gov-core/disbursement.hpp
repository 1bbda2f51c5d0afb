// The life of a disbursement: draft, voting, queued, timelocked, executed, finalized; or rolled
// back.
//
// advance() is what the boundary of an epoch does to one record, and what an operator may ask for
// in between; execution and rollback are commands, their conditions stand in check_execution() and
// check_rollback(). Errors are names, empty where there is none. Pure: who calls moves the money.
// Spec: 5.12, 5.13, 6.3, 6.4.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "plugins/gov-core/tally.hpp"

namespace gov {

enum class State : std::uint8_t {
  kDraft,
  kVoting,
  kQueued,
  kTimelocked,
  kExecuted,
  kFinalized,
  kRolledBack,
};
inline constexpr std::size_t kStates = 7;

std::string_view state_name(State state);   // "rolled_back"
std::string_view state_label(State state);  // "RolledBack"
bool is_terminal(State state);

// What the vote decided about time.
struct Windows {
  std::uint64_t vote_epochs = 4, timelock_epochs = 2, rollback_epochs = 1;
};

// Where a record stands; the epochs mean something in the states that the spec names.
struct Progress {
  State state = State::kDraft;
  std::uint64_t vote_deadline_epoch = 0, activation_epoch = 0, ready_epoch = 0, executed_epoch = 0;
};

struct Step {
  std::string_view error;   // vote_window_open or timelock_active: nothing changed
  bool changed = false;     // `next` is another state
  std::string_view reason;  // of a rolled back record
  Progress next;
};

// One transition of `now` at `epoch`. The verdict counts only where the vote ends.
Step advance(const Progress& now, const Windows& windows, Verdict verdict, std::uint64_t epoch);

// The boundary at which advance() has something to do with a record that got into its state in
// `epoch`, so that an index by epochs suffices; kNever for states that no boundary moves.
inline constexpr std::uint64_t kNever = ~std::uint64_t{0};
std::uint64_t due_epoch(const Progress& now, const Windows& windows, std::uint64_t epoch);

enum class Dependency : std::uint8_t { kFinalized, kMissing, kRolledBack, kPending };
Dependency dependency_of(State state);

// requires_approval, still_timelocked, invalid_state, not_matured, dependency_missing,
// dependency_failed, dependency_pending, insufficient_funds; the first that holds, dependencies in
// their order.
std::string_view check_execution(State state, std::uint64_t scheduled_epoch, std::uint64_t epoch,
                                 std::span<const Dependency> deps, std::uint64_t balance,
                                 std::uint64_t amount);

// empty_reason, invalid_state, rollback_window_expired.
std::string_view check_rollback(const Progress& now, const Windows& windows, std::uint64_t epoch,
                                std::string_view reason);

}  // namespace gov
