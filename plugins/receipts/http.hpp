// Routes of the explorer tables (receipts spec 9). [worker]
#pragma once

#include <tb/plugin.hpp>

namespace receipts {

void describe_http(tb::Plugin& p);

}  // namespace receipts
