// Approvals that other plugins ask for: payloads, and allowances of rewards (spec 5.8). [machine]
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

inline constexpr std::string_view kRewardTopic = "bridge-reward";

tb::Key approval_key(std::string_view topic, std::string_view key);
// Puts an approval in force; one of the same topic and key is replaced.
Refused grant(tb::Ctx& ctx, const ApprovalPayload& payload, std::uint64_t proposal_id);

struct ConsumeArgs {
  std::string_view topic, key, relayer;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(ConsumeArgs, (), (topic, key, relayer, amount))
Refused consume(tb::Ctx& ctx, const ConsumeArgs& args, std::uint64_t* remaining);

void describe_approvals(tb::Plugin& p);

}  // namespace governance
