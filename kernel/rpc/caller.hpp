// Caller: what this node does for whoever sent a request (node-and-cli spec 5.2.1). Values; nothing
// here decides what a command may do in replicated state.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/manifest/manifest.hpp"

namespace blockd {

enum class Level : std::uint8_t { kNone = 0, kOpen = 1, kRead = 2, kOperator = 3, kAdmin = 4 };
Level level_of(std::string_view role);  // kNone for a side role

// The side roles that manifests declare: name -> where it is contained and which node key signs for
// it.
class RoleTable {
 public:
  explicit RoleTable(const std::vector<std::shared_ptr<const Manifest>>& manifests);
  const RoleSpec* find(std::string_view name) const;
  const std::map<std::string, RoleSpec, std::less<>>& all() const { return roles_; }

 private:
  std::map<std::string, RoleSpec, std::less<>> roles_;
};

struct Caller {
  Level level = Level::kNone;
  std::vector<std::string> side_roles;
  std::string id;  // of the token, for the memo of commands: "loopback", "socket", "rpc-token", …
  bool has_credential = false;
  bool bad_credential = false;  // one that was sent is wrong
  bool plugin = false;          // a call by a plugin of this node
  std::string ip;               // for limits; empty over the local socket

  // True if this caller may use a method of `role`.
  bool may(std::string_view role, const RoleTable& roles) const;
};

}  // namespace blockd
