#include "plugins/oracle-adapter/settings.hpp"

#include <set>

namespace oracle_adapter {
namespace {

constexpr std::size_t kKeyBytes = 32;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::map<std::string, std::string> load_keys(const tb::Host& host) {
  std::map<std::string, std::string> out;
  for (const KeyEntry& entry : host.config(keys::kKeys).value_or(std::vector<KeyEntry>())) {
    const auto key = from_hex(entry.public_key_hex);
    if (!key || key->size() != kKeyBytes) {
      throw std::runtime_error(tb::cat("oracle_adapter.keys: the key of ", entry.provider_id,
                                       " is not the 64 hex digits of an Ed25519 public key"));
    }
    out[entry.provider_id] = *key;
  }
  return out;
}

}  // namespace

std::optional<std::string> from_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

Settings load_settings(const tb::Host& host) {
  Settings out;
  out.node_url = host.config(keys::kNodeUrl);
  out.token = host.config(keys::kToken).value_or("");
  out.max_age_secs = host.config(keys::kMaxAgeSecs);
  out.max_future_skew_secs = host.config(keys::kMaxFutureSkewSecs);
  out.spool_dir = host.config(keys::kSpoolDir);
  const auto known = load_keys(host);
  std::set<std::string> providers;
  for (const MeterEntry& entry : host.config(keys::kMeters).value_or(std::vector<MeterEntry>())) {
    const auto key = known.find(entry.provider_id);
    if (key == known.end()) {
      throw std::runtime_error(tb::cat("oracle_adapter.meters: no key of ", entry.provider_id,
                                       "; add it to oracle_adapter.keys, so that forged readings "
                                       "are found before they are sent"));
    }
    if (!providers.insert(entry.provider_id).second) {
      throw std::runtime_error(tb::cat("oracle_adapter.meters: ", entry.provider_id,
                                       " has two meters; it may have one"));
    }
    out.meters.push_back({entry.url, entry.provider_id, key->second,
                          entry.interval_ms.value_or(host.config(keys::kIntervalMs))});
  }
  return out;
}

}  // namespace oracle_adapter
