// What the open epoch has spent, by destination and in sum: what a voted policy measures. [machine]
//
// An execution counts in the epoch in which it was made; one that is taken back in the same epoch
// does not count any more. Rows of older epochs are erased, kMaxPruned in a hook.
#pragma once

#include "plugins/treasury/state.hpp"

namespace treasury {

inline constexpr std::uint32_t kMaxPruned = 1000;

// With an empty destination: the sum of the epoch.
std::uint64_t spent_in(tb::View& view, std::uint64_t epoch, std::string_view destination = {});
void note_spent(tb::Ctx& ctx, std::string_view destination, std::uint64_t amount);
void take_back_spent(tb::Ctx& ctx, std::uint64_t executed_epoch, std::string_view destination,
                     std::uint64_t amount);
void prune_spent(tb::Ctx& ctx, std::uint64_t open_epoch);

}  // namespace treasury
