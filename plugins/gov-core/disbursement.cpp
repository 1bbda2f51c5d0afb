#include "plugins/gov-core/disbursement.hpp"

#include "plugins/gov-core/text.hpp"

namespace gov {
namespace {

struct Names {
  std::string_view name, label;
};
constexpr Names kStateNames[kStates] = {
    {"draft", "Draft"},
    {"voting", "Voting"},
    {"queued", "Queued"},
    {"timelocked", "Timelocked"},
    {"executed", "Executed"},
    {"finalized", "Finalized"},
    {"rolled_back", "RolledBack"},
};

// Epochs beyond u64 never come; the end stands for them.
std::uint64_t later(std::uint64_t epoch, std::uint64_t by) {
  return by > kNever - epoch ? kNever : epoch + by;
}

Step refused(const Progress& now, std::string_view error) { return {error, false, {}, now}; }

Step moved(Progress next, State state) {
  next.state = state;
  return {{}, true, {}, next};
}

Step close_vote(const Progress& now, const Windows& windows, Verdict verdict, std::uint64_t epoch) {
  if (epoch < now.vote_deadline_epoch) return refused(now, "vote_window_open");
  Progress next = now;
  if (verdict != Verdict::kPassed) {
    Step step = moved(next, State::kRolledBack);
    step.reason = verdict_name(verdict);
    return step;
  }
  next.activation_epoch = later(epoch, windows.timelock_epochs);
  return moved(next, State::kQueued);
}

bool window_over(const Progress& now, const Windows& windows, std::uint64_t epoch) {
  return epoch > later(now.executed_epoch, windows.rollback_epochs);
}

}  // namespace

std::string_view state_name(State state) {
  return kStateNames[static_cast<std::size_t>(state)].name;
}
std::string_view state_label(State state) {
  return kStateNames[static_cast<std::size_t>(state)].label;
}
bool is_terminal(State state) { return state == State::kFinalized || state == State::kRolledBack; }

Step advance(const Progress& now, const Windows& windows, Verdict verdict, std::uint64_t epoch) {
  Progress next = now;
  switch (now.state) {
    case State::kDraft:
      next.vote_deadline_epoch = later(epoch, windows.vote_epochs);
      return moved(next, State::kVoting);
    case State::kVoting:
      return close_vote(now, windows, verdict, epoch);
    case State::kQueued:
      if (epoch < now.activation_epoch) return refused(now, "timelock_active");
      next.ready_epoch = epoch;
      return moved(next, State::kTimelocked);
    case State::kExecuted:
      if (window_over(now, windows, epoch)) return moved(next, State::kFinalized);
      return refused(now, {});
    case State::kTimelocked:
    case State::kFinalized:
    case State::kRolledBack:
      break;
  }
  return refused(now, {});
}

std::uint64_t due_epoch(const Progress& now, const Windows& windows, std::uint64_t epoch) {
  switch (now.state) {
    case State::kDraft:
      return later(epoch, 1);
    case State::kVoting:
      return now.vote_deadline_epoch;
    case State::kQueued:
      return now.activation_epoch;
    case State::kExecuted:
      return later(later(now.executed_epoch, windows.rollback_epochs), 1);
    case State::kTimelocked:
    case State::kFinalized:
    case State::kRolledBack:
      break;
  }
  return kNever;
}

Dependency dependency_of(State state) {
  if (state == State::kFinalized) return Dependency::kFinalized;
  return state == State::kRolledBack ? Dependency::kRolledBack : Dependency::kPending;
}

std::string_view check_execution(State state, std::uint64_t scheduled_epoch, std::uint64_t epoch,
                                 std::span<const Dependency> deps, std::uint64_t balance,
                                 std::uint64_t amount) {
  if (state == State::kDraft || state == State::kVoting) return "requires_approval";
  if (state == State::kQueued) return "still_timelocked";
  if (state != State::kTimelocked) return "invalid_state";
  if (scheduled_epoch > epoch) return "not_matured";
  for (Dependency dep : deps) {
    if (dep == Dependency::kMissing) return "dependency_missing";
    if (dep == Dependency::kRolledBack) return "dependency_failed";
    if (dep == Dependency::kPending) return "dependency_pending";
  }
  return balance < amount ? "insufficient_funds" : std::string_view();
}

std::string_view check_rollback(const Progress& now, const Windows& windows, std::uint64_t epoch,
                                std::string_view reason) {
  if (is_blank(reason)) return "empty_reason";
  if (is_terminal(now.state)) return "invalid_state";
  if (now.state == State::kExecuted && window_over(now, windows, epoch))
    return "rollback_window_expired";
  return {};
}

}  // namespace gov
