// Settings: the plugin's configuration as one value, read at the start and after each change.
// [face]
//
// load_settings() throws std::runtime_error with a text for the operator when a value does not
// hold: a key that is no 64 hex digits, a meter without a key, a provider with two meters.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/oracle-adapter/handles.hpp"

namespace oracle_adapter {

inline constexpr std::uint32_t kMaxMeters = 1000;

struct MeterSettings {
  std::string url, provider_id;
  std::string public_key;  // 32 bytes
  std::uint64_t interval_ms = 0;
};

struct Settings {
  std::vector<MeterSettings> meters;
  std::string node_url;
  std::string token;  // empty: none
  std::uint64_t max_age_secs = 240, max_future_skew_secs = 60;
  std::string spool_dir;
};

Settings load_settings(const tb::Host& host);

// The bytes of hexadecimal text, with or without "0x"; nullopt for anything else.
std::optional<std::string> from_hex(std::string_view text);

}  // namespace oracle_adapter
