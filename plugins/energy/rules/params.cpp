#include "plugins/energy/rules/params.hpp"

#include <array>
#include <iterator>

namespace energy {
namespace {

constexpr ParamSpec kTable[] = {
    {"energy_min_stake", 1000, 0, 1'000'000, "BLOCK",
     "lowest stake at registration; providers that exist keep theirs", &Params::min_stake},
    {"energy_oracle_timeout_blocks", 720, 1, 10'000, "blocks",
     "life of a credit and batch interval while energy_settlement_expiry_blocks is 0; window for "
     "active oracles",
     &Params::oracle_timeout_blocks},
    {"energy_slashing_rate_bps", 0, 0, 10'000, "bps",
     "share of the cost that is taken from the stake", &Params::slashing_rate_bps},
    {"energy_settlement_mode", kModeRealTime, 0, 1, "mode", "0 settles in batches, 1 in real time",
     &Params::settlement_mode},
    {"energy_settlement_quorum_ppm", 0, 0, 1'000'000, "ppm",
     "smallest settlement as a share of the provider's capacity; 0 turns it off",
     &Params::settlement_quorum_ppm},
    {"energy_settlement_expiry_blocks", 0, 0, 100'000, "blocks",
     "replaces the oracle timeout as the life of a credit when above 0",
     &Params::settlement_expiry_blocks},
    {"launch_energy_autopilot", 1, 0, 1, "gate",
     "0 keeps the market in rehearsal; the launch governor opens and closes it",
     &Params::launch_autopilot},
    {"energy_treasury_fee_bps", 250, 0, 5000, "bps", "base of the treasury fee",
     &Params::treasury_fee_bps},
    {"energy_jurisdiction_fee_bps", 0, 0, 5000, "bps", "extra fee, paid to the treasury",
     &Params::jurisdiction_fee_bps},
    {"energy_dynamic_fees_enabled", 1, 0, 1, "flag", "0 charges the base fee always",
     &Params::dynamic_fees_enabled},
    {"energy_congestion_sensitivity_ppm", 100'000, 1000, 10'000'000, "ppm",
     "divisor of the congestion term: smaller reacts harder", &Params::congestion_sensitivity_ppm},
    {"energy_target_utilization_ppm", 700'000, 0, 1'000'000, "ppm",
     "utilisation at which congestion neither raises nor lowers the fee",
     &Params::target_utilization_ppm},
    {"energy_peak_hour_utc", 19, 0, 23, "hour", "hour of the highest fee", &Params::peak_hour_utc},
    {"energy_max_clock_skew_secs", 300, 1, 86'400, "seconds",
     "allowed distance between a reading's timestamp and the block time",
     &Params::max_clock_skew_secs},
    {"energy_bayesian_reputation_enabled", 1, 0, 1, "flag",
     "0 keeps a moving average of ratings instead", &Params::bayesian_reputation_enabled},
    {"energy_latency_threshold_ms", 5000, 1, 3'600'000, "ms",
     "latency up to which a reading counts in full", &Params::latency_threshold_ms},
    {"energy_min_reputation_ppm", 300'000, 0, 1'000'000, "ppm",
     "a provider below this, with enough confidence, is deactivated", &Params::min_reputation_ppm},
    {"energy_min_reputation_confidence_ppm", 700'000, 0, 1'000'000, "ppm",
     "confidence that a deactivation needs", &Params::min_reputation_confidence_ppm},
    {"energy_ewma_alpha_ppm", 300'000, 0, 1'000'000, "ppm",
     "weight of a new rating in the moving average", &Params::ewma_alpha_ppm},
    {"energy_funds_mode", 1, 0, 1, "mode", "1 moves money in the ledger, 0 records numbers only",
     &Params::funds_mode},
    {"energy_capacity_period_blocks", 0, 0, 1'000'000, "blocks",
     "available capacity returns to full at every multiple; 0 makes capacity an allowance for life",
     &Params::capacity_period_blocks},
    {"energy_expired_retention_blocks", 10'000, 0, 1'000'000, "blocks",
     "how long an expired credit stays visible", &Params::expired_retention_blocks},
    {"energy_settlement_paused", 0, 0, 1, "flag",
     "1 refuses settlements and holds the queue; readings and disputes go on",
     &Params::settlement_paused},
};

// The fields alone, near each other: they are set for every command.
constexpr auto kFields = [] {
  std::array<std::uint64_t Params::*, std::size(kTable)> fields{};
  for (std::size_t i = 0; i < fields.size(); ++i) fields[i] = kTable[i].field;
  return fields;
}();

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

std::span<const ParamSpec> param_table() { return kTable; }

std::optional<Params> params_of(std::span<const std::uint64_t> values) {
  if (values.size() != kFields.size()) return std::nullopt;
  Params params;
  for (std::size_t i = 0; i < kFields.size(); ++i) params.*kFields[i] = values[i];
  return params;
}

std::string dotted_spelling(std::string_view name) {
  std::string out(name);
  if (const std::size_t at = out.find('_'); at != std::string::npos) out[at] = '.';
  return out;
}

std::string pascal_spelling(std::string_view name) {
  std::string out;
  bool word_begins = true;
  for (const char c : name) {
    if (c == '_') {
      word_begins = true;
      continue;
    }
    out.push_back(word_begins && is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c);
    word_begins = false;
  }
  return out;
}

const ParamSpec* find_param(std::string_view spelling) {
  if (spelling.empty()) return nullptr;
  const bool dotted = spelling.find('.') != std::string_view::npos;
  const bool pascal = is_upper(spelling.front());
  for (const ParamSpec& spec : kTable) {
    const bool same = dotted   ? spelling == dotted_spelling(spec.name)
                      : pascal ? spelling == pascal_spelling(spec.name)
                               : spelling == spec.name;
    if (same) return &spec;
  }
  return nullptr;
}

std::optional<std::string> check_param(const ParamSpec& spec, std::uint64_t value) {
  if (value >= spec.min && value <= spec.max) return std::nullopt;
  return std::string(spec.name) + " = " + std::to_string(value) +
         " is out of range; give a value from " + std::to_string(spec.min) + " to " +
         std::to_string(spec.max) + " (" + std::string(spec.unit) + ")";
}

}  // namespace energy
