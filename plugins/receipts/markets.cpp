// Which markets this node has: the counter of a market exists from the start where the market's
// plugin runs, and is absent elsewhere, so that a market nobody enabled never looks silent. Looked
// at after a start and then once a minute, for plugins that are loaded later.
#include "plugins/receipts/face.hpp"
#include "plugins/receipts/state.hpp"

namespace receipts {
namespace {

constexpr std::pair<std::string_view, std::string_view> kMarketPlugins[] = {
    {"storage-market", "storage"},
    {"compute-market", "compute"},
    {"energy", "energy"},
    {"ad-market", "ad"},
    {"range-boost", "relay"}};

}  // namespace

void Face::ask_for_markets() {
  if (!host_.post(
          "plugin.list", [](tb::Out&) {}, kMarketsCookie))
    host_.log(TB_LOG_INFO, "receipts: the list of plugins is asked for again in a minute");
}

void Face::show_markets(const tb::Value& plugins) {
  for (std::uint32_t i = 0; i < plugins.size(); ++i) {
    for (const auto& [plugin, market] : kMarketPlugins) {
      if (plugins[i]["id"].text() == plugin) host_.add(kEmitted, 0, {market});
    }
  }
}

}  // namespace receipts
