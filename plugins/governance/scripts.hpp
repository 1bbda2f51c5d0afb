// Voted Lua scripts: proposed, installed, disabled, suspended, shown (spec 5.9). [machine]
//
// What the houses vote on is the text, by its hash. A script of the same name replaces the older
// one. Keys that a script owns belong to no other script. The row `scripts/active` holds all that
// run, in the order (priority, name); it is written anew with each change, and the executor asks
// then which events it has to call.
#pragma once

#include "plugins/governance/common.hpp"

namespace governance {

// Whether the parameters and commands that a header lists have to be there: when a text is proposed
// they do, else a slip of the pen would be voted in and never run; between vote and activation a
// plugin may have gone.
enum class HookNames : std::uint8_t { kMustExist, kMayBeGone };
// Compiles a text in the kernel's sandbox and reads its header.
Refused check_source(tb::View& view, std::string_view source, HookNames names,
                     ScriptPayload* payload);
Refused install_script(tb::Ctx& ctx, const ScriptPayload& payload, std::uint64_t proposal_id);
// Active scripts whose stored text is not the one that was voted on. They never run: lua/1 compares
// at each call. An operator should know before one of them is called.
struct DamagedScript {
  std::string name, voted, found;  // hashes; `found` is empty where there is no text
};
std::vector<DamagedScript> damaged_scripts(tb::View& view);
Refused disable_script(tb::Ctx& ctx, const std::string& name, std::uint64_t proposal_id);
Refused roll_back_script(tb::Ctx& ctx, const Proposal& proposal);
// `failures` in a row after this block; ten suspend it.
void note_failures(tb::Ctx& ctx, const std::string& name, std::uint32_t failures,
                   std::string_view reason);

void describe_scripts(tb::Plugin& p);

}  // namespace governance
