#include "plugins/gov-core/params_catalogue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gov {
namespace {

constexpr std::uint64_t kMillion = 1'000'000, kBillionMillion = 1'000'000'000'000'000;

constexpr CatalogueEntry kEntries[] = {
    // kernel and chain
    {"snapshot_interval_secs", 30, 5, 600, "s", "kernel"},
    {"heuristic_mu_milli", 500, 0, 10'000, "milli", "kernel"},
    {"ai_diagnostics_enabled", 0, 0, 1, "bool", "kernel"},
    {"scheduler_weight_gossip", 3, 0, 16, "tickets", "kernel"},
    {"scheduler_weight_compute", 2, 0, 16, "tickets", "kernel"},
    {"scheduler_weight_storage", 1, 0, 16, "tickets", "kernel"},
    {"runtime_backend_policy", 1, 1, 3, "mask", "kernel"},
    {"kalman_r_short", 1, 1, 1'000, "weight", "chain"},
    {"kalman_r_med", 3, 1, 1'000, "weight", "chain"},
    {"kalman_r_long", 8, 1, 1'000, "weight", "chain"},
    {"transport_provider_policy", 1, 1, 15, "mask", "network"},
    {"storage_engine_policy", 10, 1, 15, "mask", "storage"},
    {"badge_expiry_secs", 2'592'000, 3'600, 31'536'000, "s", "badges"},
    {"badge_issue_uptime_percent", 99, 50, 100, "percent", "badges"},
    {"badge_revoke_uptime_percent", 95, 0, 100, "percent", "badges"},
    {"jurisdiction_region", 0, 0, 10, "code", "jurisdiction"},
    // fees and lanes
    {"consumer_fee_comfort_p90_microunits", 2'500, 500, 25'000, "micro", "ledger"},
    {"fee_floor_window", 256, 1, 4'096, "samples", "ledger"},
    {"fee_floor_percentile", 75, 0, 100, "percent", "ledger"},
    {"lane_based_settlement_enabled", 0, 0, 1, "bool", "ledger"},
    {"lane_consumer_capacity", 1'000, 1, kMillion, "tx/block", "ledger"},
    {"lane_industrial_capacity", 500, 1, kMillion, "tx/block", "ledger"},
    {"lane_consumer_congestion_sensitivity", 300, 0, 100'000, "1/100", "ledger"},
    {"lane_industrial_congestion_sensitivity", 500, 0, 100'000, "1/100", "ledger"},
    {"lane_industrial_min_premium_percent", 50, 0, 10'000, "percent", "ledger"},
    {"lane_target_utilization_percent", 70, 1, 99, "percent", "ledger"},
    {"lane_market_signal_half_life", 50, 1, 100'000, "blocks", "ledger"},
    {"lane_market_demand_max_multiplier_percent", 300, 0, 10'000, "percent", "ledger"},
    {"lane_market_demand_sensitivity_percent", 200, 1, 10'000, "percent", "ledger"},
    {"lane_pi_proportional_gain_percent", 10, 0, 1'000, "percent", "ledger"},
    {"lane_pi_integral_gain_percent", 1, 0, 1'000, "percent", "ledger"},
    // compute, storage, light client
    {"industrial_admission_min_capacity", 10, 1, 10'000, "units", "compute-market"},
    {"fairshare_global_max_ppm", 250'000, 10'000, kMillion, "ppm", "compute-market"},
    {"burst_refill_rate_per_s_ppm", 500'000, 0, kMillion, "ppm", "compute-market"},
    {"proof_verification_budget_ms", 100, 0, 10'000, "ms", "compute-market"},
    {"rent_rate_per_byte", 0, 0, kMillion, "nBLOCK/byte", "storage-market"},
    {"proof_rebate_limit", 1, 0, kMillion, "nBLOCK/proof", "light-client"},
    // economics
    {"beta_storage_sub", 50, 0, kMillion, "nBLOCK/byte", "economics"},
    {"gamma_read_sub", 20, 0, kMillion, "nBLOCK/byte", "economics"},
    {"lambda_bytes_out_sub", 5, 0, kMillion, "nBLOCK/byte", "economics"},
    {"kappa_cpu_sub", 10, 0, kMillion, "nBLOCK/ms", "economics"},
    {"read_subsidy_viewer_percent", 40, 0, 100, "percent", "economics"},
    {"read_subsidy_host_percent", 30, 0, 100, "percent", "economics"},
    {"read_subsidy_hardware_percent", 15, 0, 100, "percent", "economics"},
    {"read_subsidy_verifier_percent", 10, 0, 100, "percent", "economics"},
    {"read_subsidy_liquidity_percent", 5, 0, 100, "percent", "economics"},
    {"treasury_percent", 0, 0, 100, "percent", "economics"},
    {kKillSwitch, 0, 0, 100, "percent", "economics", 10'800},
    {"miner_reward_logistic_target", 100, 1, kMillion, "producers", "economics"},
    {"logistic_slope_milli", 460, 1, kMillion, "milli", "economics"},
    {"miner_hysteresis", 10, 0, kMillion, "producers", "economics"},
    {"inflation_target_bps", 500, 0, 10'000, "bps", "economics"},
    {"inflation_controller_gain", 100, 0, 1'000, "milli", "economics"},
    {"min_annual_issuance_block", 50'000'000, 0, kBillionMillion, "BLOCK", "economics"},
    {"max_annual_issuance_block", 300'000'000, 0, kBillionMillion, "BLOCK", "economics"},
    {"storage_util_target_bps", 4'000, 0, 10'000, "bps", "economics"},
    {"compute_util_target_bps", 6'000, 0, 10'000, "bps", "economics"},
    {"energy_util_target_bps", 5'000, 0, 10'000, "bps", "economics"},
    {"ad_util_target_bps", 5'000, 0, 10'000, "bps", "economics"},
    {"storage_margin_target_bps", 5'000, 0, 20'000, "bps", "economics"},
    {"compute_margin_target_bps", 5'000, 0, 20'000, "bps", "economics"},
    {"energy_margin_target_bps", 2'500, 0, 20'000, "bps", "economics"},
    {"ad_margin_target_bps", 3'000, 0, 20'000, "bps", "economics"},
    {"subsidy_allocator_alpha", 600, 0, 10'000, "milli", "economics"},
    {"subsidy_allocator_beta", 400, 0, 10'000, "milli", "economics"},
    {"subsidy_allocator_temperature", 1'000, 1, 100'000, "milli", "economics"},
    {"subsidy_allocator_drift_rate", 50, 0, 1'000, "milli", "economics"},
    {"storage_util_responsiveness", 200, 0, 10'000, "milli", "economics"},
    {"storage_cost_responsiveness", 150, 0, 10'000, "milli", "economics"},
    {"storage_multiplier_floor", 200, 1, 1'000, "milli", "economics"},
    {"storage_multiplier_ceiling", 5'000, 1'000, 100'000, "milli", "economics"},
    {"compute_util_responsiveness", 300, 0, 10'000, "milli", "economics"},
    {"compute_cost_responsiveness", 200, 0, 10'000, "milli", "economics"},
    {"compute_multiplier_floor", 200, 1, 1'000, "milli", "economics"},
    {"compute_multiplier_ceiling", 8'000, 1'000, 100'000, "milli", "economics"},
    {"energy_util_responsiveness", 250, 0, 10'000, "milli", "economics"},
    {"energy_cost_responsiveness", 300, 0, 10'000, "milli", "economics"},
    {"energy_multiplier_floor", 100, 1, 1'000, "milli", "economics"},
    {"energy_multiplier_ceiling", 10'000, 1'000, 100'000, "milli", "economics"},
    {"ad_util_responsiveness", 150, 0, 10'000, "milli", "economics"},
    {"ad_cost_responsiveness", 100, 0, 10'000, "milli", "economics"},
    {"ad_multiplier_floor", 500, 1, 1'000, "milli", "economics"},
    {"ad_multiplier_ceiling", 3'000, 1'000, 100'000, "milli", "economics"},
    {"ad_platform_take_target_bps", 2'800, 0, 10'000, "bps", "economics"},
    {"ad_user_share_target_bps", 2'200, 0, 10'000, "bps", "economics"},
    {"ad_drift_rate", 10, 0, 1'000, "milli", "economics"},
    {"tariff_public_revenue_target_bps", 1'000, 0, 10'000, "bps", "economics"},
    {"tariff_drift_rate", 50, 0, 1'000, "milli", "economics"},
    {"tariff_min_bps", 0, 0, 1'000, "bps", "economics"},
    {"tariff_max_bps", 200, 0, 1'000, "bps", "economics"},
    {"economics_freeze_mask", 0, 0, 31, "bits", "economics"},
    {"subsidy_auto_tune_enabled", 0, 0, 1, "bool", "economics"},
    // bridge and energy
    {"bridge_min_bond", 50, 0, kMillion, "BLOCK", "bridge"},
    {"bridge_duty_reward", 5, 0, kMillion, "BLOCK", "bridge"},
    {"bridge_failure_slash", 10, 0, kMillion, "BLOCK", "bridge"},
    {"bridge_challenge_slash", 25, 0, kMillion, "BLOCK", "bridge"},
    {"bridge_duty_window_secs", 300, 1, 86'400, "s", "bridge"},
    {"energy_min_stake", 1'000, 0, kMillion, "BLOCK", "energy"},
    {"energy_oracle_timeout_blocks", 720, 1, 10'000, "blocks", "energy"},
    {"energy_slashing_rate_bps", 0, 0, 10'000, "bps", "energy"},
    {"energy_settlement_mode", 1, 0, 1, "mode", "energy"},
    {"energy_settlement_quorum_ppm", 0, 0, kMillion, "ppm", "energy"},
    {"energy_settlement_expiry_blocks", 0, 0, 100'000, "blocks", "energy"},
    // ad market
    {"ad_readiness_window_secs", 21'600, 60, 86'400, "s", "ad-market"},
    {"ad_readiness_min_unique_viewers", 250, 0, kMillion, "count", "ad-market"},
    {"ad_readiness_min_host_count", 25, 0, kMillion, "count", "ad-market"},
    {"ad_readiness_min_provider_count", 10, 0, kMillion, "count", "ad-market"},
    {"ad_rehearsal_enabled", 0, 0, 1, "bool", "ad-market"},
    {"ad_rehearsal_contextual_enabled", 0, 0, 1, "bool", "ad-market"},
    {"ad_rehearsal_presence_enabled", 0, 0, 1, "bool", "ad-market"},
    {"ad_rehearsal_stability_windows", 6, 0, 10'000, "windows", "ad-market"},
    {"ad_rehearsal_contextual_stability_windows", 6, 0, 10'000, "windows", "ad-market"},
    {"ad_rehearsal_presence_stability_windows", 6, 0, 10'000, "windows", "ad-market"},
    {"ad_use_percentile_thresholds", 0, 0, 1, "bool", "ad-market"},
    {"ad_viewer_percentile", 90, 0, 100, "percent", "ad-market"},
    {"ad_host_percentile", 75, 0, 100, "percent", "ad-market"},
    {"ad_provider_percentile", 50, 0, 100, "percent", "ad-market"},
    {"ad_ema_smoothing_ppm", 200'000, 0, kMillion, "ppm", "ad-market"},
    {"ad_floor_unique_viewers", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_floor_host_count", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_floor_provider_count", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_cap_unique_viewers", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_cap_host_count", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_cap_provider_count", 0, 0, 10'000'000, "count", "ad-market"},
    {"ad_percentile_buckets", 12, 4, 360, "buckets", "ad-market"},
    // range boost, launch, naming
    {"presence_min_crowd_size", 5, 1, kMillion, "count", "range-boost"},
    {"presence_ttl_secs", 86'400, 60, 2'592'000, "s", "range-boost"},
    {"presence_radius_meters", 500, 10, 10'000, "m", "range-boost"},
    {"presence_proof_cache_size", 10'000, 100, 10'000'000, "count", "range-boost"},
    {"presence_min_confidence_bps", 8'000, 0, 10'000, "bps", "range-boost"},
    {"launch_operational_flag", 0, 0, 1, "bool", "governor"},
    {"launch_economics_autopilot", 0, 0, 1, "bool", "governor"},
    {"launch_storage_autopilot", 0, 0, 1, "bool", "governor"},
    {"launch_compute_autopilot", 0, 0, 1, "bool", "governor"},
    {"launch_energy_autopilot", 0, 0, 1, "bool", "governor"},
    {"launch_ad_autopilot", 0, 0, 1, "bool", "governor"},
    {"safe_mode_enforced", 0, 0, 1, "bool", "governor"},
    {"dns_rehearsal_enabled", 1, 0, 1, "bool", "naming"},
};

constexpr std::string_view kRetired[] = {"risk_lambda", "entropy_phi", "haar_eta",
                                         "util_var_threshold", "fib_window_base_secs"};

constexpr std::string_view kRuntimes[] = {"inhouse", "stub"};
constexpr std::string_view kTransports[] = {"quinn", "s2n-quic", "tls-tcp", "quic"};
constexpr std::string_view kEngines[] = {"memory", "rocksdb", "rocksdb-compat", "inhouse"};

// Dotted names that are not the key with dots for underscores.
constexpr std::pair<std::string_view, std::string_view> kDotted[] = {
    {"mempool.fee_floor_window", "fee_floor_window"},
    {"mempool.fee_floor_percentile", "fee_floor_percentile"},
    {"runtime.backend", "runtime_backend_policy"},
    {"transport.provider", "transport_provider_policy"},
};
constexpr std::string_view kReadiness = "readiness.";

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

using Violation = std::optional<std::string>;

// Values of a group, with the one that would change in its place.
struct Group {
  std::string_view key;
  std::uint64_t value;
  const ReadParam& read;
  std::uint64_t at(std::string_view name, std::uint64_t otherwise) const {
    return name == key ? value : read(name).value_or(otherwise);
  }
};

Violation at_most(const Group& g, std::string_view low, std::string_view high, bool zero_is_off) {
  if (g.key != low && g.key != high) return std::nullopt;
  const std::uint64_t a = g.at(low, 0), b = g.at(high, ~std::uint64_t{0});
  if (zero_is_off && (a == 0 || b == 0)) return std::nullopt;
  if (a <= b) return std::nullopt;
  return std::string(low) + " (" + std::to_string(a) + ") must not be above " + std::string(high) +
         " (" + std::to_string(b) + ")";
}

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kEntries; }

const CatalogueEntry* find_entry(std::string_view key) {
  const auto* at = std::find_if(std::begin(kEntries), std::end(kEntries),
                                [&](const CatalogueEntry& entry) { return entry.key == key; });
  return at == std::end(kEntries) ? nullptr : at;
}

std::string canonical_key(std::string_view name) {
  for (const auto& [dotted, key] : kDotted) {
    if (name == dotted) return std::string(key);
  }
  if (name.starts_with(kReadiness)) return canonical_key("ad_" + std::string(name));
  std::string key;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_upper(name[i])) {
      if (i > 0 && key.back() != '_') key += '_';
      key += static_cast<char>(name[i] - 'A' + 'a');
    } else {
      key += name[i] == '.' ? '_' : name[i];
    }
  }
  return key;
}

bool is_retired(std::string_view key) {
  return std::find(std::begin(kRetired), std::end(kRetired), key) != std::end(kRetired);
}

std::span<const std::string_view> mask_options(std::string_view key) {
  if (key == "runtime_backend_policy") return kRuntimes;
  if (key == "transport_provider_policy") return kTransports;
  if (key == "storage_engine_policy") return kEngines;
  return {};
}

std::optional<std::uint64_t> mask_value(std::string_view key, std::string_view names) {
  const auto options = mask_options(key);
  std::uint64_t mask = 0;
  while (!names.empty() && !options.empty()) {
    const std::size_t comma = std::min(names.find(','), names.size());
    std::string_view name = names.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name == "leveldb") name = "inhouse";
    const auto at = std::find(options.begin(), options.end(), name);
    if (at == options.end()) return std::nullopt;
    mask |= std::uint64_t{1} << (at - options.begin());
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return mask == 0 ? std::nullopt : std::optional(mask);
}

std::vector<std::string_view> mask_names(std::string_view key, std::uint64_t value) {
  std::vector<std::string_view> names;
  const auto options = mask_options(key);
  for (std::size_t bit = 0; bit < options.size(); ++bit) {
    if ((value >> bit & 1) != 0) names.push_back(options[bit]);
  }
  return names;
}

bool mask_holds(std::string_view key, std::uint64_t value) {
  const std::size_t bits = mask_options(key).size();
  return bits == 0 || (value > 0 && value >> bits == 0);
}

std::optional<std::string> group_violation(std::string_view key, std::uint64_t value,
                                           const ReadParam& read) {
  const Group g{key, value, read};
  if (auto v = at_most(g, "badge_revoke_uptime_percent", "badge_issue_uptime_percent", false))
    return v;
  if (auto v = at_most(g, "tariff_min_bps", "tariff_max_bps", false)) return v;
  if (auto v = at_most(g, "min_annual_issuance_block", "max_annual_issuance_block", false))
    return v;
  for (const std::string market : {"storage", "compute", "energy", "ad"}) {
    if (auto v = at_most(g, market + "_multiplier_floor", market + "_multiplier_ceiling", false))
      return v;
  }
  for (const std::string what : {"unique_viewers", "host_count", "provider_count"}) {
    if (auto v = at_most(g, "ad_floor_" + what, "ad_cap_" + what, true)) return v;
  }
  constexpr std::string_view kTake = "ad_platform_take_target_bps";
  constexpr std::string_view kShare = "ad_user_share_target_bps";
  if (key == kTake || key == kShare) {
    const std::uint64_t take = g.at(kTake, 0), share = g.at(kShare, 0);
    if (take > 10'000 || share > 10'000 - take)
      return std::string(kTake) + " and " + std::string(kShare) + " are above 10000 in sum";
  }
  return std::nullopt;
}

}  // namespace gov
