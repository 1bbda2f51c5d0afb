// Rules of the kernel's keys that one value alone cannot tell, or whose words are read by others.
#include <algorithm>
#include <charconv>
#include <iterator>

#include "kernel/config/config.hpp"
#include "kernel/config/kernel_keys.hpp"

namespace blockd {
namespace {

std::optional<RuleFinding> check_empty_blocks(const Config& c) {
  const std::uint64_t empty = c.u64("chain.empty_block_interval_ms");
  const std::uint64_t interval = c.u64("chain.block_interval_ms");
  if (empty == 0 || empty >= interval) return std::nullopt;
  return RuleFinding{"chain.empty_block_interval_ms",
                     "expected 0, or at least chain.block_interval_ms (" +
                         std::to_string(interval) + "), found " + std::to_string(empty) +
                         "; raise this key or lower that one"};
}

std::optional<RuleFinding> check_history(const Config& c) {
  const std::uint64_t two_epochs = 2 * c.u64("chain.epoch_length");
  if (c.u64("chain.history_blocks") >= two_epochs) return std::nullopt;
  return RuleFinding{"chain.history_blocks", "expected at least two epochs (" +
                                                 std::to_string(two_epochs) + "), found " +
                                                 std::to_string(c.u64("chain.history_blocks")) +
                                                 "; raise it, or lower chain.epoch_length"};
}

std::optional<RuleFinding> check_chain_id(const Config& c) {
  if (!c.text("chain.id").empty()) return std::nullopt;
  return RuleFinding{"chain.id", "must be given with profile '" + c.text("chain.profile") + "'"};
}

std::optional<RuleFinding> check_peers(const Config& c) {
  if (c.u64("net.min_peers") <= c.u64("net.max_peers")) return std::nullopt;
  return RuleFinding{"net.min_peers", "expected at most net.max_peers (" +
                                          std::to_string(c.u64("net.max_peers")) + "), found " +
                                          std::to_string(c.u64("net.min_peers")) +
                                          "; lower this key or raise that one"};
}

std::optional<RuleFinding> check_plugins(const Config& c) {
  Result<std::vector<PluginLoad>> list = parse_plugin_list(c.get("plugins.load"));
  if (list.ok()) return std::nullopt;
  return RuleFinding{"plugins.load", list.status().message()};
}

std::optional<RuleFinding> check_node_key(const Config& c) {
  if (c.text("node.key_hex").find_first_not_of("0123456789abcdefABCDEF") == std::string::npos)
    return std::nullopt;
  return RuleFinding{"node.key_hex",
                     "expected 64 hex digits, found other characters; change it or leave it out"};
}

// The logger reads it when the node starts; a word that is wrong must not wait until then.
std::optional<RuleFinding> check_log_level(const Config& c) {
  static constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error", "off"};
  const std::string levels = c.text("log.level");
  for (std::string_view rest = levels; !rest.empty();) {
    std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    word.remove_prefix(word.find('=') + 1);  // npos + 1 is 0
    if (std::find(std::begin(kLevels), std::end(kLevels), word) == std::end(kLevels))
      return RuleFinding{"log.level", "'" + std::string(word) +
                                          "' is no level; expected trace, debug, info, warn, "
                                          "error or off, or target=level, with commas between"};
  }
  return std::nullopt;
}

// What every listen address has; the listener reads the host itself.
bool looks_like_address(std::string_view text) {
  if (text.starts_with("unix:")) return text.size() > 5;
  const std::size_t colon = text.rfind(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
}

std::optional<RuleFinding> check_listeners(const Config& c) {
  for (const char* key : {"listeners.rpc", "listeners.metrics", "listeners.status",
                          "listeners.gateway", "listeners.aggregator", "listeners.explorer",
                          "listeners.storage", "telemetry.extra_listen"}) {
    for (const std::string& address : c.list(key)) {
      if (looks_like_address(address)) continue;
      return RuleFinding{key, "'" + address +
                                  "' is no address to listen on; write "
                                  "127.0.0.1:8545, [::1]:8545 or unix:/path/to/socket"};
    }
  }
  return std::nullopt;
}

}  // namespace

void add_kernel_rules(ConfigSchema& schema) {
  for (auto* rule : {check_empty_blocks, check_history, check_chain_id, check_peers, check_plugins,
                     check_node_key, check_log_level, check_listeners}) {
    schema.add_rule(rule);
  }
}

}  // namespace blockd
