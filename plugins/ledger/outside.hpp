// What the ledger asks of others: whose an escrow is and which switches are set (chain/1, the
// kernel's), and who is known by name (kyc/1, where the roster has it). [machine] [face]
#pragma once

#include <tb/plugin.hpp>

#include "plugins/ledger/errors.hpp"
#include "plugins/ledger/state.hpp"

namespace ledger {

// The plugin that alone takes money out of `account`: the one that declares its prefix, else the
// one whose id the prefix is. Empty: an ordinary account. `plugin` is who asks, and may be empty: a
// prefix that is its id needs no question, since the kernel lets nobody else declare it.
std::string owner_of(tb::View& view, std::string_view account, std::string_view plugin = {});

// True if kyc/1 marks the account as verified; false where no plugin provides it.
// Errors: those of kyc/1.
tb::Status ask_verified(tb::Ctx& ctx, std::string_view account, bool* verified);

// Refuses with safe_mode while governance holds the ledger there; asked for transfers and holds of
// commands only, so that nothing is stranded.
tb::Status check_safe_mode(tb::Ctx& ctx);

void describe_required(tb::Plugin& p);

}  // namespace ledger
