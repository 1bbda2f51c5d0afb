#include "kernel/config/config_schema.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace blockd {
namespace {

// -1, 0 or 1; exact for integers of either sign.
int compare(const json::value& a, const json::value& b) {
  if (a.is_double() || b.is_double()) {
    const double x = a.to_number<double>();
    const double y = b.to_number<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  auto order = [](auto x, auto y) {
    return std::cmp_less(x, y) ? -1 : std::cmp_less(y, x) ? 1 : 0;
  };
  if (a.is_uint64()) {
    return b.is_uint64() ? order(a.get_uint64(), b.get_uint64())
                         : order(a.get_uint64(), b.get_int64());
  }
  return b.is_uint64() ? order(a.get_int64(), b.get_uint64()) : order(a.get_int64(), b.get_int64());
}

std::string number_text(const json::value& v) {
  if (v.is_uint64()) return std::to_string(v.get_uint64());
  if (v.is_int64()) return std::to_string(v.get_int64());
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v.get_double()).ptr;
  return {buffer, end};
}

// A value as an error shows it: short, and nothing of a secret but its length.
std::string found_text(const ConfigKey& key, const json::value& value) {
  if (value.is_null()) return "nothing";
  if (value.is_number()) return key.secret ? "a number" : number_text(value);
  if (value.is_array()) return "a list of " + std::to_string(value.get_array().size()) + " items";
  if (value.is_object()) return "a mapping";
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  const std::string_view text = value.get_string();
  const std::string length = std::to_string(text.size()) + " characters";
  if (key.secret) return "a text of " + length;
  const std::string shown = "'" + excerpt(text) + "'";
  const bool measured =
      key.type == ConfigType::kString && key.choices.empty() && (key.min || key.max);
  return measured ? shown + " (" + length + ")" : shown;
}

std::string way_out(const ConfigKey& key) {
  const json::value& value = key.default_value;
  const std::string out = "; change it or leave it out";
  if (key.secret || value.is_null() || value.is_structured() || value == json::value(""))
    return out;
  return out + " (built-in: " +
         (value.is_string() ? "'" + std::string(value.get_string()) + "'"
          : value.is_bool() ? std::string(value.get_bool() ? "true" : "false")
                            : number_text(value)) +
         ")";
}

Status wrong(const ConfigKey& key, const json::value& found) {
  return Status(Code::kInvalid,
                "expected " + key.expected() + ", found " + found_text(key, found) + way_out(key));
}

bool in_range(const ConfigKey& key, const json::value& measure) {
  if (key.zero_allowed && measure.is_number() && measure.to_number<double>() == 0) return true;
  return (!key.min || compare(measure, *key.min) >= 0) &&
         (!key.max || compare(measure, *key.max) <= 0);
}

bool type_fits(ConfigType type, const json::value& v) {
  switch (type) {
    case ConfigType::kU64:
      return v.is_uint64() || (v.is_int64() && v.get_int64() >= 0);
    case ConfigType::kI64:
      return v.is_int64() || (v.is_uint64() && v.get_uint64() <= INT64_MAX);
    case ConfigType::kBool:
      return v.is_bool();
    case ConfigType::kString:
      return v.is_string();
    case ConfigType::kDecimal:
      return v.is_number();
    case ConfigType::kMap:
      return v.is_object();
    case ConfigType::kList:
      return v.is_array();
    case ConfigType::kStringList:
      return v.is_array() && std::all_of(v.get_array().begin(), v.get_array().end(),
                                         [](const json::value& i) { return i.is_string(); });
  }
  return false;
}

template <class T>
std::optional<T> number_from(std::string_view text) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

json::array split_list(std::string_view text) {
  json::array out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!trim(part).empty()) out.emplace_back(json::string(trim(part)));
  }
  return out;
}

Result<json::value> parse_text(const ConfigKey& key, std::string_view text) {
  const auto not_so = [&] { return wrong(key, json::value(json::string(text))); };
  switch (key.type) {
    case ConfigType::kU64:
      if (auto v = number_from<std::uint64_t>(text)) return json::value(*v);
      // A negative number is a number, outside the range.
      if (auto v = number_from<std::int64_t>(text)) return wrong(key, *v);
      return not_so();
    case ConfigType::kI64:
      if (auto v = number_from<std::int64_t>(text)) return json::value(*v);
      return not_so();
    case ConfigType::kDecimal:
      if (auto v = number_from<double>(text); v && *v - *v == 0.0) return json::value(*v);
      return not_so();
    case ConfigType::kBool:
      if (text == "true" || text == "1") return json::value(true);
      if (text == "false" || text == "0") return json::value(false);
      return not_so();
    case ConfigType::kString:
      return json::value(json::string(text));
    case ConfigType::kStringList:
      if (key.off_allowed && text == "off") return json::value(json::array());
      return json::value(split_list(text));
    case ConfigType::kMap:
    case ConfigType::kList: {
      if (key.type == ConfigType::kList && !trim(text).starts_with('['))
        return json::value(split_list(text));
      Result<json::value> parsed = parse_json(text);
      if (!parsed.ok()) return not_so();
      return parsed;
    }
  }
  return not_so();
}

}  // namespace

std::string_view config_type_name(ConfigType type) {
  constexpr std::string_view kNames[] = {"integer",       "integer", "true or false", "text",
                                         "list of texts", "number",  "mapping",       "list"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view reload_kind_name(ReloadKind kind) {
  constexpr std::string_view kNames[] = {"yes", "no", "genesis"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string derived_variable(std::string_view key) {
  std::string out = "TB_";
  for (char c : key) {
    if (c == '.' || c == '-') c = '_';
    out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return out;
}

std::vector<std::string> ConfigKey::variables() const {
  return env.empty() ? std::vector<std::string>{derived_variable(name)} : env;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kMostBytes = 40;
  if (text.size() <= kMostBytes) return std::string(text);
  std::size_t end = kMostBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "\u2026";
}

std::string ConfigKey::expected() const {
  std::string out;
  if (!choices.empty()) {
    out = "one of ";
    for (std::size_t i = 0; i < choices.size(); ++i)
      out.append(i > 0 ? ", " : "").append(choices[i]);
    return out;
  }
  const bool number =
      type == ConfigType::kU64 || type == ConfigType::kI64 || type == ConfigType::kDecimal;
  std::string range;
  if (min && max) {
    range = number_text(*min) + ".." + number_text(*max);
  } else if (min) {
    range = "at least " + number_text(*min);
  } else if (max) {
    range = "at most " + number_text(*max);
  }
  if (number) {
    out = !range.empty()             ? range
          : type == ConfigType::kU64 ? "a whole number, 0 or more"
          : type == ConfigType::kI64 ? "a whole number"
                                     : "a number";
    if (zero_allowed) out = "0, or " + out;
    return out;
  }
  if (type == ConfigType::kBool) return std::string(config_type_name(type));
  out = "a " + std::string(config_type_name(type));
  if (!range.empty())
    out += " of " + range + (type == ConfigType::kString ? " characters" : " items");
  if (off_allowed) out += ", or off";
  return out;
}

Status check_value(const ConfigKey& key, const json::value& value) {
  if (!type_fits(key.type, value)) return wrong(key, value);
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (!key.choices.empty()) {
      return std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end()
                 ? Status()
                 : wrong(key, value);
    }
    return in_range(key, json::value(text.size())) ? Status() : wrong(key, value);
  }
  if (value.is_array()) {
    const std::size_t n = value.get_array().size();
    return n <= kMaxConfigListItems && in_range(key, json::value(n)) ? Status() : wrong(key, value);
  }
  if (value.is_number()) return in_range(key, value) ? Status() : wrong(key, value);
  return {};
}

Result<json::value> value_from_text(const ConfigKey& key, std::string_view text) {
  Result<json::value> value = parse_text(key, text);
  if (!value.ok()) return value;
  TB_TRY(check_value(key, *value));
  return value;
}

Status ConfigSchema::add(ConfigKey key) {
  auto taken = [&](std::string_view what, const std::string& name, const std::string& by) {
    return Status(Code::kExists,
                  "config key " + key.name + " of " + key.owner + ": " + std::string(what) + " " +
                      name + " belongs to " + by + " of " + keys_.at(by).owner,
                  "rename one of them");
  };
  if (keys_.size() >= kMaxConfigKeys)
    return Status(Code::kLimit, "config key " + key.name + ": more than 10000 keys");
  std::vector<std::string> names = key.aliases;
  names.push_back(key.name);
  for (const std::string& name : names) {
    if (const ConfigKey* other = find(name)) return taken("the name", name, other->name);
    if (is_section(name))
      return Status(Code::kExists, "config key " + key.name + ": '" + name + "' is a section");
  }
  for (const std::string& v : key.variables()) {
    if (auto it = variables_.find(v); it != variables_.end())
      return taken("the variable", v, it->second);
  }
  if (!key.default_value.is_null()) {
    if (Status s = check_value(key, key.default_value); !s.ok())
      return s.in("config key " + key.name + ": its default");
  }
  for (const std::string& v : key.variables()) variables_.emplace(v, key.name);
  for (const std::string& a : key.aliases) aliases_.emplace(a, key.name);
  for (const std::string& name : names) {
    for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      sections_.insert(name.substr(0, dot));
    }
  }
  std::string name = key.name;
  keys_.emplace(std::move(name), std::move(key));
  return {};
}

void ConfigSchema::add_default(std::string key, ComputedDefault compute) {
  TB_ASSERT(keys_.contains(key));
  computed_.emplace_back(std::move(key), std::move(compute));
}

const ConfigKey* ConfigSchema::find(std::string_view name) const {
  if (auto alias = aliases_.find(name); alias != aliases_.end()) name = alias->second;
  auto it = keys_.find(name);
  return it == keys_.end() ? nullptr : &it->second;
}

const ConfigKey* ConfigSchema::find_variable(std::string_view name) const {
  auto it = variables_.find(name);
  return it == variables_.end() ? nullptr : &keys_.find(it->second)->second;
}

bool ConfigSchema::is_known_variable(std::string_view name) const {
  if (variables_.contains(name)) return true;
  return std::any_of(known_variables_.begin(), known_variables_.end(), [&](std::string_view known) {
    return known.ends_with('*') ? name.starts_with(known.substr(0, known.size() - 1))
                                : name == known;
  });
}

std::optional<std::string> ConfigSchema::nearest_key(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& [key, spec] : keys_) names.push_back(key);
  for (const auto& [alias, key] : aliases_) names.push_back(alias);
  return nearest_name(name, names);
}

std::optional<std::string> ConfigSchema::nearest_variable(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& [variable, key] : variables_) names.push_back(variable);
  for (const std::string& known : known_variables_) {
    if (!known.ends_with('*')) names.push_back(known);
  }
  return nearest_name(name, names);
}

}  // namespace blockd
