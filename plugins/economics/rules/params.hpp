// The parameters of the control laws, as values and as a table that the manifest, the hash of a
// parameter set and the simulation are made of (economics spec 4). Pure. [any]
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "plugins/economics/rules/fixed.hpp"

namespace economics {

// In the order of the manifest. Four in a row stand for the markets in their order: add the market.
enum ParamId : std::uint32_t {
  kInflationTarget,
  kInflationGain,
  kMinAnnualIssuance,
  kMaxAnnualIssuance,
  kUtilTarget,
  kMarginTarget = kUtilTarget + kMarkets,
  kAllocatorAlpha = kMarginTarget + kMarkets,
  kAllocatorBeta,
  kAllocatorTemperature,
  kAllocatorDrift,
  kUtilResponse,
  kCostResponse = kUtilResponse + kMarkets,
  kMultiplierFloor = kCostResponse + kMarkets,
  kMultiplierCeiling = kMultiplierFloor + kMarkets,
  kAdPlatformTarget = kMultiplierCeiling + kMarkets,
  kAdUserTarget,
  kAdDrift,
  kTariffRevenueTarget,
  kTariffDrift,
  kTariffMin,
  kTariffMax,
  kFreezeMask,
  kAutoTune,
  kLogisticTarget,
  kLogisticSlope,
  kMinerHysteresis,
  kTreasuryPercent,
  kBetaStorage,
  kGammaRead,
  kKappaCpu,
  kLambdaBytesOut,
  kReadSubsidyViewer,
  kReadSubsidyHost,
  kReadSubsidyHardware,
  kReadSubsidyVerifier,
  kReadSubsidyLiquidity,
  kKillSwitch,
  kAutopilot,
  // Values of the genesis, which no vote changes.
  kExpectedTotalBlocks,
  kActivityMin,
  kActivityMax,
  kDecentralizationMin,
  kDecentralizationMax,
  kEmaAlpha,
  kAdaptiveBaselines,
  kBaselineMinTxCount,
  kBaselineMaxTxCount,
  kBaselineMinTxVolume,
  kBaselineMaxTxVolume,
  kBaselineMinMiners,
  kBaselineMaxMiners,
  kGenesisAdPlatform,
  kGenesisAdUser,
  kParamCount
};
inline constexpr ParamId kFirstGenesisParam = kExpectedTotalBlocks;
inline constexpr std::uint64_t kAsTarget = 10'001;  // of the genesis ad split: take the targets

constexpr ParamId of_market(ParamId first, Market market) {
  return static_cast<ParamId>(first + static_cast<std::uint32_t>(market));
}

// Bits of economics_freeze_mask.
enum Layer : std::uint32_t {
  kIssuanceLayer,
  kSubsidyLayer,
  kMultiplierLayer,
  kAdLayer,
  kTariffLayer
};
inline constexpr std::array<std::string_view, 5> kLayerNames = {"issuance", "subsidy", "multiplier",
                                                                "ad", "tariff"};

struct ParamSpec {
  std::string_view key;
  std::uint64_t default_value = 0, min = 0, max = 0;
  std::string_view unit, help, alias;
  bool hashed = true;  // part of a set's hash
};
std::span<const ParamSpec, kParamCount> param_table();
std::optional<ParamId> find_param(std::string_view key);

class Params {
 public:
  Params();  // the defaults
  std::uint64_t operator[](ParamId id) const { return values_[id]; }
  std::uint64_t of(ParamId first, Market market) const { return values_[of_market(first, market)]; }
  void set(ParamId id, std::uint64_t value) { values_[id] = value; }
  bool frozen(Layer layer) const { return ((values_[kFreezeMask] >> layer) & 1) != 0; }

  // What a snapshot's params_hash covers: {"key":value,...}, keys ascending (6.12).
  std::string canonical_json() const;
  // Takes the values of such a text; keys that it does not name stay. False: it is not one.
  bool read_canonical(std::string_view text);

 private:
  std::array<std::uint64_t, kParamCount> values_{};
};

// "" or what is wrong with values that have to fit each other (governance spec 4.2, group rules).
std::string check_groups(const Params& params);

}  // namespace economics
