// Releases: builds that the houses approve, and the roster switches that some of them ask for (spec
// 5.7). [machine]
//
// A release that only names a build is approved at the boundary and done. One that names another
// state machine waits for its activation epoch: at the boundary before it the switch is handed to
// the kernel, which makes it the first step of the next block, and in that block governance looks
// whether the roster shows it.
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

// At the tally: approved, or refused.
Refused approve(tb::Ctx& ctx, const Proposal& proposal, std::uint64_t epoch);
void refuse_release(tb::Ctx& ctx, const Proposal& proposal, gov::Verdict verdict);
// At a boundary: hands the switches of epoch `boundary` to the kernel. In the next block: looks.
void switch_releases(tb::Ctx& ctx, std::uint64_t boundary);
void finish_switches(tb::Ctx& ctx);
Refused roll_back_release(tb::Ctx& ctx, const Proposal& proposal);

void describe_releases(tb::Plugin& p);
void describe_release_queries(tb::Plugin& p);

}  // namespace governance
