#include "plugins/energy/settlement.hpp"

#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/providers.hpp"
#include "plugins/energy/services.hpp"

namespace energy {
namespace {

Decision reject(Refusal refusal) {
  Decision decision;
  decision.refusal = std::move(refusal);
  return decision;
}

// A refusal that slashes, unless the sender is only the buyer.
Decision charge(const SettleOrder& order, Refusal refusal, SlashReason reason, std::uint64_t kwh) {
  Decision decision = reject(std::move(refusal));
  if (order.by_buyer) return decision;
  decision.kind = Decision::Kind::kCharge;
  decision.reason = reason;
  decision.slashed_kwh = kwh;
  return decision;
}

Refusal too_little(tb::Error error, std::uint64_t asked, std::uint64_t left, std::string_view of) {
  Refusal refusal =
      refuse(error, tb::cat("requested_kwh=", asked, " available_kwh=", left, " of the ", of));
  refusal.data = {{"requested_kwh", asked}, {"available_kwh", left}};
  return refusal;
}

Decision not_due(const SettleOrder& order, const SettleFacts& facts, Height next) {
  if (order.may_queue) {
    const std::uint64_t free = facts.credit->amount_kwh - facts.credit->reserved_kwh;
    if (free < order.kwh) return reject(too_little(kInsufficientCredit, order.kwh, free, "credit"));
    Decision decision;
    decision.kind = Decision::Kind::kQueue;
    decision.due_block = next;
    return decision;
  }
  Refusal refusal = refuse(
      kSettlementNotDue,
      tb::cat("next_block=", next, "; the market settles in batches, queue: true waits for it"));
  refusal.data = {{"next_block", next}};
  return reject(std::move(refusal));
}

std::optional<Decision> check_quorum(const SettleOrder& order, const SettleFacts& facts) {
  const std::uint64_t quorum = facts.params->settlement_quorum_ppm;
  if (quorum == 0) return std::nullopt;
  const auto actual = quorum_actual_ppm(order.kwh, facts.provider->capacity_kwh);
  if (!actual) return reject(invalid("kwh_consumed is too large"));
  if (*actual >= quorum) return std::nullopt;
  Refusal refusal =
      refuse(kSettlementBelowQuorum, tb::cat("required_ppm=", quorum, " actual_ppm=", *actual));
  refusal.data = {{"required_ppm", quorum}, {"actual_ppm", *actual}};
  return charge(order, std::move(refusal), SlashReason::kQuorum,
                slashed_kwh(order.kwh, facts.credit->amount_kwh));
}

std::optional<Decision> check_expired(const SettleOrder& order, const SettleFacts& facts) {
  const std::uint64_t expiry = effective_expiry(*facts.params);
  if (!credit_expired(facts.height, facts.credit->block, expiry)) return std::nullopt;
  Refusal refusal = refuse(kCreditExpired, tb::cat("the credit of block ", facts.credit->block,
                                                   " was good for ", expiry, " blocks"));
  if (facts.credit->block < facts.open_since)
    return reject(std::move(refusal));  // it could not be settled in time
  return charge(order, std::move(refusal), SlashReason::kExpiry,
                slashed_kwh(order.kwh, facts.credit->amount_kwh));
}

// Rows 3 to 7 of the specification's table.
std::optional<Decision> check_parties(const SettleOrder& order, const SettleFacts& facts) {
  if (facts.provider == nullptr) return reject(unknown_provider(order.provider_name));
  if (facts.provider->status != ProviderStatus::kActive) {
    return reject(refuse(kProviderInactive, "the provider is deactivated"));
  }
  if (facts.provider->available_kwh < order.kwh) {
    return reject(
        too_little(kInsufficientCapacity, order.kwh, facts.provider->available_kwh, "provider"));
  }
  if (facts.credit == nullptr) {
    return charge(
        order, refuse(kUnknownReading, "no credit has this meter hash; energy.credits lists them"),
        SlashReason::kConflict, 0);
  }
  if (facts.credit->provider != facts.provider->id) {
    return reject(
        refuse(kCreditProviderMismatch,
               tb::cat("the credit belongs to ", format_provider_id(facts.credit->provider))));
  }
  if (facts.disputed)
    return reject(refuse(kDisputeOpen, "a dispute on this reading is open; resolve it first"));
  return std::nullopt;
}

// Row 8: in batch mode a credit is settled where its age is a multiple of the interval.
std::optional<Decision> check_due(const SettleOrder& order, const SettleFacts& facts) {
  const std::uint64_t expiry = effective_expiry(*facts.params);
  if (facts.params->settlement_mode != kModeBatch || order.queue_id) return std::nullopt;
  if (credit_expired(facts.height, facts.credit->block, expiry)) return std::nullopt;
  const auto gate = batch_gate(facts.height, facts.credit->block, expiry);
  if (!gate) return reject(invalid("the next block of the batch is beyond u64"));
  if (gate->due) return std::nullopt;
  return not_due(order, facts, gate->next_block);
}

// Rows 11 and 12, and the numbers of a settlement that goes through.
Decision price(const SettleOrder& order, const SettleFacts& facts) {
  const std::uint64_t free = facts.credit->amount_kwh - facts.credit->reserved_kwh;
  if (free < order.kwh) return reject(too_little(kInsufficientCredit, order.kwh, free, "credit"));
  const auto rate = fee_rate(*facts.params, facts.load, facts.block_time);
  if (!rate) return reject(invalid("the market's totals are beyond what a fee can be computed of"));
  const auto cost = settlement_cost(order.kwh, facts.provider->price_per_kwh, rate->fee_bps,
                                    facts.params->jurisdiction_fee_bps);
  if (!cost) return reject(invalid("kwh_consumed times price_per_kwh is beyond u64"));
  Decision decision;
  decision.kind = Decision::Kind::kSettle;
  decision.fee_bps = rate->fee_bps;
  decision.cost = *cost;
  decision.slash = settlement_slash(cost->price_paid, facts.params->slashing_rate_bps,
                                    facts.provider->staked_balance);
  return decision;
}

struct Sums {
  std::uint64_t delivered = 0, kwh_settled = 0, epoch_kwh = 0;
  U128 price_paid = 0, accrued = 0, epoch_payout = 0;
};

// The running totals after a settlement; nullopt where one does not fit.
std::optional<Sums> add_up(const Totals& t, const Provider& p, std::uint64_t kwh,
                           const Decision& d) {
  const auto delivered = checked_add(p.total_delivered_kwh, kwh);
  const auto settled = checked_add(t.total_kwh_settled, kwh);
  const auto epoch_kwh = checked_add(t.epoch_kwh, kwh);
  const auto paid = checked_add_wide(t.total_price_paid, d.cost.price_paid);
  const auto accrued = checked_add_wide(
      t.treasury_accrued, U128{d.cost.treasury_fee} + d.cost.jurisdiction_fee + d.slash);
  const auto payout = checked_add_wide(t.epoch_payout, d.cost.payout);
  if (!delivered || !settled || !epoch_kwh || !paid || !accrued || !payout) return std::nullopt;
  return Sums{*delivered, *settled, *epoch_kwh, *paid, *accrued, *payout};
}

void count_up(Totals& t, const Sums& sums, Amount price_per_kwh) {
  t.total_kwh_settled = sums.kwh_settled;
  t.total_price_paid = sums.price_paid;
  t.treasury_accrued = sums.accrued;
  t.epoch_kwh = sums.epoch_kwh;
  t.epoch_payout = sums.epoch_payout;
  t.epoch_low_price = std::min(t.epoch_low_price.value_or(price_per_kwh), price_per_kwh);
}

std::int64_t shown(std::uint64_t value) {
  constexpr std::uint64_t kShown = std::uint64_t{1} << 62;
  return static_cast<std::int64_t>(std::min(value, kShown));
}

void publish(Market& market, const SettleOrder& order, const Receipt& r, std::uint64_t left_kwh,
             bool was_pending) {
  const std::uint64_t event_id = market.next_event();
  if (!market.real()) return;
  tb::Ctx& ctx = market.ctx();
  const std::string id = format_provider_id(r.seller);
  ctx.emit(kSettled, {event_id, r.seq, r.buyer, id, r.kwh_delivered, r.price_paid, r.block_settled,
                      r.treasury_fee, r.treasury_fee_bps, r.jurisdiction_fee, r.slash_applied,
                      to_tb(r.meter_hash), order.queue_id, left_kwh, was_pending,
                      market.recorded_at(), market.height()});
  ctx.add(kSettlements, 1, {id});
  ctx.add(kKwhTraded, shown(r.kwh_delivered));
  ctx.add(kTreasuryFees, shown(r.treasury_fee + r.jurisdiction_fee + r.slash_applied));
}

// Takes the settled kWh out of the credit; the row leaves the state with its last kWh.
void reduce_credit(Market& market, Provider& provider, Credit credit, const SettleOrder& order) {
  if (credit.amount_kwh == order.kwh)
    return market.remove_credit(provider, credit, order.meter_hash);
  credit.amount_kwh -= order.kwh;
  market.put(market.keys().credit(order.meter_hash), credit);
}

std::optional<Refusal> move_money(Market& market, const SettleOrder& order,
                                  const Provider& provider, const Decision& decision) {
  auto enough = covers(market, order.buyer, decision.cost.price_paid);
  if (!enough) return std::move(enough.refusal());
  if (!*enough)
    return refuse(kInsufficientFunds,
                  tb::cat("the buyer ", order.buyer, " does not hold the price of ",
                          decision.cost.price_paid, "; pay into it, or name another buyer"));
  if (auto paid = pay(market, order.buyer, provider.owner, decision.cost); !paid)
    return std::move(paid.refusal());
  if (auto lost = forfeit_stake(market, decision.slash); !lost) return std::move(lost.refusal());
  return std::nullopt;
}

Result<Settled> carry_out(Market& market, const SettleOrder& order, Provider provider,
                          const Credit& credit, const Decision& decision) {
  const auto sums = add_up(market.totals(), provider, order.kwh, decision);
  if (!sums) return invalid("a running total of the market would not fit its field");
  if (auto refusal = move_money(market, order, provider, decision)) return std::move(*refusal);
  const bool was_pending = market.counts_as_pending(credit.block, order.meter_hash);
  const Provider before = provider;
  reduce_credit(market, provider, credit, order);
  provider.available_kwh -= order.kwh;
  provider.total_delivered_kwh = sums->delivered;
  provider.last_settlement = market.time_s();
  provider.staked_balance -= decision.slash;
  if (!market.recount(before, provider))
    return invalid("the market's consumption would be beyond 128 bits");
  count_up(market.totals(), *sums, provider.price_per_kwh);
  observe_provider(market, provider, Trait::kDelivery, kGood);
  market.put(provider);

  Receipt receipt{++market.totals().receipt_seq,
                  order.buyer,
                  provider.id,
                  order.kwh,
                  decision.cost.price_paid,
                  market.height(),
                  decision.cost.treasury_fee,
                  decision.fee_bps,
                  decision.cost.jurisdiction_fee,
                  decision.slash,
                  order.meter_hash,
                  credit.reading};
  market.put(market.keys().receipt(receipt.seq), receipt);
  market.put(market.keys().receipt_place(receipt.meter_hash, receipt.seq), ReceiptPlace{});
  if (auto issued = issue_receipt(market, receipt, order.auth); !issued)
    return std::move(issued.refusal());
  publish(market, order, receipt, credit.amount_kwh - order.kwh, was_pending);
  return Settled(std::move(receipt));
}

Result<Settled> enqueue(Market& market, const SettleOrder& order, Provider provider, Credit credit,
                        Height due) {
  QueuedSettlement entry{++market.totals().queue_seq,
                         due,
                         order.provider,
                         order.buyer,
                         order.kwh,
                         order.meter_hash,
                         order.by_buyer,
                         order.auth};
  credit.reserved_kwh += order.kwh;
  provider.queued_settlements += 1;
  market.put(market.keys().credit(order.meter_hash), credit);
  market.put(market.keys().queued(due, entry.queue_id), entry);
  market.put(provider);
  if (market.real()) {
    market.ctx().emit(kSettlementQueued,
                      {entry.queue_id, due, format_provider_id(order.provider), order.buyer,
                       order.kwh, to_tb(order.meter_hash), market.height()});
  }
  return Settled(std::move(entry));
}

bool slashed_before(Market& market, const Hash& meter_hash, SlashReason reason) {
  return market.ctx().has(market.keys().slash(meter_hash, reason));
}

// What a charged refusal leaves behind; absent when it was slashed before.
void add_penalty(Market& market, const SettleOrder& order, Decision& decision) {
  if (decision.kind != Decision::Kind::kCharge) return;
  if (slashed_before(market, order.meter_hash, decision.reason)) return;
  decision.refusal.penalty = [id = order.provider, hash = order.meter_hash,
                              reason = decision.reason, kwh = decision.slashed_kwh](Market& after) {
    slash_refused(after, id, hash, reason, kwh);
  };
}

Result<SettleOrder> order_of(Market& market, const SettleParams& in) {
  SettleOrder order;
  const auto hash = parse_meter_hash(in.meter_hash);
  if (in.kwh_consumed == 0) return invalid("kwh_consumed is 0; give 1 or more");
  if (!hash) return invalid("meter_hash is not 32 bytes of hex");
  if (!is_plain_text(in.buyer, kMaxNameBytes))
    return invalid("buyer is not 1 to 128 bytes of UTF-8 without control characters");
  if (in.receipt_auth) {
    const auto signature = parse_signature(in.receipt_auth->signature_hex);
    if (!signature) return invalid("receipt_auth.signature_hex is not 64 bytes of hex");
    order.auth = ReceiptAuth{*signature, in.receipt_auth->signature_nonce};
  }
  order.buyer = account_named(market, in.buyer);
  order.by_buyer = !market.ctx().is_admin();
  if (order.by_buyer && order.buyer != market.ctx().account()) {
    return refuse(kUnauthorized,
                  "a settlement takes the buyer or an admin; sign with that account");
  }
  order.provider_name = in.provider_id;
  order.kwh = in.kwh_consumed;
  order.meter_hash = *hash;
  order.may_queue = in.queue;
  return order;
}

}  // namespace

std::string contract_id(const Hash& meter_hash) { return "energy:" + format_hex(meter_hash); }

Decision decide(const SettleOrder& order, const SettleFacts& facts) {
  if (auto refused = check_parties(order, facts)) return std::move(*refused);
  if (auto waits = check_due(order, facts)) return std::move(*waits);
  if (auto refused = check_quorum(order, facts)) return std::move(*refused);
  if (auto refused = check_expired(order, facts)) return std::move(*refused);
  return price(order, facts);
}

Result<Settled> settle(Market& market, const SettleParams& in) {
  auto order = order_of(market, in);
  if (!order) return std::move(order.refusal());
  if (market.params().settlement_paused != 0) {
    return refuse(kSettlementPaused, "settlements are paused by energy_settlement_paused");
  }
  const auto id = parse_provider_id(in.provider_id);
  if (!id) return unknown_provider(in.provider_id);
  order->provider = *id;
  return settle_order(market, *order);
}

Result<Settled> settle_order(Market& market, const SettleOrder& order) {
  const std::optional<Provider> provider = market.provider(order.provider);
  const auto credit = market.load<Credit>(market.keys().credit(order.meter_hash));
  SettleFacts facts;
  facts.params = &market.params();
  facts.height = market.height();
  facts.block_time = market.time_s();
  facts.provider = provider ? &*provider : nullptr;
  facts.credit = credit ? &*credit : nullptr;
  facts.disputed = market.dispute_open(order.meter_hash);
  facts.load = market.load_now();
  facts.open_since = market.totals().open_since;
  Decision decision = decide(order, facts);
  switch (decision.kind) {
    case Decision::Kind::kSettle:
      return carry_out(market, order, *provider, *credit, decision);
    case Decision::Kind::kQueue:
      return enqueue(market, order, *provider, *credit, decision.due_block);
    default:
      break;
  }
  add_penalty(market, order, decision);
  return std::move(decision.refusal);
}

bool slash_refused(Market& market, ProviderId id, const Hash& meter_hash, SlashReason reason,
                   std::uint64_t kwh) {
  std::optional<Provider> provider = market.provider(id);
  if (!provider || slashed_before(market, meter_hash, reason)) return false;
  Totals& totals = market.totals();
  const Amount amount = refused_slash(provider->price_per_kwh, kwh,
                                      market.params().slashing_rate_bps, provider->staked_balance);
  const auto accrued = checked_add_wide(totals.treasury_accrued, amount);
  if (!accrued || !forfeit_stake(market, amount))
    throw std::runtime_error("the stake that a slash takes is not in energy:stakes");
  provider->staked_balance -= amount;
  totals.treasury_accrued = *accrued;
  if (reason == SlashReason::kExpiry) observe_provider(market, *provider, Trait::kDelivery, kBad);
  market.put(*provider);
  const SlashRecord record{++totals.slash_seq, id, market.height(), amount, market.recorded_at()};
  market.put(market.keys().slash(meter_hash, reason), record);
  const std::uint64_t event_id = market.next_event();
  const std::string_view why = slash_reason_name(reason);
  if (!issue_slash_receipt(market, id, meter_hash, amount, why))
    throw std::runtime_error("receipts/1 refused a slash receipt");
  if (!market.real()) return true;
  const std::string name = format_provider_id(id);
  market.ctx().emit(kSlashed, {event_id, record.seq, name, to_tb(meter_hash), amount, why,
                               record.recorded_at, record.block_height});
  market.ctx().add(kSlashings, 1, {name, why});
  market.ctx().add(kSlashedAmount, shown(amount), {why});
  market.ctx().add(kTreasuryFees, shown(amount));
  return true;
}

}  // namespace energy
