// What the energy market stores. Plain values: the keys are in keys.hpp, the bytes in
// state_codec.hpp.
//
// Rows that change together are one row: a reading writes its provider, its credit and the credit's
// place in the order of minting, and nothing else. Heights in this state are chain height +
// `height_base` (0 unless the state was imported), which is why a provider carries the base too: a
// reading must not read the totals.
//
// Invariants, held by every command and every block step:
//   I1  available_kwh <= capacity_kwh.
//   I2  a stored credit has amount_kwh >= 1 and reserved_kwh <= amount_kwh.
//   I3  per provider: last meter value = stored credits + total_delivered_kwh + voided_kwh +
//   purged_kwh. I4  price_paid = payout + treasury_fee + jurisdiction_fee. I5  in ledger mode the
//   account energy:stakes holds the sum of all staked_balance. I6  at most one open dispute a meter
//   hash.    I7  at most one slash a (meter hash, reason). I8  nonce and timestamp of a provider's
//   readings rise strictly, its meter value never falls. I9  treasury_accrued = fees and slashes of
//   all receipts + amounts of all slash records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/energy/rules/ids.hpp"
#include "plugins/energy/rules/reading.hpp"
#include "plugins/energy/rules/reputation.hpp"
#include "plugins/energy/rules/settlement.hpp"

namespace energy {

// Two copies of the market: the real one and the sandbox of the rehearsal, which share the trust
// roots.
enum class Space : std::uint8_t { kReal, kRehearsal };

enum class ProviderStatus : std::uint8_t { kActive = 0, kDeactivated = 1 };

// The newest accepted reading; the three values always change together.
struct LastReading {
  std::uint64_t meter_value = 0;  // kWh
  std::uint64_t timestamp = 0;    // Unix seconds
  std::uint64_t nonce = 0;
  bool operator==(const LastReading&) const = default;
};

struct Provider {
  static constexpr std::string_view kRowName = "provider";
  static constexpr std::uint8_t kLayout = 1;

  ProviderId id = 0;
  std::string owner;
  std::string jurisdiction;
  std::string meter_address;
  std::uint64_t capacity_kwh = 0;
  std::uint64_t available_kwh = 0;  // see capacity_resets_seen
  Amount price_per_kwh = 0;
  std::uint64_t total_delivered_kwh = 0;
  Amount staked_balance = 0;
  ProviderStatus status = ProviderStatus::kActive;
  std::optional<LastReading> last_reading;
  std::optional<std::uint64_t> last_settlement;  // block time, Unix seconds
  std::optional<std::uint64_t> last_fulfillment_latency_ms;
  Ppm reputation_score_ppm = kPpmOne;
  Reputation reputation;
  std::uint64_t pending_credits = 0;  // not expired
  std::uint64_t open_disputes = 0;
  std::uint64_t queued_settlements = 0;
  std::uint64_t voided_kwh = 0;  // lost to disputes
  std::uint64_t purged_kwh = 0;  // expired and left the state
  // While this is below Totals::capacity_resets, all of the capacity is available again, whatever
  // available_kwh says: a period's reset touches no provider, each is brought up to date when next
  // used.
  std::uint64_t capacity_resets_seen = 0;
  std::int64_t height_base = 0;

  bool operator==(const Provider&) const = default;
};

struct MeterBinding {
  static constexpr std::string_view kRowName = "meter binding";
  static constexpr std::uint8_t kLayout = 1;
  ProviderId provider = 0;
  bool operator==(const MeterBinding&) const = default;
};

// With a reading that owns its texts, or one that borrows them.
template <class Text>
struct BasicCredit {
  static constexpr std::string_view kRowName = "credit";
  static constexpr std::uint8_t kLayout = 1;
  ProviderId provider = 0;
  std::uint64_t amount_kwh = 0;
  Height block = 0;  // height at which it was minted
  std::uint64_t reserved_kwh = 0;
  // With the provider id as it was sent (a name of `provider`, never empty), so that the meter hash
  // can be computed again.
  BasicReading<Text> reading;
  bool operator==(const BasicCredit&) const = default;
  operator BasicCredit<std::string_view>() const requires(!std::is_same_v<Text, std::string_view>) {
    return {provider, amount_kwh, block, reserved_kwh, reading};
  }
};
using Credit = BasicCredit<std::string>;
using CreditView = BasicCredit<std::string_view>;  // is written, never read

// A credit's place in the order of minting.
struct CreditPlace {
  static constexpr std::string_view kRowName = "credit place";
  static constexpr std::uint8_t kLayout = 1;
  ProviderId provider = 0;
  bool operator==(const CreditPlace&) const = default;
};

// A provider's signature over a block receipt, given with the settlement.
struct ReceiptAuth {
  Signature signature{};
  std::uint64_t nonce = 0;
  bool operator==(const ReceiptAuth&) const = default;
};

struct QueuedSettlement {
  static constexpr std::string_view kRowName = "queued settlement";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t queue_id = 0;  // from 1
  Height due_block = 0;
  ProviderId provider = 0;
  std::string buyer;
  std::uint64_t kwh_consumed = 0;
  Hash meter_hash{};
  bool by_buyer = false;  // queued without the admin role: its failure slashes nobody
  std::optional<ReceiptAuth> receipt_auth;
  bool operator==(const QueuedSettlement&) const = default;
};

struct Receipt {
  static constexpr std::string_view kRowName = "receipt";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t seq = 0;  // from 1
  std::string buyer;
  ProviderId seller = 0;
  std::uint64_t kwh_delivered = 0;
  Amount price_paid = 0;
  Height block_settled = 0;
  Amount treasury_fee = 0;
  Bps treasury_fee_bps = 0;
  Amount jurisdiction_fee = 0;
  Amount slash_applied = 0;
  Hash meter_hash{};
  Reading reading;
  bool operator==(const Receipt&) const = default;
};

// The place of a receipt under its meter hash; the key says all.
struct ReceiptPlace {
  static constexpr std::string_view kRowName = "receipt place";
  static constexpr std::uint8_t kLayout = 1;
  bool operator==(const ReceiptPlace&) const = default;
};

enum class SlashReason : std::uint8_t { kQuorum = 0, kExpiry = 1, kConflict = 2, kDispute = 3 };

// "quorum", "expiry", "conflict" or "dispute". Static storage.
constexpr std::string_view slash_reason_name(SlashReason reason) {
  constexpr std::string_view kNames[] = {"quorum", "expiry", "conflict", "dispute"};
  return kNames[static_cast<unsigned>(reason)];
}

struct SlashRecord {
  static constexpr std::string_view kRowName = "slash record";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t seq = 0;  // from 1
  ProviderId provider = 0;
  Height block_height = 0;
  Amount amount = 0;
  std::uint64_t recorded_at = 0;  // block time in milliseconds, whole seconds
  bool operator==(const SlashRecord&) const = default;
};

enum class DisputeOutcome : std::uint8_t { kResolved = 0, kSlashed = 1 };

struct Resolution {
  Height resolved_at = 0;
  std::optional<std::string> note;
  std::string resolver;
  DisputeOutcome outcome = DisputeOutcome::kResolved;
  bool operator==(const Resolution&) const = default;
};

struct Dispute {
  static constexpr std::string_view kRowName = "dispute";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t id = 0;  // from 1
  ProviderId provider = 0;
  Hash meter_hash{};
  std::string reporter;
  std::string reason;
  Height opened_at = 0;
  std::uint64_t opened_time = 0;         // block time, Unix seconds
  std::optional<Resolution> resolution;  // absent while the dispute is open
  bool operator==(const Dispute&) const = default;
};

// The dispute that freezes a meter hash; the row exists while it is open.
struct OpenDispute {
  static constexpr std::string_view kRowName = "open dispute";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t id = 0;
  bool operator==(const OpenDispute&) const = default;
};

enum class KeyScheme : std::uint8_t { kEd25519 = 0 };

struct TrustRoot {
  static constexpr std::string_view kRowName = "trust root";
  static constexpr std::uint8_t kLayout = 1;
  PublicKey public_key{};
  KeyScheme scheme = KeyScheme::kEd25519;
  Height registered_at_block = 0;
  bool operator==(const TrustRoot&) const = default;
};

struct KeyVersion {
  static constexpr std::string_view kRowName = "key registry version";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t version = 0;
  bool operator==(const KeyVersion&) const = default;
};

struct KeyDigest {
  static constexpr std::string_view kRowName = "key registry digest";
  static constexpr std::uint8_t kLayout = 1;
  Hash digest{};
  bool operator==(const KeyDigest&) const = default;
};

// A place in the order of minting: everything up to and with it is done.
struct CreditCursor {
  Height block = 0;
  Hash meter_hash{};
  bool operator==(const CreditCursor&) const = default;
  auto operator<=>(const CreditCursor&) const = default;

  // The place one below, as if block and hash were one number. REQUIRES: not the lowest.
  CreditCursor just_below() const {
    CreditCursor below = *this;
    for (std::size_t i = below.meter_hash.size(); i-- > 0;) {
      if (below.meter_hash[i]-- != 0) return below;
    }
    below.block -= 1;
    return below;
  }
};

// What is counted over the whole market. No command walks providers, credits or receipts to learn
// it.
struct Totals {
  static constexpr std::string_view kRowName = "totals";
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t next_provider = 0;  // 2^32 once no id is left
  std::uint64_t queue_seq = 0;      // last number given out, in this and the next four
  std::uint64_t receipt_seq = 0;
  std::uint64_t slash_seq = 0;
  std::uint64_t dispute_seq = 0;
  std::uint64_t event_seq = 0;
  std::uint64_t provider_count = 0;
  std::uint64_t open_disputes = 0;
  U128 total_capacity_kwh = 0;
  U128 total_consumed_kwh = 0;
  std::uint64_t total_kwh_settled = 0;
  U128 total_price_paid = 0;
  U128 treasury_accrued = 0;
  CreditCursor expired_below;
  CreditCursor purged_below;
  Height open_since = 0;  // the gate last opened here
  std::uint64_t epoch_kwh = 0;
  U128 epoch_payout = 0;
  std::optional<Amount> epoch_low_price;
  std::uint64_t capacity_resets = 0;
  std::int64_t height_base = 0;
  bool operator==(const Totals&) const = default;
};

}  // namespace energy
