#include "plugins/economics/tests/vectors.hpp"

#include <boost/json.hpp>
#include <stdexcept>

#include "plugins/economics/rules/snapshot.hpp"
#include "plugins/economics/rules/tuning.hpp"

namespace economics {
namespace {

namespace json = boost::json;
using json::object;

std::uint64_t number(const json::value& value) {
  if (const auto* text = value.if_string()) return std::stoull(std::string(*text));
  return value.to_number<std::uint64_t>();
}
std::uint64_t number_or(const object& in, std::string_view name, std::uint64_t otherwise) {
  const json::value* found = in.if_contains(name);
  return found == nullptr ? otherwise : number(*found);
}
// Amounts on their way may need 128 bits; those that do are texts.
U128 wide_number(const json::value& value) {
  const auto* text = value.if_string();
  if (text == nullptr) return number(value);
  U128 out = 0;
  for (const char digit : *text) {
    if (digit < '0' || digit > '9') throw std::runtime_error("expected decimal digits");
    out = out * 10 + static_cast<unsigned>(digit - '0');
  }
  return out;
}
std::int64_t signed_number(const json::value& value) { return value.to_number<std::int64_t>(); }

Market market_named(std::string_view name) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    if (kMarketNames[i] == name) return static_cast<Market>(i);
  }
  throw std::runtime_error("there is no market '" + std::string(name) + "'");
}

template <class T>
object by_market(const PerMarket<T>& values) {
  object out;
  for (std::size_t i = 0; i < kMarkets; ++i) out[kMarketNames[i]] = values[i];
  return out;
}
PerMarket<std::uint64_t> numbers_by_market(const json::value& value) {
  PerMarket<std::uint64_t> out{};
  for (std::size_t i = 0; i < kMarkets; ++i) out[i] = number(value.at(kMarketNames[i]));
  return out;
}

Metric metric_of_case(const object& in) {
  Metric out;
  // A share below nothing is one of nothing: every law takes it so.
  if (const auto* share = in.if_contains("utilization_ppm")) {
    out.utilization_ppm = share->is_int64() && share->get_int64() < 0 ? 0 : number(*share);
  }
  if (const auto* margin = in.if_contains("margin_ppm")) out.margin_ppm = signed_number(*margin);
  out.cost_micro = number_or(in, "cost_micro", 0);
  out.payout_micro = number_or(in, "payout_micro", 0);
  return out;
}
object shown(const Metric& metric) {
  return {{"utilization_ppm", metric.utilization_ppm},
          {"margin_ppm", metric.margin_ppm},
          {"cost_micro", metric.cost_micro},
          {"payout_micro", metric.payout_micro}};
}

object replay_exp_neg(const object& in) { return {{"y_nano", exp_neg(number(in.at("x_nano")))}}; }

struct Producers {
  std::uint64_t distinct = 0, effective_milli = 0;
};
Producers producers_of(const json::value& counts) {
  Producers out;
  std::uint64_t blocks = 0;
  U128 squares = 0;
  for (const json::value& count : counts.as_array()) {
    const std::uint64_t c = number(count);
    out.distinct += c > 0 ? 1 : 0;
    blocks += c;
    squares += U128{c} * c;
  }
  out.effective_milli = effective_producers(blocks, squares);
  return out;
}

object replay_fairness(const object& in) {
  const std::uint64_t n = producers_of(in.at("producer_counts")).effective_milli;
  return {{"n_eff_milli", n},
          {"fairness_nano", fairness_factor(n, number(in.at("logistic_target")),
                                            number(in.at("logistic_slope_milli")))}};
}

Baselines baselines_of(const object& in) {
  return {number(in.at("tx_count_micro")), number(in.at("tx_volume_micro")),
          number(in.at("miners_micro"))};
}
object shown(const Baselines& b) {
  return {{"tx_count_micro", b.tx_count_micro},
          {"tx_volume_micro", b.tx_volume_micro},
          {"miners_micro", b.miners_micro}};
}

// Values of the genesis that a case may name.
Genesis genesis_of(const object& in, Params& params) {
  Genesis out;
  out.max_supply = number_or(in, "max_supply_block", out.max_supply);
  out.epoch_blocks = number_or(in, "epoch_blocks", out.epoch_blocks);
  for (std::uint32_t i = kFirstGenesisParam; i < kParamCount; ++i) {
    if (const json::value* value = in.if_contains(param_table()[i].key)) {
      params.set(static_cast<ParamId>(i),
                 value->is_bool() ? (value->as_bool() ? 1u : 0u) : number(*value));
    }
  }
  return out;
}

object replay_issuance(const object& in) {
  Params params;
  const Genesis genesis = genesis_of(in, params);
  Baselines baselines = baselines_of(in.at("baselines").as_object());
  json::array epochs;
  for (const json::value& value : in.at("epochs").as_array()) {
    const object& epoch = value.as_object();
    Activity activity{number(epoch.at("tx_count")), number(epoch.at("tx_volume_block")),
                      number(epoch.at("unique_miners")), number(epoch.at("avg_utilization_ppm")),
                      number(epoch.at("total_emission"))};
    const std::uint64_t reward = block_reward(genesis, params, baselines, activity);
    const Issuance issuance = issuance_of(reward, activity.emission);
    baselines = next_baselines(genesis, params, baselines, activity);
    epochs.push_back(object{{"block_reward_per_block", reward},
                            {"annual_issuance_block", issuance.annual_issuance},
                            {"realized_inflation_bps", issuance.realized_inflation_bps},
                            {"baselines", shown(baselines)}});
  }
  return {{"epochs", epochs}};
}

object replay_subsidy(const object& in) {
  const object& given = in.at("params").as_object();
  Params params;
  PerMarket<Metric> metrics{};
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Market market = static_cast<Market>(i);
    params.set(of_market(kUtilTarget, market),
               number(given.at("util_target_bps").at(kMarketNames[i])));
    params.set(of_market(kMarginTarget, market),
               number(given.at("margin_target_bps").at(kMarketNames[i])));
    metrics[i] = metric_of_case(in.at("metrics").at(kMarketNames[i]).as_object());
  }
  params.set(kAllocatorAlpha, number(given.at("alpha_milli")));
  params.set(kAllocatorBeta, number(given.at("beta_milli")));
  params.set(kAllocatorTemperature, number(given.at("temperature_milli")));
  params.set(kAllocatorDrift, number(given.at("drift_milli")));
  const SubsidyShares shares =
      next_shares(params, metrics, numbers_by_market(in.at("current_bps")));
  return {{"shares_bps", by_market(shares.bps)},
          {"distress_nano", by_market(shares.distress_nano)},
          {"target_nano", by_market(shares.target_nano)}};
}

object replay_multiplier(const object& in) {
  const object& given = in.at("params").as_object();
  Params params;
  constexpr Market kAny = Market::kEnergy;
  params.set(of_market(kUtilTarget, kAny), number(in.at("util_target_bps")));
  params.set(of_market(kMarginTarget, kAny), number(in.at("margin_target_bps")));
  params.set(of_market(kUtilResponse, kAny), number(given.at("k_u_milli")));
  params.set(of_market(kCostResponse, kAny), number(given.at("k_c_milli")));
  params.set(of_market(kMultiplierFloor, kAny), number(given.at("floor_milli")));
  params.set(of_market(kMultiplierCeiling, kAny), number(given.at("ceiling_milli")));
  return {{"multiplier_ppm",
           multiplier_ppm(params, kAny, metric_of_case(in.at("metric").as_object()))}};
}

object replay_ad_drift(const object& in) {
  Params params;
  params.set(kAdPlatformTarget, number(in.at("platform_take_target_bps")));
  params.set(kAdUserTarget, number(in.at("user_share_target_bps")));
  params.set(kAdDrift, number(in.at("drift_milli")));
  AdState state{signed_number(in.at("state").at("platform_nano")),
                signed_number(in.at("state").at("user_nano"))};
  for (std::uint64_t i = 0; i < number(in.at("epochs")); ++i) state = drifted(params, state);
  const AdSplit split = split_of(state);
  const AdPayout paid = payout(split, 1'000'003);
  return {{"state", {{"platform_nano", state.platform_nano}, {"user_nano", state.user_nano}}},
          {"split",
           {{"platform_take_bps", split.platform_bps},
            {"user_share_bps", split.user_bps},
            {"publisher_share_bps", split.publisher_bps}}},
          {"payout_of_1000003",
           {{"platform", paid.platform}, {"user", paid.user}, {"publisher", paid.publisher}}}};
}

object replay_tariff(const object& in) {
  const object& given = in.at("params").as_object();
  Params params;
  params.set(kTariffRevenueTarget, number(given.at("public_revenue_target_bps")));
  params.set(kTariffDrift, number(given.at("drift_milli")));
  params.set(kTariffMin, number(given.at("min_bps")));
  params.set(kTariffMax, number(given.at("max_bps")));
  Tariff tariff = kept_tariff(number(in.at("tariff_micro_bps")));
  std::uint64_t volume = 0;
  for (const json::value& epoch : in.at("epochs").as_array()) {
    volume = number(epoch.at("non_kyc_volume_block"));
    tariff =
        next_tariff(params, tariff.micro_bps, volume, number(epoch.at("treasury_inflow_block")));
  }
  return {{"last",
           {{"tariff_bps", tariff.bps},
            {"non_kyc_volume_block", volume},
            {"treasury_contribution_bps", tariff.contribution_bps}}},
          {"tariff_micro_bps", tariff.micro_bps}};
}

object replay_legacy(const object& in) {
  const object& given = in.at("params").as_object();
  Params params;
  params.set(kInflationTarget, number(given.at("target_inflation_bps")));
  params.set(kInflationGain, number(given.at("gain_milli")));
  params.set(kMinAnnualIssuance, number(given.at("min_annual_issuance_block")));
  params.set(kMaxAnnualIssuance, number(given.at("max_annual_issuance_block")));
  const LegacyInflation out =
      legacy_inflation(params, number(given.at("previous_annual_issuance_block")),
                       number(in.at("circulating_block")));
  return {{"annual_issuance_block", out.annual_issuance},
          {"realized_inflation_bps", out.realized_inflation_bps},
          {"block_reward_per_block", out.block_reward}};
}

object replay_receipt_metric(const object& in) {
  const Market market = market_named(in.at("market").as_string());
  constexpr std::string_view kRevenue[] = {"price", "payment", "price", "spend"};
  constexpr std::string_view kUnits[] = {"bytes", "compute_units", "energy_units", "impressions"};
  const std::size_t place = static_cast<std::size_t>(market);
  ReceiptTotals totals;
  for (const json::value& value : in.at("receipts").as_array()) {
    const object& receipt = value.as_object();
    totals.receipts += 1;
    totals.revenue = saturating_add(totals.revenue, number_or(receipt, kRevenue[place], 0));
    totals.units = saturating_add(totals.units, number_or(receipt, kUnits[place], 0));
    totals.provider_escrow =
        saturating_add(totals.provider_escrow, number_or(receipt, "provider_escrow", 0));
    totals.conversions = saturating_add(totals.conversions, number_or(receipt, "conversions", 0));
  }
  return shown(metric_of(market, totals));
}

object replay_sample_metric(const object& in) {
  return shown(metric_of({number(in.at("capacity_units")), number(in.at("used_units")),
                          number(in.at("payout_total")), number(in.at("cost_total"))}));
}

object replay_distribute(const object& in) {
  std::vector<U128> weights;
  for (const json::value& weight : in.at("weights").as_array()) weights.push_back(number(weight));
  json::array parts;
  for (std::uint64_t part : distribute(number(in.at("total")), weights)) parts.emplace_back(part);
  return {{"allocations", parts}};
}

object replay_coinbase(const object& in) {
  CoinbaseInput given;
  given.max_supply = number(in.at("max_supply_block"));
  given.emission = number(in.at("emission"));
  given.block_reward = number(in.at("block_reward_per_block"));
  given.fairness_nano = number(in.at("fairness_nano"));
  given.subsidies = numbers_by_market(in.at("subsidies"));
  given.fees = number(in.at("producer_fees"));
  given.treasury_percent = number(in.at("treasury_percent"));
  const Coinbase out = coinbase(given);
  return {{"reward", out.reward},
          {"subsidies", by_market(out.subsidies)},
          {"treasury_cut", out.treasury_cut},
          {"producer", out.producer},
          {"minted", out.minted},
          {"emission", given.emission + out.minted}};
}

json::value shown_wide(U128 value) {
  if (value <= kMaxU64) return static_cast<std::uint64_t>(value);
  std::string digits;
  for (; value != 0; value /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
  return json::value(digits);
}

object replay_usage(const object& in) {
  const json::array &rates = in.at("rates_nblock").as_array(), &deltas = in.at("deltas").as_array();
  if (rates.size() != deltas.size()) throw std::runtime_error("as many rates as deltas, please");
  U128 usage = 0;
  for (std::size_t i = 0; i < rates.size(); ++i)
    usage += usage_nano(number(rates[i]), number(deltas[i]));
  const UsageMint out =
      mint_usage(usage, number(in.at("multiplier_ppm")), number_or(in, "kill_switch", 0),
                 wide_number(in.at("carry_nano")), number(in.at("budget_left")));
  return {{"mint", out.mint},
          {"carry_nano", shown_wide(out.carry_nano)},
          {"budget_left", out.budget_left}};
}

object replay_budget(const object& in) {
  return by_market(subsidy_budgets(number(in.at("block_reward_per_block")),
                                   number(in.at("epoch_blocks")),
                                   numbers_by_market(in.at("shares_bps"))));
}

object replay_industrial(const object& in) {
  const Industrial out = next_industrial({number(in.at("state_milli")), number(in.at("current"))},
                                         number(in.at("backlog")), number(in.at("utilization")));
  return {{"state_milli", out.milli}, {"multiplier", out.multiplier}};
}

void set_params(const object& in, Params& params) {
  for (const auto& member : in) {
    const auto id = find_param(std::string_view(member.key()));
    if (!id) throw std::runtime_error("no parameter '" + std::string(member.key()) + "'");
    params.set(*id, number(member.value()));
  }
}

LawState state_of(const object& in) {
  LawState out;
  out.baselines = {number(in.at("baseline_tx_count_micro")),
                   number(in.at("baseline_tx_volume_micro")),
                   number(in.at("baseline_miners_micro"))};
  out.block_reward = number(in.at("block_reward_per_block"));
  out.shares_bps = numbers_by_market(in.at("subsidies"));
  out.multipliers_ppm = numbers_by_market(in.at("multipliers_ppm"));
  out.ad = {signed_number(in.at("ad_platform_nano")), signed_number(in.at("ad_user_nano"))};
  out.tariff_micro_bps = number(in.at("tariff_micro_bps"));
  out.fairness = {number(in.at("fairness_nano")), number(in.at("fairness_last_n_milli")),
                  number(in.at("fairness_lock_until_height"))};
  out.prev_hash = std::string(in.at("prev_hash").as_string());
  return out;
}

EpochInputs inputs_of(const object& in) {
  EpochInputs out;
  out.epoch = number(in.at("epoch"));
  out.emission = number(in.at("emission_block"));
  out.tx_count = number(in.at("tx_count"));
  out.tx_volume = number(in.at("tx_volume_block"));
  const Producers producers = producers_of(in.at("producer_counts"));
  out.unique_miners = producers.distinct;
  out.effective_miners_milli = producers.effective_milli;
  for (std::size_t i = 0; i < kMarkets; ++i)
    out.markets[i] = metric_of_case(in.at("markets").at(kMarketNames[i]).as_object());
  out.ad_spend = number(in.at("ad_spend_block"));
  out.non_kyc_volume = number(in.at("non_kyc_volume_block"));
  out.treasury_inflow = number(in.at("treasury_inflow_block"));
  return out;
}

object replay_epochs(const object& in) {
  Params defaults;
  set_params(in.at("params_default").as_object(), defaults);
  const Genesis genesis = genesis_of(in.at("genesis").as_object(), defaults);
  LawState state = state_of(in.at("state").as_object());
  json::array epochs;
  for (const json::value& value : in.at("epochs").as_array()) {
    Params params = defaults;
    set_params(value.at("params_overrides").as_object(), params);
    const Snapshot snapshot =
        run_laws(genesis, params, state, inputs_of(value.at("inputs").as_object()));
    const std::string text = canonical_json(snapshot);
    state = snapshot.state;
    state.prev_hash = hash_of(text);
    epochs.push_back(object{{"snapshot", json::parse(text)}, {"snapshot_hash", state.prev_hash}});
  }
  return {{"epochs", epochs}, {"tip_hash", state.prev_hash}};
}

struct Function {
  std::string_view name;
  object (*replay)(const object&);
};
constexpr Function kFunctions[] = {
    {"exp_neg", replay_exp_neg},
    {"fairness", replay_fairness},
    {"issuance", replay_issuance},
    {"subsidy", replay_subsidy},
    {"multiplier", replay_multiplier},
    {"ad_drift", replay_ad_drift},
    {"tariff", replay_tariff},
    {"legacy_inflation", replay_legacy},
    {"metric_from_receipts", replay_receipt_metric},
    {"metric_from_sample", replay_sample_metric},
    {"distribute", replay_distribute},
    {"coinbase", replay_coinbase},
    {"usage_claims", replay_usage},
    {"subsidy_budget", replay_budget},
    {"industrial_multiplier", replay_industrial},
    {"epoch_sequence", replay_epochs},
};

}  // namespace

std::string replay_economics_case(std::string_view, std::string_view input_json) {
  const json::value input = json::parse(json::string_view(input_json.data(), input_json.size()));
  const std::string_view fn = input.at("fn").as_string();
  for (const Function& function : kFunctions) {
    if (function.name == fn) return json::serialize(function.replay(input.as_object()));
  }
  throw std::runtime_error("the rules of economics have no function '" + std::string(fn) + "'");
}

}  // namespace economics
