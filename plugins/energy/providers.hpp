// Providers: registration, terms, stake, reputation. [machine]
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

struct RegisterParams {
  std::uint64_t capacity_kwh = 0, price_per_kwh = 0, stake = 0;
  std::string_view meter_address, jurisdiction;
  std::string_view owner = "anonymous";
};
BOOST_DESCRIBE_STRUCT(RegisterParams, (),
                      (capacity_kwh, price_per_kwh, stake, meter_address, jurisdiction, owner))

struct UpdateParams {
  std::string_view provider_id;
  std::optional<std::uint64_t> capacity_kwh, price_per_kwh;
  std::optional<std::string_view> jurisdiction;
  std::optional<std::uint64_t> stake_topup;
  std::optional<bool> reactivate;
};
BOOST_DESCRIBE_STRUCT(UpdateParams, (),
                      (provider_id, capacity_kwh, price_per_kwh, jurisdiction, stake_topup,
                       reactivate))

struct WithdrawParams {
  std::string_view provider_id;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(WithdrawParams, (), (provider_id, amount))

struct FulfillmentParams {
  std::string_view provider_id;
  std::uint64_t fulfillment_ms = 0;
  bool delivery_success = true, meter_consistent = true;
  std::uint8_t customer_rating = 5;
  bool failed = false, inconsistent = false;  // the same two, as the command line says them
};
BOOST_DESCRIBE_STRUCT(FulfillmentParams, (),
                      (provider_id, fulfillment_ms, delivery_success, meter_consistent,
                       customer_rating, failed, inconsistent))

Result<Provider> register_provider(Market& market, const RegisterParams& in);
Result<Provider> update_provider(Market& market, const UpdateParams& in);
Result<Provider> withdraw_stake(Market& market, const WithdrawParams& in);
Result<Provider> record_fulfillment(Market& market, const FulfillmentParams& in);

// One observation of a trait, with the rescore, the deactivation that may follow, and the gauges.
// Nothing while Bayesian reputation is off. A counter that is full stays full. `provider` is
// changed, not written.
void observe_provider(Market& market, Provider& provider, Trait trait, Ppm quality);
// The same for a penalty of severity `ppm`.
void penalize_provider(Market& market, Provider& provider, std::uint64_t severity_ppm);

Refusal unknown_provider(std::string_view name);

}  // namespace energy
