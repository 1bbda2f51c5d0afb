// Service economics/1: what market plugins report, claim and ask (economics spec 5). [machine]
#pragma once

#include <tb/plugin.hpp>

namespace economics {

void describe_service(tb::Plugin& p);

}  // namespace economics
