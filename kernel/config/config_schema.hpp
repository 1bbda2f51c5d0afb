// ConfigSchema: every configuration key that exists, with type, range, default and help.
//
// The kernel's keys come from kernel_keys.hpp, those of a plugin from its manifest; the loader,
// `config show`, `config env` and the reference pages read nothing else. A schema is filled on one
// thread and then shared as const.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

class Config;

inline constexpr std::size_t kMaxConfigKeys = 10'000;
inline constexpr std::size_t kMaxConfigListItems = 10'000;

enum class ConfigType : unsigned char {
  kU64,
  kI64,
  kBool,
  kString,
  kStringList,  // a single text is a list of one
  kDecimal,
  kMap,   // a mapping with any content
  kList,  // a list with any content
};
std::string_view config_type_name(ConfigType type);  // "integer", "text", …

// What a changed value needs to take effect.
enum class ReloadKind : unsigned char {
  kYes,      // at the next generation
  kNo,       // a restart
  kGenesis,  // nothing: it was read when the genesis was made
};
std::string_view reload_kind_name(ReloadKind kind);  // "yes", "no", "genesis"

struct ConfigKey {
  std::string name;  // "rpc.max_body_bytes"
  ConfigType type = ConfigType::kString;
  json::value default_value =
      nullptr;  // null: unset; a text that begins with "<data>/" follows the data directory
  std::optional<json::value> min =
      {};  // of a number, of the length of a text, of the number of items
  std::optional<json::value> max = {};
  std::vector<std::string> choices = {};  // of a text
  std::string help = {};
  std::string unit = {};  // "ms", "secs", "bytes", "blocks"
  ReloadKind reload = ReloadKind::kNo;
  std::vector<std::string> env =
      {};                 // special variables, the first that is set wins; none: TB_ + the name
  std::string flag = {};  // "--rpc-addr", for texts of errors and of `config show`
  std::vector<std::string> aliases = {};
  bool secret = false;           // never shown, logged or stored as text
  bool zero_allowed = false;     // 0 lies outside min..max and switches off
  bool off_allowed = false;      // of a list: the text "off" is the empty list
  std::string owner = "kernel";  // or the plugin's id

  std::vector<std::string> variables() const;
  // "1024..67108864", "one of off, warn, enforce", "true or false": what an error says after
  // "expected ".
  std::string expected() const;
};

// The variable of a key without a special one: "rpc.max_body_bytes" -> "TB_RPC_MAX_BODY_BYTES".
std::string derived_variable(std::string_view key);

// What a rule over several keys found wrong.
struct RuleFinding {
  std::string key;   // whose place is named
  std::string text;  // "expected at least chain.block_interval_ms (1000), or 0"
};
using ConfigRule = std::function<std::optional<RuleFinding>(const Config&)>;
// A default that depends on other values; asked only when nobody has set the key.
using ComputedDefault = std::function<std::optional<json::value>(const Config&)>;

class ConfigSchema {
 public:
  // Errors: kExists (name, alias or variable is taken; both owners are named), kInvalid (the
  // default is outside the range), kLimit.
  Status add(ConfigKey key);
  void add_rule(ConfigRule rule) { rules_.push_back(std::move(rule)); }
  // REQUIRES: `key` has been added.
  void add_default(std::string key, ComputedDefault compute);
  // A variable that exists but is no key (the CLI's, a test's); a trailing '*' stands for any rest.
  void add_known_variable(std::string name) { known_variables_.push_back(std::move(name)); }

  // The key with this name or alias; nullptr if there is none.
  const ConfigKey* find(std::string_view name) const;
  const ConfigKey* find_variable(std::string_view name) const;
  bool is_known_variable(std::string_view name) const;
  // "rpc" is a section if some key begins with "rpc.".
  bool is_section(std::string_view name) const { return sections_.contains(name); }
  const std::map<std::string, ConfigKey, std::less<>>& keys() const { return keys_; }
  const std::vector<ConfigRule>& rules() const { return rules_; }
  const std::vector<std::pair<std::string, ComputedDefault>>& computed() const { return computed_; }
  std::optional<std::string> nearest_key(std::string_view name) const;
  std::optional<std::string> nearest_variable(std::string_view name) const;

 private:
  std::map<std::string, ConfigKey, std::less<>> keys_;
  std::map<std::string, std::string, std::less<>> aliases_;    // alias -> name
  std::map<std::string, std::string, std::less<>> variables_;  // variable -> name
  std::set<std::string, std::less<>> sections_;
  std::vector<std::string> known_variables_;
  std::vector<ConfigRule> rules_;
  std::vector<std::pair<std::string, ComputedDefault>> computed_;
};

// A value that is wrong, as an error shows it: its beginning if it is long.
std::string excerpt(std::string_view text);
// Checks type, range and choices of a value. The error says what was expected and found, and the
// way out: "expected 1..10, found 17; change it or leave it out (built-in: 8)".
Status check_value(const ConfigKey& key, const json::value& value);
// A value from a flag or a variable: numbers, true/false/1/0, lists with commas, other structures
// as JSON. The errors are those of check_value().
Result<json::value> value_from_text(const ConfigKey& key, std::string_view text);

}  // namespace blockd
