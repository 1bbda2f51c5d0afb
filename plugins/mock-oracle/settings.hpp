// Settings: the plugin's configuration as one value, read at the start and after each change.
// [face]
//
// load_settings() throws std::runtime_error with a text for the operator when a value does not hold
// (a map entry without '=', a key that is no 64 hex digits).
#pragma once

#include <map>
#include <string>

#include "plugins/mock-oracle/handles.hpp"

namespace mock_oracle {

// The energy market keeps at most 10,000 keys, so more meters could never report.
inline constexpr std::uint32_t kMaxProviders = 10'000;

// Shares in parts per million of the answers that go wrong on purpose, for drills.
struct Faults {
  std::int64_t skew_secs = 0;
  std::uint32_t drop_ppm = 0, bad_signature_ppm = 0, regress_ppm = 0;
};

struct Settings {
  bool demo = true;
  std::uint32_t providers = 4;
  std::uint64_t step_ms = 1000;  // a half hour of the curve; 0: as soon as the last one is answered
  std::string data_file;
  std::uint64_t kwh_per_mw_ppm = 100'000;
  std::uint64_t price_per_kwh = 2;
  std::uint32_t settle_share_pct = 50;
  std::uint64_t step_kwh = 250;
  bool open_to_callers = true;  // false: bound beyond this machine without allow_remote
  std::optional<tb::Hash> key;
  std::map<std::string, std::string, std::less<>> providers_by_meter;
  Faults faults;
};

Settings load_settings(const tb::Host& host);

// True for 127.x.x.x, [::1] and localhost, with or without a port.
bool is_loopback(std::string_view address);
// "gb=energy-0x00000000" -> {"gb", "energy-0x00000000"}; throws when it is not of that form.
std::pair<std::string, std::string> parse_map_entry(std::string_view entry);
// 64 hexadecimal digits; nullopt otherwise.
std::optional<tb::Hash> parse_seed(std::string_view hex);

}  // namespace mock_oracle
