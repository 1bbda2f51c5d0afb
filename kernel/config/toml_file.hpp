// TOML as older configuration files have it, as a JSON tree with the line of each value.
//
// TOML 1.0 but for dates, which no setting has. Whole numbers above 63 bits, repeated keys and
// anything that is not TOML are errors that name the line. Pure. [any]
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxTomlBytes = 1u << 20;

struct TomlFile {
  json::object root;
  std::map<std::string, int> lines;  // dotted key of a value -> its line; not inside arrays
};

// Errors: kInvalid "line 7: …".
Result<TomlFile> parse_toml(std::string_view text);

}  // namespace blockd
