#include "kernel/config/config.hpp"

#include <algorithm>

namespace blockd {

std::string_view config_source_name(ConfigSource source) {
  constexpr std::string_view kNames[] = {"default", "profile",     "file",
                                         ".env",    "environment", "flag"};
  return kNames[static_cast<std::size_t>(source)];
}

Config::Config(std::shared_ptr<const ConfigSchema> schema) : schema_(std::move(schema)) {
  for (const auto& [name, key] : schema_->keys()) entries_[name].value = key.default_value;
}

const ConfigEntry& Config::entry(std::string_view key) const {
  const ConfigKey* spec = schema_->find(key);
  TB_ASSERT(spec != nullptr);
  return entries_.find(spec->name)->second;
}

std::uint64_t Config::u64(std::string_view key) const {
  const json::value& v = get(key);
  return v.is_null() ? 0 : v.to_number<std::uint64_t>();
}

std::int64_t Config::i64(std::string_view key) const {
  const json::value& v = get(key);
  return v.is_null() ? 0 : v.to_number<std::int64_t>();
}

double Config::decimal(std::string_view key) const {
  const json::value& v = get(key);
  return v.is_null() ? 0 : v.to_number<double>();
}

bool Config::boolean(std::string_view key) const {
  const json::value& v = get(key);
  return !v.is_null() && v.as_bool();
}

std::string Config::text(std::string_view key) const {
  const json::value& v = get(key);
  return v.is_null() ? std::string() : std::string(v.as_string());
}

std::vector<std::string> Config::list(std::string_view key) const {
  std::vector<std::string> out;
  const json::value& v = get(key);
  if (v.is_null()) return out;
  for (const json::value& item : v.as_array()) out.emplace_back(item.as_string());
  return out;
}

std::vector<std::string> Config::changed_keys(const Config& other) const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) {
    auto it = other.entries_.find(name);
    if (it == other.entries_.end() || it->second.value != entry.value) out.push_back(name);
  }
  for (const auto& [name, entry] : other.entries_) {
    if (!entries_.contains(name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> Config::secrets() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) {
    if (schema_->find(name)->secret && entry.value.is_string())
      out.emplace_back(entry.value.get_string());
  }
  return out;
}

void Config::set(std::string_view key, ConfigEntry entry) {
  const ConfigKey* spec = schema_->find(key);
  TB_ASSERT(spec != nullptr);
  entries_.find(spec->name)->second = std::move(entry);
}

}  // namespace blockd
