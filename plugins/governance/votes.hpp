// Votes: ballot boxes of proposals, and of the treasury's disbursements. [machine]
//
// A box is opened at a height; who was a member after that block may vote, with the weight of then,
// until the box's deadline. A later vote of the same account replaces the earlier one. The box
// holds the sums, so that counting costs nothing.
#pragma once

#include "plugins/governance/houses.hpp"

namespace governance {

struct Cast {
  std::string_view kind;  // prop or disb
  std::uint64_t id = 0;
  std::string_view voter, choice;
};
Refused cast_vote(tb::Ctx& ctx, const Cast& cast, Weights* weights);

void describe_votes(tb::Plugin& p);

}  // namespace governance
