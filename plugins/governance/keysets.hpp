// Replicated sets of public keys: who signs releases, decides gates, emits receipts (spec 5.16).
// [machine]
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

bool is_keyset(std::string_view name);
tb::Key keyset_prefix(std::string_view name);
std::vector<tb::Hash> keyset(tb::View& view, std::string_view name);
bool has_key(tb::View& view, std::string_view name, const tb::Hash& key);
// A set never becomes empty.
Refused change_keyset(tb::Ctx& ctx, const KeysetPayload& change);

void describe_keysets(tb::Plugin& p);

}  // namespace governance
