#include "plugins/energy/market.hpp"

#include "plugins/energy/events.hpp"

namespace energy {

Params load_params(tb::View& view) {
  if (const auto told = params_of(view.params())) return *told;
  Params params;
  std::uint32_t place = 0;
  for (const ParamSpec& spec : param_table()) params.*spec.field = view.param(tb::Param{place++});
  return params;
}

void bring_up_to_date(Provider& provider, const Totals& totals) {
  if (provider.capacity_resets_seen == totals.capacity_resets) return;
  provider.capacity_resets_seen = totals.capacity_resets;
  provider.available_kwh = provider.capacity_kwh;
}

Market::Market(tb::Ctx& ctx, Space space, const Params& params)
    : ctx_(ctx), space_(space), keys_(space), params_(params) {}

Totals& Market::totals() {
  if (!totals_) {
    stored_ = load<Totals>(keys_.totals());
    totals_ = stored_.value_or(Totals{});
  }
  return *totals_;
}

Height Market::height_from(std::int64_t base) const {
  return ctx_.height() + static_cast<std::uint64_t>(base);
}

std::optional<Provider> Market::provider(std::string_view name) {
  const std::optional<ProviderId> id = parse_provider_id(name);
  return id ? provider(*id) : std::nullopt;
}

std::optional<Provider> Market::provider(ProviderId id) {
  std::optional<Provider> row = provider_row(id);
  if (row) bring_up_to_date(*row, totals());
  return row;
}

bool Market::counts_as_pending(Height block, const Hash& meter_hash) {
  return CreditCursor{block, meter_hash} > totals().expired_below;
}

void Market::remove_credit(Provider& provider, const Credit& credit, const Hash& meter_hash) {
  ctx_.erase(keys_.credit(meter_hash));
  ctx_.erase(keys_.credit_place({credit.block, meter_hash}));
  if (counts_as_pending(credit.block, meter_hash) && provider.pending_credits > 0)
    --provider.pending_credits;
}

bool Market::recount(const Provider& before, const Provider& after) {
  Totals& t = totals();
  const auto capacity =
      checked_add_wide(t.total_capacity_kwh - before.capacity_kwh, after.capacity_kwh);
  const std::uint64_t used_before = before.capacity_kwh - before.available_kwh;
  const auto used = checked_add_wide(t.total_consumed_kwh - used_before,
                                     after.capacity_kwh - after.available_kwh);
  if (!capacity || !used) return false;
  t.total_capacity_kwh = *capacity;
  t.total_consumed_kwh = *used;
  return true;
}

MarketLoad Market::load_now() {
  const Totals& t = totals();
  return {t.total_capacity_kwh, t.total_consumed_kwh, t.provider_count};
}

void Market::emit_provider(tb::Event<ProviderEvent> event, const Provider& p) {
  if (!real()) return;
  const std::string id = format_provider_id(p.id);
  ctx_.emit(event,
            {id, p.owner, p.jurisdiction, p.meter_address, p.capacity_kwh, p.available_kwh,
             p.price_per_kwh, p.total_delivered_kwh, p.staked_balance,
             p.status == ProviderStatus::kActive ? "active" : "deactivated", p.reputation_score_ppm,
             p.reputation.composite_ppm, confidence_ppm(p.reputation.observations),
             p.reputation.observations, height_from(p.height_base)});
}

void Market::save() {
  if (totals_ && totals_ != stored_) put(keys_.totals(), *totals_);
}

}  // namespace energy
