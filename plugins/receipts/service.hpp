// Service receipts/1: how market plugins leave receipts in blocks (receipts spec 5.1). [machine]
#pragma once

#include <tb/plugin.hpp>

namespace receipts {

void describe_service(tb::Plugin& p);

}  // namespace receipts
