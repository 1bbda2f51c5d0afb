// gov.propose, gov.energy_settlement: proposals that change parameters. [machine]
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

// The keys that an energy settlement change sets together, in this order.
inline constexpr std::string_view kModeKey = "energy_settlement_mode";
inline constexpr std::string_view kQuorumKey = "energy_settlement_quorum_ppm";
inline constexpr std::string_view kExpiryKey = "energy_settlement_expiry_blocks";

void describe_propose(tb::Plugin& p);
void describe_settlement(tb::Plugin& p);

}  // namespace governance
