// The environment, the .env file and the flags: texts under the schema.
#include <algorithm>

#include "kernel/config/config_layers.hpp"

namespace blockd::config_layers {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
    s.remove_suffix(1);
  return s;
}

bool is_variable_name(std::string_view s) {
  return !s.empty() && (s[0] < '0' || s[0] > '9') && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

void Problems::add(ConfigProblem problem, bool warning) {
  problem.warning = warning;
  if (!warning) ++errors_;
  if (all_.size() < kMaxConfigProblems) all_.push_back(std::move(problem));
}

Layer read_variables(const ConfigSchema& schema,
                     const std::map<std::string, std::string>& variables, const std::string& file,
                     ConfigSource source, Problems& problems) {
  Layer layer;
  for (const auto& [name, spec] : schema.keys()) {
    for (const std::string& variable : spec.variables()) {
      auto it = variables.find(variable);
      if (it == variables.end()) continue;
      Result<json::value> value = value_from_text(spec, it->second);
      if (value.ok()) {
        layer.try_emplace(name, ConfigEntry{std::move(*value), source,
                                            file.empty() ? variable : file + ": " + variable});
      } else {
        problems.error({false, file, 0, variable, value.status().message()});
      }
      break;  // of several names the first that is set wins
    }
  }
  for (const auto& [variable, text] : variables) {
    if (!variable.starts_with("TB_") || schema.is_known_variable(variable)) continue;
    const std::optional<std::string> nearest = schema.nearest_variable(variable);
    problems.warn(
        {true, file, 0, variable,
         nearest ? "unknown variable; did you mean " + *nearest + "?" : "unknown variable"});
  }
  return layer;
}

std::map<std::string, std::string> parse_dotenv(const ConfigText& file, Problems& problems) {
  std::map<std::string, std::string> out;
  std::string_view rest = file.text;
  for (int line = 1; !rest.empty(); ++line) {
    std::string_view row = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), row.size() + 1));
    row = trim(row);
    if (row.empty() || row.front() == '#') continue;
    if (row.starts_with("export ")) row = trim(row.substr(7));
    const auto equals = row.find('=');
    const std::string_view name = trim(row.substr(0, equals));
    if (equals == std::string_view::npos || !is_variable_name(name)) {
      problems.error({false, file.path, line, "", "expected NAME=value"});
      continue;
    }
    std::string_view value = trim(row.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (!out.emplace(name, value).second)
      problems.error({false, file.path, line, std::string(name), "is repeated"});
  }
  return out;
}

Layer read_flags(const ConfigSchema& schema,
                 const std::vector<std::pair<std::string, std::string>>& flags,
                 Problems& problems) {
  Layer layer;
  for (const auto& [name, text] : flags) {
    const ConfigKey* key = schema.find(name);
    if (key == nullptr) {
      const std::optional<std::string> nearest = schema.nearest_key(name);
      problems.error({false, "", 0, name,
                      nearest ? "unknown key; did you mean " + *nearest + "?" : "unknown key"});
      continue;
    }
    const std::string shown = key->flag.empty() ? key->name : key->flag;
    Result<json::value> value = value_from_text(*key, text);
    if (value.ok()) {
      layer.insert_or_assign(key->name, ConfigEntry{std::move(*value), ConfigSource::kFlag, shown});
    } else {
      problems.error({false, "", 0, shown, value.status().message()});
    }
  }
  return layer;
}

}  // namespace blockd::config_layers
