// The record of a change of the energy market's settlement mode. [machine]
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

// Key and value of the three parameters that the change sets.
std::vector<std::pair<std::string_view, std::uint64_t>> settlement_values(
    const SettlementPayload& payload);

// Called when the proposal has come into force, and when it was rolled back.
void record_settlement(tb::Ctx& ctx, const Proposal& proposal, const SettlementPayload& asked);
void take_back_settlement(tb::Ctx& ctx, const Proposal& proposal);

}  // namespace governance
