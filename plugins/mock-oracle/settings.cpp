#include "plugins/mock-oracle/settings.hpp"

namespace mock_oracle {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<tb::Hash> load_key(const tb::Host& host) {
  std::optional<std::string> text = host.config(keys::kKeyHex);
  if (!text || text->empty()) text = host.config(keys::kSigningKey);
  if (!text || text->empty()) return std::nullopt;
  const std::optional<tb::Hash> seed = parse_seed(trimmed(*text));
  if (!seed) {
    throw std::runtime_error(
        "mock_oracle.key_hex (TB_ORACLE_KEY_HEX) is not a key: expected the 64 hex digits of an "
        "Ed25519 seed; unset it to let the plugin make one");
  }
  return seed;
}

}  // namespace

std::optional<tb::Hash> parse_seed(std::string_view hex) {
  tb::Hash seed;
  if (hex.size() != 2 * seed.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < seed.bytes.size(); ++i) {
    const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    seed.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return seed;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") || address == "::1" ||
         address == "localhost" || address.starts_with("localhost:");
}

std::pair<std::string, std::string> parse_map_entry(std::string_view entry) {
  const std::size_t split = entry.find('=');
  if (split == 0 || split == std::string_view::npos || split + 1 == entry.size()) {
    throw std::runtime_error(
        tb::cat("mock_oracle.map: '", entry.substr(0, 128), "' is not of the form meter=provider"));
  }
  return {std::string(entry.substr(0, split)), std::string(entry.substr(split + 1))};
}

Settings load_settings(const tb::Host& host) {
  Settings s;
  s.demo = host.config(keys::kDemo);
  s.providers = host.config(keys::kProviders);
  s.step_ms = host.config(keys::kStepMs);
  s.data_file = host.config(keys::kDataFile);
  s.kwh_per_mw_ppm = host.config(keys::kKwhPerMwPpm);
  s.price_per_kwh = host.config(keys::kPricePerKwh);
  s.settle_share_pct = host.config(keys::kSettleSharePct);
  s.step_kwh = host.config(keys::kStepKwh);
  s.open_to_callers = host.config(keys::kAllowRemote) || is_loopback(host.config(keys::kListen));
  s.key = load_key(host);
  for (const std::string& entry : host.config(keys::kMap).value_or(std::vector<std::string>())) {
    s.providers_by_meter.insert(parse_map_entry(entry));
  }
  s.faults = {host.config(keys::kSkewSecs), host.config(keys::kDropPpm),
              host.config(keys::kBadSignaturePpm), host.config(keys::kRegressPpm)};
  return s;
}

}  // namespace mock_oracle
