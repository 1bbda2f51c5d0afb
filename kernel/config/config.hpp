// Config: the effective values of one generation, with the source of each.
//
// Immutable and shared as shared_ptr<const Config>: take one at the beginning of a piece of work
// and keep it to the end. Getters are for keys of the schema only; asking for an unknown key or by
// the wrong type is a defect and stops the process. [any]
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/config_schema.hpp"

namespace blockd {

// Weakest first: a later source wins, key by key; lists and mappings are replaced, not merged.
enum class ConfigSource : unsigned char { kDefault, kProfile, kFile, kDotEnv, kEnvironment, kFlag };
std::string_view config_source_name(
    ConfigSource source);  // "default", "profile", "file", ".env", "environment", "flag"

struct ConfigEntry {
  json::value value;
  ConfigSource source = ConfigSource::kDefault;
  std::string origin =
      {};  // "config/node.yaml:17", "TB_RPC_ADDR", "--rpc-addr"; empty for a default
};

class Config {
 public:
  // All keys of the schema, at their defaults.
  explicit Config(std::shared_ptr<const ConfigSchema> schema);

  const ConfigSchema& schema() const { return *schema_; }
  const ConfigEntry& entry(std::string_view key) const;
  const json::value& get(std::string_view key) const { return entry(key).value; }
  ConfigSource source(std::string_view key) const { return entry(key).source; }
  // False while a key without default has not been set by anyone.
  bool has(std::string_view key) const { return !get(key).is_null(); }

  // For kU64, kI64, kDecimal, kBool, kString, kStringList. An unset text reads as "", an unset
  // number as 0, an unset flag as false.
  std::uint64_t u64(std::string_view key) const;
  std::int64_t i64(std::string_view key) const;
  double decimal(std::string_view key) const;
  bool boolean(std::string_view key) const;
  std::string text(std::string_view key) const;
  std::vector<std::string> list(std::string_view key) const;

  // Names of keys whose values differ, sorted.
  std::vector<std::string> changed_keys(const Config& other) const;
  // Values of secret keys that are set, for Logger::add_secret.
  std::vector<std::string> secrets() const;

  // For the loader, before the value is shared. REQUIRES: the key exists and the value passed
  // check_value().
  void set(std::string_view key, ConfigEntry entry);

 private:
  std::shared_ptr<const ConfigSchema> schema_;
  std::map<std::string, ConfigEntry, std::less<>> entries_;
};

}  // namespace blockd
