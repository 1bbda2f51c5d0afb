// Parameters as governance sees them: what a plugin of the roster declares, else the built-in
// catalogue; and everything that a change of one has to pass. [machine] [face]
//
// Order for one change (spec 5.9): range, the group's rule, the owner's check, the scripts, then
// range and group again for what the scripts made of it.
#pragma once

#include "plugins/governance/errors.hpp"
#include "plugins/governance/handles.hpp"

namespace governance {

struct Spec {
  std::string key, owner, unit;  // owner: of the catalogue, or as the plugin says
  std::string plugin;            // of the roster; empty: the catalogue alone knows the key
  std::uint64_t default_value = 0, min = 0, max = 0;
  std::uint32_t timelock_epochs = 2, rollback_epochs = 1;
  std::vector<std::string> aliases;
};

// By key or any alias; nothing for a key that nobody knows.
std::optional<Spec> find_spec(tb::View& view, std::string_view name);
// All keys, ascending.
std::vector<Spec> all_specs(tb::View& view);
// The value in force in this block, and the one of the next.
ParamNow value_of(tb::View& view, const Spec& spec);
// The same for a key that may be unknown.
std::optional<std::uint64_t> next_value(tb::View& view, std::string_view key);

Refused check_range(const Spec& spec, std::uint64_t value);
Refused check_group(tb::View& view, const Spec& spec, std::uint64_t value);
// The active script that owns the key; empty if none.
std::string owner_script(tb::View& view, std::string_view key);

struct Wanted {
  std::uint64_t value = 0, proposal_id = 0;
  std::string_view proposer, stage;  // submit, activate, rollback
};
// Walks the order above; on success `*effective` is what would be stored.
Refused check_change(tb::Ctx& ctx, const Spec& spec, const Wanted& wanted,
                     std::uint64_t* effective);

// Has the value wait (or, inside params/1.activate, come into force), and writes history.
struct Written {
  std::uint64_t proposal_id = 0;
  std::string_view event, actor;
  std::optional<std::string_view> script;
};
Refused write_param(tb::Ctx& ctx, const Spec& spec, const Change& change, const Written& why);
// The row of history alone.
void note_history(tb::Ctx& ctx, const Change& change, const Written& why);

// Gauges that show which names of a mask are allowed.
void show_policy(tb::Ctx& ctx, std::string_view key, std::uint64_t mask);

}  // namespace governance
