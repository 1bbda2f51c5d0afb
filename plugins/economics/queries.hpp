// Queries of committed state (economics spec 5). [face]
#pragma once

#include <tb/plugin.hpp>

namespace economics {

void describe_queries(tb::Plugin& p);

}  // namespace economics
