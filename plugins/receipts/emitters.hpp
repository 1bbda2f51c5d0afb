// Who may hand in receipts and keep the registry: accounts of the keys in the set
// `receipt_emitters`, and admins. The set is governance's where governance runs; elsewhere it is
// the validators of the genesis. [machine]
#pragma once

#include <tb/plugin.hpp>

namespace receipts {

// Fails with not_authorized, naming `what`, unless the sender of the command may.
tb::Status check_emitter(tb::Ctx& ctx, std::string_view what);
// Whether the sender of the command may, read from the same set.
tb::Status is_emitter(tb::Ctx& ctx, bool& out);

void describe_emitters(tb::Plugin& p);

}  // namespace receipts
