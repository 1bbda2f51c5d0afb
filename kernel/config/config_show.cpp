#include "kernel/config/config_show.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

namespace blockd {
namespace {

json::value shown(const ConfigKey& key, const json::value& value) {
  return key.secret && !value.is_null() ? json::value("***") : value;
}

std::string as_text(const json::value& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return std::string(value.get_string());
  return json::serialize(value);
}

}  // namespace

json::object config_show(const Config& config, std::string_view prefix) {
  json::object out;
  for (const auto& [name, key] : config.schema().keys()) {
    if (!std::string_view(name).starts_with(prefix)) continue;
    const ConfigEntry& entry = config.entry(name);
    out[name] = json::object{{"value", shown(key, entry.value)},
                             {"source", config_source_name(entry.source)},
                             {"origin", entry.origin},
                             {"default", key.default_value},
                             {"reload", reload_kind_name(key.reload)},
                             {"unit", key.unit},
                             {"help", key.help}};
  }
  return out;
}

std::vector<std::array<std::string, 4>> config_show_table(const Config& config,
                                                          std::string_view prefix) {
  std::vector<std::array<std::string, 4>> rows;
  for (const auto& [name, key] : config.schema().keys()) {
    if (!std::string_view(name).starts_with(prefix)) continue;
    const ConfigEntry& entry = config.entry(name);
    rows.push_back({name, as_text(shown(key, entry.value)),
                    std::string(config_source_name(entry.source)), entry.origin});
  }
  return rows;
}

std::vector<std::array<std::string, 4>> config_env_table(
    const Config& config, const std::map<std::string, std::string>& environment) {
  std::vector<std::array<std::string, 4>> rows;
  for (const auto& [name, key] : config.schema().keys()) {
    for (const std::string& variable : key.variables()) {
      auto it = environment.find(variable);
      const std::string value = it == environment.end() ? "" : key.secret ? "***" : it->second;
      rows.push_back({variable, value, name, std::string(config_source_name(config.source(name)))});
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace blockd
