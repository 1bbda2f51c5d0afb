#include "plugins/economics/rules/params.hpp"

#include <charconv>
#include <vector>

namespace economics {
namespace {

constexpr ParamSpec kTable[] = {
    {"inflation_target_bps", 500, 0, 10'000, "bps",
     "inflation that the legacy series and the inflation error aim at", "", true},
    {"inflation_controller_gain", 100, 0, 1'000, "milli", "gain of the legacy series", "", true},
    {"min_annual_issuance_block", 50'000'000, 0, 1'000'000'000'000'000, "BLOCK",
     "lower bound of the legacy series", "", true},
    {"max_annual_issuance_block", 300'000'000, 0, 1'000'000'000'000'000, "BLOCK",
     "upper bound of the legacy series", "", true},
    {"storage_util_target_bps", 4'000, 0, 10'000, "bps", "utilisation that layers 2 and 3 aim at",
     "", true},
    {"compute_util_target_bps", 6'000, 0, 10'000, "bps", "utilisation that layers 2 and 3 aim at",
     "", true},
    {"energy_util_target_bps", 5'000, 0, 10'000, "bps", "utilisation that layers 2 and 3 aim at",
     "", true},
    {"ad_util_target_bps", 5'000, 0, 10'000, "bps", "utilisation that layers 2 and 3 aim at", "",
     true},
    {"storage_margin_target_bps", 5'000, 0, 20'000, "bps",
     "provider margin that layers 2 and 3 aim at", "", true},
    {"compute_margin_target_bps", 5'000, 0, 20'000, "bps",
     "provider margin that layers 2 and 3 aim at", "", true},
    {"energy_margin_target_bps", 2'500, 0, 20'000, "bps",
     "provider margin that layers 2 and 3 aim at", "", true},
    {"ad_margin_target_bps", 3'000, 0, 20'000, "bps", "provider margin that layers 2 and 3 aim at",
     "", true},
    {"subsidy_allocator_alpha", 600, 0, 10'000, "milli", "weight of the utilisation gap", "", true},
    {"subsidy_allocator_beta", 400, 0, 10'000, "milli", "weight of the margin gap", "", true},
    {"subsidy_allocator_temperature", 1'000, 1, 100'000, "milli",
     "softmax temperature: smaller favours the neediest market more", "", true},
    {"subsidy_allocator_drift_rate", 50, 0, 1'000, "milli",
     "step of the shares toward their targets in an epoch", "", true},
    {"storage_util_responsiveness", 200, 0, 10'000, "milli",
     "gain of the utilisation term of the multiplier", "", true},
    {"compute_util_responsiveness", 300, 0, 10'000, "milli",
     "gain of the utilisation term of the multiplier", "", true},
    {"energy_util_responsiveness", 250, 0, 10'000, "milli",
     "gain of the utilisation term of the multiplier", "", true},
    {"ad_util_responsiveness", 150, 0, 10'000, "milli",
     "gain of the utilisation term of the multiplier", "", true},
    {"storage_cost_responsiveness", 150, 0, 10'000, "milli",
     "gain of the cost term of the multiplier", "", true},
    {"compute_cost_responsiveness", 200, 0, 10'000, "milli",
     "gain of the cost term of the multiplier", "", true},
    {"energy_cost_responsiveness", 300, 0, 10'000, "milli",
     "gain of the cost term of the multiplier", "", true},
    {"ad_cost_responsiveness", 100, 0, 10'000, "milli", "gain of the cost term of the multiplier",
     "", true},
    {"storage_multiplier_floor", 200, 1, 1'000, "milli", "lower bound of the multiplier", "", true},
    {"compute_multiplier_floor", 200, 1, 1'000, "milli", "lower bound of the multiplier", "", true},
    {"energy_multiplier_floor", 100, 1, 1'000, "milli", "lower bound of the multiplier", "", true},
    {"ad_multiplier_floor", 500, 1, 1'000, "milli", "lower bound of the multiplier", "", true},
    {"storage_multiplier_ceiling", 5'000, 1'000, 100'000, "milli", "upper bound of the multiplier",
     "", true},
    {"compute_multiplier_ceiling", 8'000, 1'000, 100'000, "milli", "upper bound of the multiplier",
     "", true},
    {"energy_multiplier_ceiling", 10'000, 1'000, 100'000, "milli", "upper bound of the multiplier",
     "", true},
    {"ad_multiplier_ceiling", 3'000, 1'000, 100'000, "milli", "upper bound of the multiplier", "",
     true},
    {"ad_platform_take_target_bps", 2'800, 0, 10'000, "bps",
     "platform share of ad spend that the split drifts to", "", true},
    {"ad_user_share_target_bps", 2'200, 0, 10'000, "bps",
     "user share of ad spend that the split drifts to", "", true},
    {"ad_drift_rate", 10, 0, 1'000, "milli", "step of the ad split in an epoch", "", true},
    {"tariff_public_revenue_target_bps", 1'000, 0, 10'000, "bps",
     "share of the treasury's inflow that the tariff aims at", "", true},
    {"tariff_drift_rate", 50, 0, 1'000, "milli", "step of the tariff in an epoch", "", true},
    {"tariff_min_bps", 0, 0, 1'000, "bps", "lower bound of the tariff", "", true},
    {"tariff_max_bps", 200, 0, 1'000, "bps", "upper bound of the tariff", "", true},
    {"economics_freeze_mask", 0, 0, 31, "mask",
     "layers that keep their last output: 1 issuance, 2 subsidy, 4 multipliers, 8 ad, 16 tariff",
     "", true},
    {"subsidy_auto_tune_enabled", 0, 0, 1, "bool", "1: the usage rates follow the inflation target",
     "", false},
    {"miner_reward_logistic_target", 100, 1, 1'000'000, "producers",
     "effective producers at which the reward is halved", "", true},
    {"logistic_slope_milli", 460, 1, 1'000'000, "milli", "steepness of the fairness factor", "",
     true},
    {"miner_hysteresis", 10, 0, 1'000'000, "producers",
     "change of the effective producers that moves the fairness factor", "", true},
    {"treasury_percent", 0, 0, 100, "percent",
     "treasury's part of reward and fees of each block, rounded up", "treasury.percent", false},
    {"beta_storage_sub", 50, 0, 1'000'000, "nBLOCK per byte", "subsidy of stored bytes", "", false},
    {"gamma_read_sub", 20, 0, 1'000'000, "nBLOCK per byte", "subsidy of bytes read", "", false},
    {"kappa_cpu_sub", 10, 0, 1'000'000, "nBLOCK per ms", "subsidy of computing time", "", false},
    {"lambda_bytes_out_sub", 5, 0, 1'000'000, "nBLOCK per byte", "subsidy of bytes sent out", "",
     false},
    {"read_subsidy_viewer_percent", 40, 0, 100, "percent",
     "weight of the viewer in read subsidies and ad payouts", "", false},
    {"read_subsidy_host_percent", 30, 0, 100, "percent",
     "weight of the host in read subsidies and ad payouts", "", false},
    {"read_subsidy_hardware_percent", 15, 0, 100, "percent",
     "weight of the hardware in read subsidies and ad payouts", "", false},
    {"read_subsidy_verifier_percent", 10, 0, 100, "percent",
     "weight of the verifier in read subsidies and ad payouts", "", false},
    {"read_subsidy_liquidity_percent", 5, 0, 100, "percent",
     "weight of the liquidity in read subsidies and ad payouts", "", false},
    {"kill_switch_subsidy_reduction", 0, 0, 100, "percent", "reduction of all usage subsidies", "",
     false},
    {"launch_economics_autopilot", 1, 0, 1, "gate",
     "0: the laws run, but what is minted and charged stays as it was", "", false},
    {"expected_total_blocks", 20'000'000, 0, std::uint64_t{1} << 62, "blocks",
     "blocks over which 90 % of the supply is spread; 0: no rewards",
     "economics.expected_total_blocks", false},
    {"activity_min_nano", 500'000'000, 0, 100'000'000'000, "nano",
     "lower bound of the activity factor", "economics.activity_min_nano", false},
    {"activity_max_nano", 2'000'000'000, 0, 100'000'000'000, "nano",
     "upper bound of the activity factor", "economics.activity_max_nano", false},
    {"decentralization_min_nano", 500'000'000, 0, 100'000'000'000, "nano",
     "lower bound of the decentralisation factor", "economics.decentralization_min_nano", false},
    {"decentralization_max_nano", 1'500'000'000, 0, 100'000'000'000, "nano",
     "upper bound of the decentralisation factor", "economics.decentralization_max_nano", false},
    {"ema_alpha_ppm", 50'000, 0, 1'000'000, "ppm", "smoothing of the baselines",
     "economics.ema_alpha_ppm", false},
    {"adaptive_baselines", 1, 0, 1, "bool", "0: the baselines stay", "economics.adaptive_baselines",
     false},
    {"baseline_min_tx_count", 50, 1, 1'000'000'000'000, "count", "least baseline of tx_count",
     "economics.baseline_min_tx_count", false},
    {"baseline_max_tx_count", 10'000, 1, 1'000'000'000'000, "count", "largest baseline of tx_count",
     "economics.baseline_max_tx_count", false},
    {"baseline_min_tx_volume", 5'000, 1, 1'000'000'000'000, "BLOCK", "least baseline of tx_volume",
     "economics.baseline_min_tx_volume", false},
    {"baseline_max_tx_volume", 1'000'000, 1, 1'000'000'000'000, "BLOCK",
     "largest baseline of tx_volume", "economics.baseline_max_tx_volume", false},
    {"baseline_min_miners", 5, 1, 1'000'000'000'000, "count", "least baseline of miners",
     "economics.baseline_min_miners", false},
    {"baseline_max_miners", 100, 1, 1'000'000'000'000, "count", "largest baseline of miners",
     "economics.baseline_max_miners", false},
    {"genesis_ad_platform_bps", 10'001, 0, 10'001, "bps",
     "platform share of the first ad split; 10001: the target", "economics.genesis_ad_platform_bps",
     false},
    {"genesis_ad_user_bps", 10'001, 0, 10'001, "bps",
     "user share of the first ad split; 10001: the target", "economics.genesis_ad_user_bps", false},
};
static_assert(std::size(kTable) == kParamCount);

// The hashed parameters by ascending key.
std::vector<ParamId> hashed_in_order() {
  std::vector<ParamId> ids;
  for (std::uint32_t i = 0; i < kParamCount; ++i) {
    if (kTable[i].hashed) ids.push_back(static_cast<ParamId>(i));
  }
  std::sort(ids.begin(), ids.end(),
            [](ParamId a, ParamId b) { return kTable[a].key < kTable[b].key; });
  return ids;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::span<const ParamSpec, kParamCount> param_table() { return kTable; }

std::optional<ParamId> find_param(std::string_view key) {
  for (std::uint32_t i = 0; i < kParamCount; ++i) {
    if (kTable[i].key == key || (!key.empty() && kTable[i].alias == key))
      return static_cast<ParamId>(i);
  }
  return std::nullopt;
}

Params::Params() {
  for (std::size_t i = 0; i < kParamCount; ++i) values_[i] = kTable[i].default_value;
}

std::string Params::canonical_json() const {
  std::string out = "{";
  for (ParamId id : hashed_in_order()) {
    if (out.size() > 1) out += ',';
    out.append("\"").append(kTable[id].key).append("\":").append(std::to_string(values_[id]));
  }
  return out + "}";
}

bool Params::read_canonical(std::string_view text) {
  if (!take(text, '{')) return false;
  while (take(text, '"')) {
    const std::size_t quote = text.find('"');
    if (quote == std::string_view::npos) return false;
    const std::optional<ParamId> id = find_param(text.substr(0, quote));
    text.remove_prefix(quote + 1);
    if (!id || !take(text, ':')) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), values_[*id]);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!take(text, ',')) break;
  }
  return text == "}";
}

std::string check_groups(const Params& p) {
  if (p[kAdPlatformTarget] + p[kAdUserTarget] > kBps)
    return "ad_platform_take_target_bps + ad_user_share_target_bps would exceed 10000";
  if (p[kTariffMin] > p[kTariffMax]) return "tariff_min_bps would exceed tariff_max_bps";
  if (p[kMinAnnualIssuance] > p[kMaxAnnualIssuance])
    return "min_annual_issuance_block would exceed max_annual_issuance_block";
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Market market = static_cast<Market>(i);
    if (p.of(kMultiplierFloor, market) > p.of(kMultiplierCeiling, market))
      return std::string(kMarketNames[i]) + "_multiplier_floor would exceed its ceiling";
  }
  return {};
}

}  // namespace economics
