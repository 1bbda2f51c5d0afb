// How governance's methods appear in contract-cli: every verb below `gov` exists below `governance`
// as well.
#pragma once

#include <tb/plugin.hpp>

#include "plugins/governance/errors.hpp"

namespace governance {

inline tb::Method& verb(tb::Method& method, std::string_view path, tb::Texts aliases = {}) {
  constexpr std::string_view kShort = "gov ";
  const auto long_form = [&](std::string_view short_form) {
    return "governance " + std::string(short_form.substr(kShort.size()));
  };
  method.cli(path);
  if (path.starts_with(kShort)) method.alias(long_form(path));
  for (std::string_view alias : aliases) {
    method.alias(alias);
    if (alias.starts_with(kShort)) method.alias(long_form(alias));
  }
  return method;
}

inline tb::Method& lua_errors(tb::Method& method) {
  for (const tb::Error& error : kLuaErrors) method.error(error, "a voted script failed");
  return method;
}

}  // namespace governance
