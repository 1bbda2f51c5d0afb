// Houses, members and roles. [machine] [face]
//
// A member's weight has a history, so that a vote counts by the weight at the height where it was
// opened. A change made in block h counts from h + 1 on. Invariant: the newest total of a house is
// the sum of the newest weights of its members, and at most 2^63.
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

struct Weights {
  std::uint64_t operators = 0, builders = 0;
};

bool is_house(std::string_view name);
std::uint64_t weight_at(tb::View& view, std::string_view house, std::string_view account,
                        std::uint64_t height);
std::uint64_t total_at(tb::View& view, std::string_view house, std::uint64_t height);
Weights weights_at(tb::View& view, std::string_view account, std::uint64_t height);
Weights totals_at(tb::View& view, std::uint64_t height);

Refused check_member(tb::View& view, const HousePayload& change);
// In force from `since` on.
void set_member(tb::Ctx& ctx, const HousePayload& change, std::uint64_t since,
                std::string_view source);

// A badge was issued or revoked: with governance.badge_membership its holder is a member of the
// operators with weight 1 for as long as it is held. Who is a member by genesis or by vote stays
// what he is.
Refused take_badge(tb::Ctx& ctx, std::string_view account, bool held);

// Houses, roles and key sets of block 0.
tb::Status write_genesis(tb::Ctx& ctx, std::span<const tb::Allocation> accounts);

void describe_houses(tb::Plugin& p);

}  // namespace governance
