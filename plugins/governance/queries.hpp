// Queries that state alone answers. [face]
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

// A proposal with its payload and its ballot box.
void put_proposal(tb::View& view, const Proposal& proposal, tb::Out& out);

void describe_queries(tb::Plugin& p);

}  // namespace governance
