// What queries and the executor see of the state: records that wait for an execution, and why.
// Pure readers of a view. [machine] [face]
#pragma once

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/treasury/records.hpp"

namespace treasury {

inline constexpr std::uint32_t kMaxWaiting = 65'536;  // as many as a genesis lets be open

// A timelocked record whose scheduled epoch has come.
struct Waiting {
  std::uint64_t id = 0, amount = 0;
  std::uint64_t matured_at = 0;
  std::string_view blocked;        // dependency_missing, _failed or _pending; empty: it may execute
  std::uint64_t blocking_dep = 0;  // the first such dependency
};

// In the order of ids; `epoch` is the one that an execution would be in.
std::vector<Waiting> find_waiting(tb::View& view, std::uint64_t epoch);
std::uint64_t count_matured(const std::vector<Waiting>& waiting);

// A cycle among records that are not terminal; empty if there is none. Only imports can make one.
gov::Ids find_pending_cycle(tb::View& view);

// Seconds since the oldest record of a state entered it; 0 for none.
std::uint64_t oldest_age(tb::View& view, gov::State state, std::uint64_t now);

}  // namespace treasury
