// The errors of the energy market: code and name, as clients branch on them. One code may carry
// several names; a name is unique within a method.
#pragma once

#include <tb/sdk.hpp>

namespace energy {

inline constexpr tb::Error kInvalidParams{-32602, "InvalidParams"};
inline constexpr tb::Error kSignatureVerificationFailed{-33001, "SignatureVerificationFailed"};
inline constexpr tb::Error kMeterMismatch{-33003, "MeterMismatch"};
inline constexpr tb::Error kStaleReading{-33003, "StaleReading"};
inline constexpr tb::Error kInvalidMeterValue{-33003, "InvalidMeterValue"};
inline constexpr tb::Error kMeterHashConflict{-33003, "MeterHashConflict"};
inline constexpr tb::Error kSettlementBelowQuorum{-33004, "SettlementBelowQuorum"};
inline constexpr tb::Error kUnknownReading{-33005, "UnknownReading"};
inline constexpr tb::Error kCreditExpired{-33005, "CreditExpired"};
inline constexpr tb::Error kSettlementNotDue{-33005, "SettlementNotDue"};
inline constexpr tb::Error kSettlementPaused{-33005, "SettlementPaused"};
inline constexpr tb::Error kDisputeOpen{-33005, "DisputeOpen"};
inline constexpr tb::Error kCreditProviderMismatch{-33005, "CreditProviderMismatch"};
inline constexpr tb::Error kUnknownMeterReading{-33005, "UnknownMeterReading"};
inline constexpr tb::Error kAlreadyOpen{-33005, "AlreadyOpen"};
inline constexpr tb::Error kUnknownDispute{-33005, "UnknownDispute"};
inline constexpr tb::Error kAlreadyResolved{-33005, "AlreadyResolved"};
inline constexpr tb::Error kProviderExists{-33006, "ProviderExists"};
inline constexpr tb::Error kMeterAddressInUse{-33006, "MeterAddressInUse"};
inline constexpr tb::Error kInsufficientStake{-33006, "InsufficientStake"};
inline constexpr tb::Error kInsufficientCapacity{-33006, "InsufficientCapacity"};
inline constexpr tb::Error kInsufficientCredit{-33006, "InsufficientCredit"};
inline constexpr tb::Error kUnknownProvider{-33006, "UnknownProvider"};
inline constexpr tb::Error kProviderInactive{-33006, "ProviderInactive"};
inline constexpr tb::Error kNonceReplay{-33007, "NonceReplay"};
inline constexpr tb::Error kTimestampSkew{-33008, "TimestampSkew"};
inline constexpr tb::Error kUnauthorized{-33009, "Unauthorized"};
inline constexpr tb::Error kInsufficientFunds{-33011, "InsufficientFunds"};
inline constexpr tb::Error kStakeLocked{-33012, "StakeLocked"};
inline constexpr tb::Error kSnapshotFailed{-33013, "SnapshotFailed"};
inline constexpr tb::Error kStakesNotFunded{-33014, "StakesNotFunded"};
inline constexpr tb::Error kRehearsal{-33020, "Rehearsal"};
inline constexpr tb::Error kSlashHistoryFailed{-32074, "SlashHistoryFailed"};

// Why energy.settle is refused: its declared errors, and the reasons that its metric has from the
// start.
inline constexpr tb::Error kSettleErrors[] = {
    kInvalidParams,      kUnauthorized,           kSettlementPaused,
    kUnknownProvider,    kProviderInactive,       kInsufficientCapacity,
    kUnknownReading,     kCreditProviderMismatch, kDisputeOpen,
    kSettlementNotDue,   kSettlementBelowQuorum,  kCreditExpired,
    kInsufficientCredit, kInsufficientFunds,      kRehearsal};

}  // namespace energy
