// The metrics of the energy market, in the order of the manifest. Counters and per-provider gauges
// are effects of the machine; gauges that mirror totals are set by the face after each commit.
#pragma once

#include <tb/sdk.hpp>

namespace energy {

inline constexpr tb::Gauge kProviderTotal{0};
inline constexpr tb::Gauge kPendingCredits{1};
inline constexpr tb::Gauge kPendingKwh{2};
inline constexpr tb::Gauge kReceiptTotal{3};
inline constexpr tb::Gauge kActiveDisputes{4};
inline constexpr tb::Gauge kSettlementMode{5};
inline constexpr tb::Counter kSettlementRollbacks{6};
inline constexpr tb::Counter kProviderRegistrations{7};
inline constexpr tb::Counter kMeterReadings{8};  // {provider}
inline constexpr tb::Counter kReadings{9};
inline constexpr tb::Counter kSettlements{10};        // {provider}
inline constexpr tb::Counter kSettlementRejects{11};  // {reason}
inline constexpr tb::Counter kKwhTraded{12};
inline constexpr tb::Gauge kAvgPrice{13};
inline constexpr tb::Gauge kMarketVolume{14};
inline constexpr tb::Counter kTreasuryFees{15};
inline constexpr tb::Counter kSlashings{16};                      // {provider, reason}
inline constexpr tb::Counter kSlashedAmount{17};                  // {reason}
inline constexpr tb::Counter kQuorumShortfalls{18};               // {provider}
inline constexpr tb::Counter kReadingRejects{19};                 // {reason}
inline constexpr tb::Counter kSignatureVerificationFailures{20};  // {reason}
inline constexpr tb::Counter kSignatureFailures{21};              // {provider, reason}
inline constexpr tb::Counter kRateLimited{22};                    // {class}
inline constexpr tb::Gauge kRateLimitRps{23};
inline constexpr tb::Counter kDisputesOpened{24};
inline constexpr tb::Counter kDisputesResolved{25};
inline constexpr tb::Counter kDisputeStates{26};    // {state}
inline constexpr tb::Counter kDisputesRaised{27};   // {type}
inline constexpr tb::Counter kDisputeOutcomes{28};  // {outcome}
inline constexpr tb::Histogram kDisputeResolutionSeconds{29};
inline constexpr tb::Gauge kDisputeOldestAge{30};
inline constexpr tb::Histogram kReadingLatency{31};
inline constexpr tb::Gauge kLatencyP95{32};
inline constexpr tb::Histogram kInclusionLag{33};  // observed in milliseconds, shown in seconds
inline constexpr tb::Gauge kActiveOracles{34};
inline constexpr tb::Histogram kFulfillmentMs{35};
inline constexpr tb::Gauge kReputationScore{36};       // {provider}, ppm
inline constexpr tb::Gauge kReputationConfidence{37};  // {provider}, ppm
inline constexpr tb::Counter kDeactivations{38};       // {provider}
inline constexpr tb::Counter kPenalties{39};           // {provider, severity}
inline constexpr tb::Gauge kKeyRegistryVersion{40};
inline constexpr tb::Counter kKeyConfigFailures{41};
inline constexpr tb::Histogram kSnapshotSeconds{42};  // observed in milliseconds, shown in seconds
inline constexpr tb::Counter kSnapshotFailures{43};

}  // namespace energy
