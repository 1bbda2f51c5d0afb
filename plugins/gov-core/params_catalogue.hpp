// The parameters that votes may name although no plugin of the roster declares them, and the rules
// that bind several parameters together.
//
// A key that a plugin declares is described by that plugin; the entries here count only where the
// owner is absent, so that votes and history do not depend on which plugins a chain runs. Names,
// masks, groups and retired keys hold for every parameter. Pure; the table is constant.
// Spec: governance and treasury 4.2, economics 4.2.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gov {

inline constexpr std::uint32_t kActivationDelay = 2;       // epochs, where a spec says 0
inline constexpr std::uint32_t kRollbackWindowEpochs = 1;  // of parameters, scripts, releases
inline constexpr std::string_view kKillSwitch = "kill_switch_subsidy_reduction";

struct CatalogueEntry {
  std::string_view key;
  std::uint64_t default_value, min, max;
  std::string_view unit, owner;
  std::uint32_t timelock_epochs = kActivationDelay;
};

std::span<const CatalogueEntry> catalogue();
const CatalogueEntry* find_entry(std::string_view key);

// The snake-case key that a name means: `EnergyMinStake`, `energy.min_stake`, `runtime.backend`. A
// key stays what it is.
std::string canonical_key(std::string_view name);

// Keys of laws that this product does not have: known to history, refused in votes.
bool is_retired(std::string_view key);

// The names of a mask's bits, lowest first; empty for a key that is no mask.
std::span<const std::string_view> mask_options(std::string_view key);
// `inhouse,rocksdb` -> 10; absent if a name is none of the options.
std::optional<std::uint64_t> mask_value(std::string_view key, std::string_view names);
std::vector<std::string_view> mask_names(std::string_view key, std::uint64_t value);

// What a value must keep to beside its range: a mask has a bit set and only known ones.
bool mask_holds(std::string_view key, std::uint64_t value);

// Why the rule of the key's group does not hold if `key` were `value`; nothing if it holds. `read`
// answers for the other keys of the group, absent for one that nobody knows.
using ReadParam = std::function<std::optional<std::uint64_t>(std::string_view key)>;
std::optional<std::string> group_violation(std::string_view key, std::uint64_t value,
                                           const ReadParam& read);

}  // namespace gov
