// The governance parameters of the energy market: one table with name, default, range, unit and
// effect, from which the manifest, the checks and the values in force are made. Plain values,
// callable from any thread.
//
// A parameter has three spellings: energy_min_stake (the canonical one), energy.min_stake and
// EnergyMinStake.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace energy {

// The values in force in a block. A default-constructed Params holds the defaults of the table.
struct Params {
  std::uint64_t min_stake = 1000;
  std::uint64_t oracle_timeout_blocks = 720;
  std::uint64_t slashing_rate_bps = 0;
  std::uint64_t settlement_mode = 1;  // kModeBatch or kModeRealTime
  std::uint64_t settlement_quorum_ppm = 0;
  std::uint64_t settlement_expiry_blocks = 0;
  std::uint64_t launch_autopilot = 1;
  std::uint64_t treasury_fee_bps = 250;
  std::uint64_t jurisdiction_fee_bps = 0;
  std::uint64_t dynamic_fees_enabled = 1;
  std::uint64_t congestion_sensitivity_ppm = 100'000;
  std::uint64_t target_utilization_ppm = 700'000;
  std::uint64_t peak_hour_utc = 19;
  std::uint64_t max_clock_skew_secs = 300;
  std::uint64_t bayesian_reputation_enabled = 1;
  std::uint64_t latency_threshold_ms = 5000;
  std::uint64_t min_reputation_ppm = 300'000;
  std::uint64_t min_reputation_confidence_ppm = 700'000;
  std::uint64_t ewma_alpha_ppm = 300'000;
  std::uint64_t funds_mode = 1;
  std::uint64_t capacity_period_blocks = 0;
  std::uint64_t expired_retention_blocks = 10'000;
  std::uint64_t settlement_paused = 0;

  bool operator==(const Params&) const = default;
};

inline constexpr std::uint64_t kModeBatch = 0;
inline constexpr std::uint64_t kModeRealTime = 1;

struct ParamSpec {
  std::string_view name;  // canonical spelling
  std::uint64_t default_value;
  std::uint64_t min;
  std::uint64_t max;
  std::string_view unit;
  std::string_view effect;
  std::uint64_t Params::*field;
};

// Every parameter, in the order of the reference page. Static storage.
std::span<const ParamSpec> param_table();

// The parameters whose values stand in the order of the table; nullopt if their number is another.
std::optional<Params> params_of(std::span<const std::uint64_t> values);

// The parameter that `spelling` names, in any of the three spellings; nullptr if there is none.
const ParamSpec* find_param(std::string_view spelling);

std::string dotted_spelling(std::string_view name);  // energy_min_stake -> energy.min_stake
std::string pascal_spelling(std::string_view name);  // energy_min_stake -> EnergyMinStake

// nullopt if `value` is in the range of `spec`, else the sentence that says what is wrong and what
// fits.
std::optional<std::string> check_param(const ParamSpec& spec, std::uint64_t value);

// The life of a credit in blocks, which is the batch interval too. Always at least 1 within the
// ranges.
constexpr std::uint64_t effective_expiry(const Params& params) {
  return params.settlement_expiry_blocks > 0 ? params.settlement_expiry_blocks
                                             : params.oracle_timeout_blocks;
}

}  // namespace energy
