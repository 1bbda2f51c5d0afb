#include "kernel/rpc/caller.hpp"

#include <algorithm>

namespace blockd {

Level level_of(std::string_view role) {
  if (role == "open") return Level::kOpen;
  if (role == "read") return Level::kRead;
  if (role == "operator") return Level::kOperator;
  if (role == "admin") return Level::kAdmin;
  return Level::kNone;
}

RoleTable::RoleTable(const std::vector<std::shared_ptr<const Manifest>>& manifests) {
  for (const auto& manifest : manifests) {
    for (const RoleSpec& role : manifest->roles) roles_.emplace(role.name, role);
  }
}

const RoleSpec* RoleTable::find(std::string_view name) const {
  auto it = roles_.find(name);
  return it == roles_.end() ? nullptr : &it->second;
}

bool Caller::may(std::string_view role, const RoleTable& roles) const {
  // A side role may be contained in another one, that in a third: follow the chain up to one of the
  // four levels.
  for (int depth = 0; depth < 8; ++depth) {
    if (const Level needed = level_of(role); needed != Level::kNone) {
      return level >= needed || (needed == Level::kRead && !side_roles.empty());
    }
    if (std::find(side_roles.begin(), side_roles.end(), role) != side_roles.end()) return true;
    const RoleSpec* spec = roles.find(role);
    if (!spec) return false;
    role = spec->within;
  }
  return false;
}

}  // namespace blockd
