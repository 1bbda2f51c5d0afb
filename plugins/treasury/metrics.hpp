// Handles of the treasury's metrics, in the order in which describe_metrics() declares them.
#pragma once

#include "tb/sdk.hpp"

namespace treasury {

// Of the machine.
inline constexpr tb::Gauge kBalanceGauge{0};
inline constexpr tb::Gauge kBalanceIt{1};
inline constexpr tb::Gauge kBacklog{2};
inline constexpr tb::Counter kEntered{3};
inline constexpr tb::Histogram kLag{4};
inline constexpr tb::Counter kExecutionErrors{5};
inline constexpr tb::Counter kDependencyFailures{6};
inline constexpr tb::Counter kAccrued{7};
inline constexpr tb::Counter kVotes{8};
// Of the face.
inline constexpr tb::Gauge kOldestAge{9};
inline constexpr tb::Histogram kTickSeconds{10};
inline constexpr tb::Gauge kPendingMatured{11};
inline constexpr tb::Gauge kStagedIntents{12};
inline constexpr tb::Gauge kLeaseReleased{13};
inline constexpr tb::Gauge kLastTick{14};
inline constexpr tb::Gauge kLastSuccess{15};
inline constexpr tb::Gauge kLastError{16};
inline constexpr tb::Gauge kLastSubmittedNonce{17};
inline constexpr tb::Gauge kLeaseLastNonce{18};
inline constexpr tb::Counter kResults{19};
inline constexpr tb::Counter kErrors{20};
inline constexpr tb::Counter kSuccesses{21};
inline constexpr tb::Counter kFailures{22};
inline constexpr tb::Gauge kBreakerState{23};
inline constexpr tb::Gauge kBreakerFailures{24};
inline constexpr tb::Gauge kBreakerSuccesses{25};
inline constexpr tb::Counter kAuditMismatches{26};

// The label of treasury_execution_errors_total for an error's name; `other` outside the list.
std::string_view reason_label(std::string_view error);

void describe_metrics(tb::Plugin& p);

}  // namespace treasury
