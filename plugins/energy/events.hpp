// What the energy machine tells the world, in the order of the manifest. Each event carries the
// height; those with an entry on the timeline carry its event_id. Borrowed members live as long as
// the call that emits.
#pragma once

#include <tb/sdk.hpp>

namespace energy {

struct ProviderEvent {
  std::string_view provider_id, owner, jurisdiction, meter_address;
  std::uint64_t capacity_kwh = 0, available_kwh = 0, price_per_kwh = 0, total_delivered_kwh = 0;
  std::uint64_t staked_balance = 0;
  std::string_view status;
  std::uint32_t reputation_score_ppm = 0, composite_ppm = 0, confidence_ppm = 0;
  std::uint64_t observations = 0;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(ProviderEvent, (),
                      (provider_id, owner, jurisdiction, meter_address, capacity_kwh, available_kwh,
                       price_per_kwh, total_delivered_kwh, staked_balance, status,
                       reputation_score_ppm, composite_ppm, confidence_ppm, observations, height))

struct ReadingEvent {
  std::string_view provider_id, meter_address;
  tb::Hash meter_hash;
  std::uint64_t amount_kwh = 0;  // 0: a heartbeat, no credit
  std::uint64_t kwh_reading = 0, reading_timestamp = 0, nonce = 0;
  std::uint64_t latency_secs = 0, block_time = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(ReadingEvent, (),
                      (provider_id, meter_address, meter_hash, amount_kwh, kwh_reading,
                       reading_timestamp, nonce, latency_secs, block_time, height))

struct ReadingRejectedEvent {
  std::string_view provider_id, error;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(ReadingRejectedEvent, (), (provider_id, error, height))

struct CreditEvent {
  std::string_view provider_id;
  tb::Hash meter_hash;
  std::uint64_t amount_kwh = 0, block = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(CreditEvent, (), (provider_id, meter_hash, amount_kwh, block, height))

struct SettledEvent {
  std::uint64_t event_id = 0, seq = 0;
  std::string_view buyer, seller;
  std::uint64_t kwh_delivered = 0, price_paid = 0, block_settled = 0, treasury_fee = 0;
  std::uint32_t treasury_fee_bps = 0;
  std::uint64_t jurisdiction_fee = 0, slash_applied = 0;
  tb::Hash meter_hash;
  std::optional<std::uint64_t> queue_id;
  std::uint64_t credit_left_kwh = 0;
  bool was_pending = true;  // the credit counted as pending before
  std::uint64_t recorded_at = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(SettledEvent, (),
                      (event_id, seq, buyer, seller, kwh_delivered, price_paid, block_settled,
                       treasury_fee, treasury_fee_bps, jurisdiction_fee, slash_applied, meter_hash,
                       queue_id, credit_left_kwh, was_pending, recorded_at, height))

struct QueuedEvent {
  std::uint64_t queue_id = 0, due_block = 0;
  std::string_view provider_id, buyer;
  std::uint64_t kwh_consumed = 0;
  tb::Hash meter_hash;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(QueuedEvent, (),
                      (queue_id, due_block, provider_id, buyer, kwh_consumed, meter_hash, height))

struct SettlementFailedEvent {
  std::uint64_t queue_id = 0;
  std::string_view error;
  std::int64_t code = 0;
  std::string_view provider_id;
  tb::Hash meter_hash;
  std::uint64_t height = 0;
  // The numbers of the error, where it has them.
  std::optional<std::uint64_t> required_ppm, actual_ppm, requested_kwh, available_kwh;
};
BOOST_DESCRIBE_STRUCT(SettlementFailedEvent, (),
                      (queue_id, error, code, provider_id, meter_hash, height, required_ppm,
                       actual_ppm, requested_kwh, available_kwh))

struct SlashedEvent {
  std::uint64_t event_id = 0, seq = 0;
  std::string_view provider_id;
  tb::Hash meter_hash;
  std::uint64_t slash_amount = 0;
  std::string_view reason;
  std::uint64_t recorded_at = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(SlashedEvent, (),
                      (event_id, seq, provider_id, meter_hash, slash_amount, reason, recorded_at,
                       height))

struct DisputeEvent {
  std::uint64_t event_id = 0, dispute_id = 0;
  std::string_view provider_id;
  tb::Hash meter_hash;
  std::string_view reporter, reason, status;
  std::uint64_t opened_at = 0;
  std::optional<std::uint64_t> resolved_at;
  std::optional<std::string_view> resolution_note, resolver, outcome;
  std::uint64_t voided_kwh = 0;  // left of the credit when the dispute was lost
  bool was_pending = false;
  std::uint64_t recorded_at = 0, height = 0;
};
BOOST_DESCRIBE_STRUCT(DisputeEvent, (),
                      (event_id, dispute_id, provider_id, meter_hash, reporter, reason, status,
                       opened_at, resolved_at, resolution_note, resolver, outcome, voided_kwh,
                       was_pending, recorded_at, height))

struct KeysReplacedEvent {
  std::uint64_t registered = 0, version = 0;
  tb::Hash digest;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(KeysReplacedEvent, (), (registered, version, digest, height))

struct ParamsChangedEvent {
  std::uint64_t settlement_mode = 0, settlement_quorum_ppm = 0, effective_expiry_blocks = 0,
                min_stake = 0;
  std::uint64_t slashing_rate_bps = 0, funds_mode = 0, settlement_paused = 0;
  bool rehearsal = false;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(ParamsChangedEvent, (),
                      (settlement_mode, settlement_quorum_ppm, effective_expiry_blocks, min_stake,
                       slashing_rate_bps, funds_mode, settlement_paused, rehearsal, height))

inline constexpr tb::Event<ProviderEvent> kProviderRegistered{0};
inline constexpr tb::Event<ProviderEvent> kProviderUpdated{1};
inline constexpr tb::Event<ProviderEvent> kProviderDeactivated{2};
inline constexpr tb::Event<ReadingEvent> kReadingAccepted{3};
inline constexpr tb::Event<ReadingRejectedEvent> kReadingRejected{4};
inline constexpr tb::Event<CreditEvent> kCreditExpiredEvent{5};
inline constexpr tb::Event<CreditEvent> kCreditRevived{6};
inline constexpr tb::Event<SettledEvent> kSettled{7};
inline constexpr tb::Event<QueuedEvent> kSettlementQueued{8};
inline constexpr tb::Event<SettlementFailedEvent> kSettlementFailed{9};
inline constexpr tb::Event<SlashedEvent> kSlashed{10};
inline constexpr tb::Event<DisputeEvent> kDisputeOpened{11};
inline constexpr tb::Event<DisputeEvent> kDisputeResolved{12};
inline constexpr tb::Event<KeysReplacedEvent> kKeysReplaced{13};
inline constexpr tb::Event<ParamsChangedEvent> kParamsChanged{14};

}  // namespace energy
