// Commands of the provider registry (receipts spec 5.4). [machine]
//
// The authority is the role admin. A provider may announce itself with a proof, the signature of
// the new key over its id.
#pragma once

#include <tb/plugin.hpp>

namespace receipts {

void describe_providers(tb::Plugin& p);

}  // namespace receipts
