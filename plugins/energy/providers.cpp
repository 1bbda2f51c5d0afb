#include "plugins/energy/providers.hpp"

#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/services.hpp"

namespace energy {
namespace {

constexpr std::uint64_t kProviderIds = std::uint64_t{1} << 32;

bool may_act_for(Market& market, std::string_view account) {
  return market.ctx().is_admin() || account == market.ctx().account();
}

Refusal not_yours(std::string_view what) {
  return refuse(kUnauthorized,
                tb::cat(what, " takes the provider's owner or an admin; sign with that account"));
}

Refusal below_min_stake(std::uint64_t stake, std::uint64_t min, std::string text) {
  Refusal refusal = refuse(kInsufficientStake, std::move(text));
  refusal.data = {{"stake", stake}, {"min", min}};
  return refusal;
}

std::optional<Refusal> check_registration(Market& market, const RegisterParams& in,
                                          const std::string& owner) {
  if (!may_act_for(market, owner)) return not_yours("a registration");
  if (in.capacity_kwh == 0) return invalid("capacity_kwh is 0; a provider sells 1 kWh at least");
  if (in.price_per_kwh == 0) return invalid("price_per_kwh is 0; give 1 or more");
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"meter_address", in.meter_address}, {"jurisdiction", in.jurisdiction}, {"owner", owner}};
  for (const auto& [name, text] : texts) {
    if (!is_plain_text(text, kMaxNameBytes)) {
      return invalid(tb::cat(name, " is not 1 to 128 bytes of UTF-8 without control characters"));
    }
  }
  if (in.stake < market.params().min_stake) {
    return below_min_stake(
        in.stake, market.params().min_stake,
        tb::cat("stake ", in.stake, " is below energy_min_stake ", market.params().min_stake));
  }
  if (market.ctx().has(market.keys().meter(in.meter_address))) {
    return refuse(kMeterAddressInUse, "the meter belongs to another provider");
  }
  return std::nullopt;
}

// The gauges that show a provider's standing.
void show_reputation(Market& market, const Provider& provider) {
  if (!market.real()) return;
  const ProviderIdText id(provider.id);
  market.ctx().set(kReputationScore, provider.reputation_score_ppm, {id.view()});
  market.ctx().set(kReputationConfidence, confidence_ppm(provider.reputation.observations),
                   {id.view()});
}

void after_rescore(Market& market, Provider& provider) {
  provider.reputation_score_ppm = provider.reputation.composite_ppm;
  if (provider.status == ProviderStatus::kActive &&
      below_floor(provider.reputation, market.params())) {
    provider.status = ProviderStatus::kDeactivated;
    market.emit_provider(kProviderDeactivated, provider);
    if (market.real()) market.ctx().add(kDeactivations, 1, {format_provider_id(provider.id)});
  }
  show_reputation(market, provider);
}

Refusal short_of(const std::string& owner, std::string_view what, std::uint64_t amount) {
  return refuse(kInsufficientFunds, tb::cat("the owner ", owner, " does not hold the ", what,
                                            " of ", amount, "; pay into that account first"));
}

std::optional<Refusal> check_update(Market& market, const UpdateParams& in,
                                    const Provider& provider) {
  if (in.capacity_kwh == 0u) return invalid("capacity_kwh is 0; a provider sells 1 kWh at least");
  if (in.price_per_kwh == 0u) return invalid("price_per_kwh is 0; give 1 or more");
  if (in.jurisdiction && !is_plain_text(*in.jurisdiction, kMaxNameBytes)) {
    return invalid("jurisdiction is not 1 to 128 bytes of UTF-8 without control characters");
  }
  const auto stake = checked_add(provider.staked_balance, in.stake_topup.value_or(0));
  if (!stake) return invalid("the stake would be beyond u64");
  if (in.stake_topup) {
    auto enough = covers(market, provider.owner, *in.stake_topup);
    if (!enough) return std::move(enough.refusal());
    if (!*enough) return short_of(provider.owner, "top-up", *in.stake_topup);
  }
  if (in.reactivate.value_or(false) && *stake == 0 && market.params().min_stake > 0) {
    return below_min_stake(0, market.params().min_stake,
                           "a provider without stake is not activated; top it up first");
  }
  return std::nullopt;
}

// In the order of the specification: price, capacity, jurisdiction, reactivation.
void apply_terms(Market& market, const UpdateParams& in, Provider& p) {
  if (in.price_per_kwh) p.price_per_kwh = *in.price_per_kwh;
  if (in.capacity_kwh) {
    const std::uint64_t old = p.capacity_kwh;
    p.capacity_kwh = *in.capacity_kwh;
    p.available_kwh = *in.capacity_kwh > old ? p.available_kwh + (*in.capacity_kwh - old)
                                             : std::min(p.available_kwh, *in.capacity_kwh);
    if (const auto quality = capacity_quality(*in.capacity_kwh, old)) {
      observe_provider(market, p, Trait::kCapacity, *quality);
    }
  }
  if (in.jurisdiction) p.jurisdiction = *in.jurisdiction;
  if (in.reactivate.value_or(false)) {
    p.reputation = Reputation{};
    p.reputation_score_ppm = p.reputation.composite_ppm;
    p.status = ProviderStatus::kActive;
    show_reputation(market, p);
  }
}

}  // namespace

Refusal unknown_provider(std::string_view name) {
  return refuse(kUnknownProvider,
                tb::cat("no provider '", name.substr(0, 64), "'; energy.providers lists them"));
}

Result<Provider> register_provider(Market& market, const RegisterParams& in) {
  const std::string owner = account_named(market, in.owner);
  if (auto refusal = check_registration(market, in, owner)) return std::move(*refusal);
  auto enough = covers(market, owner, in.stake);
  if (!enough) return std::move(enough.refusal());
  if (!*enough) return short_of(owner, "stake", in.stake);
  Totals& totals = market.totals();
  if (totals.next_provider >= kProviderIds) return invalid("all provider ids are given away");

  Provider p;
  p.id = static_cast<ProviderId>(totals.next_provider++);
  p.owner = owner;
  p.jurisdiction = in.jurisdiction;
  p.meter_address = in.meter_address;
  p.capacity_kwh = p.available_kwh = in.capacity_kwh;
  p.price_per_kwh = in.price_per_kwh;
  p.staked_balance = in.stake;
  p.capacity_resets_seen = totals.capacity_resets;
  p.height_base = totals.height_base;
  if (!market.recount(Provider{}, p))
    return invalid("the market's capacity would be beyond 128 bits");
  totals.provider_count += 1;
  if (auto held = hold_stake(market, owner, in.stake); !held) return std::move(held.refusal());
  market.put(p);
  market.put(market.keys().meter(p.meter_address), MeterBinding{p.id});
  market.emit_provider(kProviderRegistered, p);
  if (market.real()) market.ctx().add(kProviderRegistrations);
  show_reputation(market, p);
  return p;
}

Result<Provider> update_provider(Market& market, const UpdateParams& in) {
  const std::optional<Provider> found = market.provider(in.provider_id);
  if (!market.ctx().is_admin() && (!found || found->owner != market.ctx().account()))
    return not_yours("an update");
  if (!in.capacity_kwh && !in.price_per_kwh && !in.jurisdiction && !in.stake_topup &&
      !in.reactivate) {
    return invalid(
        "nothing to change; give capacity_kwh, price_per_kwh, jurisdiction, stake_topup or "
        "reactivate");
  }
  if (!found) return unknown_provider(in.provider_id);
  Provider p = *found;
  if (auto refusal = check_update(market, in, p)) return std::move(*refusal);
  if (in.stake_topup) {
    if (auto held = hold_stake(market, p.owner, *in.stake_topup); !held)
      return std::move(held.refusal());
    p.staked_balance += *in.stake_topup;
  }
  apply_terms(market, in, p);
  if (!market.recount(*found, p)) return invalid("the market's capacity would be beyond 128 bits");
  market.put(p);
  market.emit_provider(kProviderUpdated, p);
  return p;
}

Result<Provider> withdraw_stake(Market& market, const WithdrawParams& in) {
  std::optional<Provider> p = market.provider(in.provider_id);
  if (!market.ctx().is_admin() && (!p || p->owner != market.ctx().account()))
    return not_yours("a withdrawal");
  if (!p) return unknown_provider(in.provider_id);
  if (in.amount == 0) return invalid("amount is 0; give 1 or more");
  const std::uint64_t min = market.params().min_stake;
  if (in.amount > p->staked_balance) {
    return below_min_stake(p->staked_balance, min, tb::cat("the stake is ", p->staked_balance));
  }
  const Amount rest = p->staked_balance - in.amount;
  if (rest != 0 && rest < min) {
    return below_min_stake(
        rest, min,
        tb::cat("what stays, ", rest, ", is below energy_min_stake; withdraw all or less"));
  }
  if (rest == 0 &&
      (p->pending_credits != 0 || p->open_disputes != 0 || p->queued_settlements != 0)) {
    return refuse(kStakeLocked,
                  tb::cat("the provider has ", p->pending_credits, " pending credits, ",
                          p->open_disputes, " open disputes and ", p->queued_settlements,
                          " queued settlements; settle or resolve them first"));
  }
  if (auto paid = release_stake(market, p->owner, in.amount); !paid)
    return std::move(paid.refusal());
  p->staked_balance = rest;
  const bool leaves = rest == 0 && p->status == ProviderStatus::kActive;
  if (leaves) p->status = ProviderStatus::kDeactivated;
  market.put(*p);
  if (leaves) market.emit_provider(kProviderDeactivated, *p);
  market.emit_provider(kProviderUpdated, *p);
  return std::move(*p);
}

Result<Provider> record_fulfillment(Market& market, const FulfillmentParams& in) {
  if (!market.ctx().is_admin()) return refuse(kUnauthorized, "record_fulfillment takes an admin");
  std::optional<Provider> p = market.provider(in.provider_id);
  if (!p) return unknown_provider(in.provider_id);
  const Params& params = market.params();
  if (params.bayesian_reputation_enabled != 0) {
    observe_provider(market, *p, Trait::kDelivery, quality_of(in.delivery_success && !in.failed));
    observe_provider(market, *p, Trait::kMeter,
                     quality_of(in.meter_consistent && !in.inconsistent));
    observe_provider(market, *p, Trait::kLatency,
                     latency_quality(in.fulfillment_ms, params.latency_threshold_ms));
    if (const auto quality = capacity_quality(p->available_kwh, p->capacity_kwh)) {
      observe_provider(market, *p, Trait::kCapacity, *quality);
    }
  } else {
    p->reputation_score_ppm =
        ewma_score(p->reputation_score_ppm, in.customer_rating, params.ewma_alpha_ppm);
    show_reputation(market, *p);
  }
  p->last_fulfillment_latency_ms = in.fulfillment_ms;
  market.put(*p);
  if (market.real()) {
    constexpr std::uint64_t kShown = std::uint64_t{1} << 62;
    market.ctx().observe(kFulfillmentMs,
                         static_cast<std::int64_t>(std::min(in.fulfillment_ms, kShown)));
  }
  market.emit_provider(kProviderUpdated, *p);
  return std::move(*p);
}

void observe_provider(Market& market, Provider& provider, Trait trait, Ppm quality) {
  if (market.params().bayesian_reputation_enabled == 0) return;
  if (observe(provider.reputation, trait, quality)) after_rescore(market, provider);
}

void penalize_provider(Market& market, Provider& provider, std::uint64_t severity_ppm) {
  if (market.params().bayesian_reputation_enabled == 0) return;
  if (!penalize(provider.reputation, severity_ppm)) return;
  after_rescore(market, provider);
  if (market.real()) {
    market.ctx().add(kPenalties, 1,
                     {format_provider_id(provider.id), std::to_string(severity_ppm)});
  }
}

}  // namespace energy
