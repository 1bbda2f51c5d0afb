#include "plugins/energy/import.hpp"

#include <cstring>

#include "plugins/energy/errors.hpp"
#include "plugins/energy/hooks.hpp"
#include "plugins/energy/market.hpp"

namespace energy {
namespace {

constexpr std::uint32_t kSchemaInForce = 1;
constexpr std::uint32_t kImportPage = 256;

// Where an import stands: the mirror's height, then the space and the provider it has come to.
struct Place {
  std::uint64_t height = 0;
  bool begun = false;
  Space space = Space::kReal;
  std::string after;
};

Place place_of(std::string_view cursor) {
  Place out;
  if (cursor.size() < sizeof out.height) throw std::runtime_error("an import without a height");
  std::memcpy(&out.height, cursor.data(), sizeof out.height);
  cursor.remove_prefix(sizeof out.height);
  if (cursor.empty()) return out;
  out.begun = true;
  out.space = cursor.front() == 'r' ? Space::kRehearsal : Space::kReal;
  out.after = cursor.substr(1);
  return out;
}

std::string cursor_of(const Place& place) {
  std::string out(sizeof place.height, '\0');
  std::memcpy(out.data(), &place.height, sizeof place.height);
  out += place.space == Space::kRehearsal ? 'r' : 'p';
  return out + place.after;
}

void rebase_totals(Market& market, std::uint64_t mirror_height) {
  Totals& totals = market.totals();
  totals.height_base += static_cast<std::int64_t>(mirror_height - market.ctx().height());
}

// A page of providers behind `place`; false when there are no more in its space.
bool rebase_providers(Market& market, Place& place, bool* funded) {
  std::vector<std::pair<std::string, Provider>> page;
  market.ctx().scan(market.keys().providers(), place.after, kImportPage,
                    [&](std::string_view key, std::string_view value) {
                      page.emplace_back(key, row_of<Provider>(value));
                    });
  const std::int64_t base = market.totals().height_base;
  for (auto& [key, provider] : page) {
    *funded = *funded && !(market.moves_funds() && provider.staked_balance > 0);
    provider.height_base = base;
    market.put(key, provider);
    place.after = key;
  }
  return page.size() == kImportPage;
}

}  // namespace

tb::Status take_import(tb::Ctx& ctx, tb::Migration& import) {
  if (import.from_schema != kSchemaInForce)
    return ctx.fail(kSnapshotFailed, tb::cat("there is no way from schema ", import.from_schema));
  Place place = place_of(import.cursor);
  const Params params = load_params(ctx);
  Market market(ctx, place.space, params);
  if (!place.begun) rebase_totals(market, place.height);
  bool funded = true;
  const bool more = rebase_providers(market, place, &funded);
  if (!funded)
    return ctx.fail(
        kStakesNotFunded,
        "stakes not funded: in ledger mode the stakes of the mirror are money that this "
        "chain does not have");
  market.save();
  if (more) {
    import.next(cursor_of(place));
  } else if (place.space == Space::kReal) {
    Market sandbox(ctx, Space::kRehearsal, params);
    if (sandbox.totals().provider_count == 0) return tb::ok();
    rebase_totals(sandbox, place.height);
    sandbox.save();
    import.next(cursor_of({place.height, true, Space::kRehearsal, {}}));
  }
  return tb::ok();
}

}  // namespace energy
