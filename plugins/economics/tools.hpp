// The local methods economics.replay and economics.simulate. [face]
#pragma once

#include <tb/plugin.hpp>

namespace economics {

void describe_tools(tb::Plugin& p);

}  // namespace economics
