// Disputes: flagging freezes a credit, resolving frees it or slashes its provider. [machine]
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

struct FlagParams {
  std::string_view meter_hash, reason;
  std::string_view reporter = "anonymous";
};
BOOST_DESCRIBE_STRUCT(FlagParams, (), (meter_hash, reason, reporter))

struct ResolveParams {
  std::uint64_t dispute_id = 0;
  std::string_view resolver = "system";
  std::optional<std::string_view> resolution_note;
  std::string_view outcome = "resolved";
};
BOOST_DESCRIBE_STRUCT(ResolveParams, (), (dispute_id, resolver, resolution_note, outcome))

Result<Dispute> flag_dispute(Market& market, const FlagParams& in);
Result<Dispute> resolve_dispute(Market& market, const ResolveParams& in);

std::string_view outcome_name(DisputeOutcome outcome);

}  // namespace energy
