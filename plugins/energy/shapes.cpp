#include "plugins/energy/shapes.hpp"

#include "plugins/energy/disputes.hpp"

namespace energy {
namespace {

void put_pair(tb::Out& out, std::string_view name, const BetaPair& pair) {
  out.list(name, [&](tb::Out& list) {
    list.element(pair.alpha);
    list.element(pair.beta);
  });
}

void put_reputation(const Reputation& r, tb::Out& out) {
  out.record("reputation", [&](tb::Out& rep) {
    rep.scaled("composite_score", r.composite_ppm, 6);
    rep.put("composite_ppm", r.composite_ppm);
    rep.put("confidence_ppm", confidence_ppm(r.observations));
    rep.put("observations", r.observations);
    put_pair(rep, "delivery", r.of(Trait::kDelivery));
    put_pair(rep, "meter", r.of(Trait::kMeter));
    put_pair(rep, "latency", r.of(Trait::kLatency));
    put_pair(rep, "capacity", r.of(Trait::kCapacity));
  });
}

}  // namespace

void show_provider(tb::View& view, const Params& params, const Provider& p, tb::Out& out) {
  out.put("provider_id", format_provider_id(p.id));
  out.put("owner", p.owner);
  out.put("jurisdiction", p.jurisdiction);
  out.put("meter_address", p.meter_address);
  out.put("capacity_kwh", p.capacity_kwh);
  out.put("available_kwh", p.available_kwh);
  out.put("price_per_kwh", p.price_per_kwh);
  out.put("total_delivered_kwh", p.total_delivered_kwh);
  out.put("staked_balance", p.staked_balance);
  out.put("status", status_name(p.status));
  out.put("stake_ok", p.staked_balance >= params.min_stake);
  out.scaled("reputation_score", p.reputation_score_ppm, 6);
  out.put("reputation_score_ppm", p.reputation_score_ppm);
  put_reputation(p.reputation, out);
  const auto& last = p.last_reading;
  put_or_null(out, "last_meter_value", last ? std::optional(last->meter_value) : std::nullopt);
  put_or_null(out, "last_meter_timestamp", last ? std::optional(last->timestamp) : std::nullopt);
  put_or_null(out, "last_nonce", last ? std::optional(last->nonce) : std::nullopt);
  put_or_null(out, "last_settlement", p.last_settlement);
  put_or_null(out, "last_fulfillment_latency_ms", p.last_fulfillment_latency_ms);
  out.put("pending_credits", p.pending_credits);
  out.put("open_disputes", p.open_disputes);
  const auto root = load_row<TrustRoot>(view, trust_root_key(p.id));
  put_or_null(out, "public_key", root ? std::optional(format_hex(root->public_key)) : std::nullopt);
}

void show_fulfillment(const Provider& p, tb::Out& out) {
  out.put("provider_id", format_provider_id(p.id));
  out.put("reputation_score_ppm", p.reputation_score_ppm);
  out.put("composite_ppm", p.reputation.composite_ppm);
  out.put("observations", p.reputation.observations);
  out.put("confidence_ppm", confidence_ppm(p.reputation.observations));
  out.put("status", status_name(p.status));
}

std::string_view credit_status_name(CreditStatus status) {
  constexpr std::string_view kNames[] = {"pending", "expired", "disputed", "consumed"};
  return kNames[static_cast<unsigned>(status)];
}

void show_credit(const CreditView& credit, const Hash& meter_hash, CreditStatus status,
                 std::uint64_t expiry, tb::Out& out) {
  const ProviderIdText name(credit.provider);
  const std::string_view id = name.view();
  out.put("provider", id);
  out.put("provider_id", id);
  out.put("amount_kwh", credit.amount_kwh);
  out.put("timestamp", credit.block);
  out.put("block_height", credit.block);
  out.put("reading_timestamp", credit.reading.timestamp);
  out.put("meter_address", credit.reading.meter_address);
  out.put("kwh_reading", credit.reading.kwh_reading);
  out.put("nonce", credit.reading.nonce);
  out.put("meter_hash", to_tb(meter_hash));
  out.put("status", credit_status_name(status));
  out.put("reserved_kwh", credit.reserved_kwh);
  put_or_null(out, "expires_at_block", credit_expires_at(credit.block, expiry));
}

void show_receipt(const Receipt& r, tb::Out& out) {
  out.put("buyer", r.buyer);
  out.put("seller", format_provider_id(r.seller));
  out.put("kwh_delivered", r.kwh_delivered);
  out.put("price_paid", r.price_paid);
  out.put("block_settled", r.block_settled);
  out.put("treasury_fee", r.treasury_fee);
  out.put("treasury_fee_bps", r.treasury_fee_bps);
  out.put("jurisdiction_fee", r.jurisdiction_fee);
  out.put("slash_applied", r.slash_applied);
  out.put("meter_hash", to_tb(r.meter_hash));
  out.put("seq", r.seq);
}

void show_queued(const QueuedSettlement& entry, tb::Out& out) {
  out.put("status", "queued");
  out.put("queue_id", entry.queue_id);
  out.put("due_block", entry.due_block);
}

void show_queue_entry(const QueuedSettlement& entry, tb::Out& out) {
  out.put("queue_id", entry.queue_id);
  out.put("due_block", entry.due_block);
  out.put("provider_id", format_provider_id(entry.provider));
  out.put("buyer", entry.buyer);
  out.put("kwh_consumed", entry.kwh_consumed);
  out.put("meter_hash", to_tb(entry.meter_hash));
  out.put("by_buyer", entry.by_buyer);
}

void show_dispute(const Dispute& d, tb::Out& out) {
  out.put("id", d.id);
  out.put("dispute_id", d.id);
  out.put("provider_id", format_provider_id(d.provider));
  out.put("meter_hash", to_tb(d.meter_hash));
  out.put("reporter", d.reporter);
  out.put("reason", d.reason);
  out.put("status", d.resolution ? "resolved" : "open");
  out.put("opened_at", d.opened_at);
  out.put("opened_time", d.opened_time);
  const auto& end = d.resolution;
  put_or_null(out, "resolved_at", end ? std::optional(end->resolved_at) : std::nullopt);
  put_or_null(out, "resolution_note", end ? end->note : std::nullopt);
  put_or_null(out, "resolver", end ? std::optional(end->resolver) : std::nullopt);
  put_or_null(out, "outcome", end ? std::optional(outcome_name(end->outcome)) : std::nullopt);
}

}  // namespace energy
