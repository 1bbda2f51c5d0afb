// Service ledger/1: money for other plugins (governance-treasury spec 5.18). [machine]
//
// A plugin may debit the account that sent the command, its own system accounts, and an account for
// whose owner's consent it vouches with `consented`: checking that consent is the calling plugin's
// responsibility, by a rule of its own (a buyer whom an admin settles for, an order that was
// signed). Consent never opens the escrow of another plugin.
#pragma once

#include <tb/plugin.hpp>

namespace ledger {

void describe_service(tb::Plugin& p);

}  // namespace ledger
