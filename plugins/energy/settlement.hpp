// Settlements: the decision, the money, the queue, and slashes of what was refused. [machine]
//
// decide() is the whole rule as a pure function of facts; a command, an entry of the queue and a
// rehearsal all act on what it says. Acting is separate, so that the order of the refusals stands
// in one place.
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

struct AuthParams {
  std::string_view signature_hex;
  std::uint64_t signature_nonce = 0;
};
BOOST_DESCRIBE_STRUCT(AuthParams, (), (signature_hex, signature_nonce))

struct SettleParams {
  std::string_view provider_id;
  std::uint64_t kwh_consumed = 0;
  std::string_view meter_hash;
  std::string_view buyer = "anonymous";
  bool queue = false;
  std::optional<AuthParams> receipt_auth;
};
BOOST_DESCRIBE_STRUCT(SettleParams, (),
                      (provider_id, kwh_consumed, meter_hash, buyer, queue, receipt_auth))

struct SettleOrder {
  ProviderId provider = 0;
  std::string provider_name;  // as sent, for the error
  std::string buyer;
  std::uint64_t kwh = 0;
  Hash meter_hash{};
  std::optional<ReceiptAuth> auth;
  bool by_buyer = false;  // without the admin role: causes no slash
  bool may_queue = false;
  std::optional<std::uint64_t> queue_id;  // executed from the queue
};

// What decide() looks at.
struct SettleFacts {
  const Params* params = nullptr;
  Height height = 0;
  std::uint64_t block_time = 0;
  const Provider* provider = nullptr;  // null: unknown
  const Credit* credit = nullptr;      // null: unknown
  bool disputed = false;
  MarketLoad load;
  Height open_since = 0;
};

struct Decision {
  enum class Kind : std::uint8_t { kSettle, kQueue, kReject, kCharge } kind = Kind::kReject;
  Refusal refusal;                              // kReject, kCharge
  SlashReason reason = SlashReason::kConflict;  // kCharge
  std::uint64_t slashed_kwh = 0;                // kCharge
  Bps fee_bps = 0;
  Cost cost;             // kSettle
  Amount slash = 0;      // kSettle
  Height due_block = 0;  // kQueue
};
Decision decide(const SettleOrder& order, const SettleFacts& facts);

using Settled = std::variant<Receipt, QueuedSettlement>;
Result<Settled> settle(Market& market, const SettleParams& in);
// The same for an order that was checked before: from the queue. The provider's reservation is
// released already.
Result<Settled> settle_order(Market& market, const SettleOrder& order);

// Slashes `kwh` worth of a provider's stake for (meter_hash, reason), with its observation, record,
// receipt and event. False: that pair was slashed before, and nothing happened.
bool slash_refused(Market& market, ProviderId provider, const Hash& meter_hash, SlashReason reason,
                   std::uint64_t kwh);

// How many blocks a height is behind another, and the names under which receipts know hashes.
std::string contract_id(const Hash& meter_hash);

}  // namespace energy
