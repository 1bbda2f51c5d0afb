// Metrics, in the order of the manifest. Counters are effects of the machine; gauges mirror
// committed state and are set by the face.
#pragma once

#include <tb/sdk.hpp>

namespace economics {

inline constexpr tb::Gauge kBlockReward{0};
inline constexpr tb::Gauge kAnnualIssuance{1};
inline constexpr tb::Gauge kRealizedInflation{2};
inline constexpr tb::Gauge kInflationError{3};
inline constexpr tb::Gauge kBaselineTxCount{4};
inline constexpr tb::Gauge kBaselineTxVolume{5};
inline constexpr tb::Gauge kBaselineMiners{6};
inline constexpr tb::Gauge kEpochTxCount{7};
inline constexpr tb::Gauge kEpochTxVolume{8};
inline constexpr tb::Gauge kEpochInflow{9};
inline constexpr tb::Gauge kUtilizationPpm{10};  // {market}
inline constexpr tb::Gauge kMarginPpm{11};       // {market}
inline constexpr tb::Gauge kUtilization{12};     // {market}
inline constexpr tb::Gauge kMargin{13};          // {market}
inline constexpr tb::Gauge kShare{14};           // {market}
inline constexpr tb::Gauge kMultiplier{15};      // {market}
inline constexpr tb::Gauge kAdSplit{16};         // {recipient}
inline constexpr tb::Gauge kAdSplitRole{17};     // {role}
inline constexpr tb::Gauge kTariffBps{18};
inline constexpr tb::Gauge kContribution{19};
inline constexpr tb::Counter kLawUpdates{20};
inline constexpr tb::Gauge kFrozen{21};  // {layer}
inline constexpr tb::Gauge kEmission{22};
inline constexpr tb::Gauge kSupplyRemaining{23};
inline constexpr tb::Counter kMintedTotal{24};  // {kind}
inline constexpr tb::Gauge kBudgetLeft{25};     // {market}
inline constexpr tb::Counter kTariffCollected{26};
inline constexpr tb::Gauge kFairnessPpm{27};
inline constexpr tb::Gauge kEffectiveMiners{28};
inline constexpr tb::Counter kReplayMismatch{29};
inline constexpr tb::Gauge kActiveMiners{30};
inline constexpr tb::Gauge kBaseReward{31};
inline constexpr tb::Gauge kIndustrialMultiplier{32};
inline constexpr tb::Gauge kRate{33};     // {type}
inline constexpr tb::Gauge kRateRaw{34};  // {type}
inline constexpr tb::Counter kAutoReduced{35};
inline constexpr tb::Counter kKillSwitchTriggers{36};
inline constexpr tb::Counter kUsageBytes{37};  // {type}
inline constexpr tb::Counter kUsageCpuMs{38};
inline constexpr tb::Gauge kLegacyIssuance{39};

}  // namespace economics
