#include "plugins/energy/disputes.hpp"

#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/providers.hpp"
#include "plugins/energy/settlement.hpp"

namespace energy {
namespace {

constexpr std::uint32_t kDisputePage = 256;

// The type under which a dispute is counted, when its reason is one of the known texts.
std::string_view type_of(std::string_view reason) {
  for (std::string_view known : {"low_reading", "outlier_detected", "consensus_gap"}) {
    if (reason == known) return known;
  }
  return "other";
}

// Calls fn(seq) for each receipt of a meter hash, ascending, until it returns false.
template <class Fn>
void each_receipt_of(Market& market, const Hash& meter_hash, Fn&& fn) {
  std::string after;
  for (bool more = true; more;) {
    std::vector<std::string> keys;
    more = market.ctx().scan(market.keys().receipts_of(meter_hash), after, kDisputePage,
                             [&](std::string_view key, std::string_view) {
                               keys.emplace_back(key);
                             }) == kDisputePage;
    for (const std::string& key : keys) {
      if (!fn(*market.keys().read_receipt_place(key))) return;
    }
    if (!keys.empty()) after = keys.back();
  }
}

std::optional<ProviderId> first_seller(Market& market, const Hash& meter_hash) {
  std::optional<ProviderId> seller;
  each_receipt_of(market, meter_hash, [&](std::uint64_t seq) {
    if (const auto receipt = market.load<Receipt>(market.keys().receipt(seq)))
      seller = receipt->seller;
    return false;
  });
  return seller;
}

std::uint64_t delivered_kwh(Market& market, const Hash& meter_hash) {
  std::uint64_t kwh = 0;
  each_receipt_of(market, meter_hash, [&](std::uint64_t seq) {
    // The sum is at most what the meter counted, which is a u64.
    if (const auto receipt = market.load<Receipt>(market.keys().receipt(seq)))
      kwh += receipt->kwh_delivered;
    return true;
  });
  return kwh;
}

void drop_queued(Market& market, Provider& provider, const Hash& meter_hash) {
  std::string after;
  for (bool more = true; more;) {
    std::vector<std::string> keys;
    more = market.ctx().scan(market.keys().queue(), after, kDisputePage,
                             [&](std::string_view key, std::string_view value) {
                               after = key;
                               if (row_of<QueuedSettlement>(value).meter_hash == meter_hash)
                                 keys.emplace_back(key);
                             }) == kDisputePage;
    for (const std::string& key : keys) {
      market.ctx().erase(key);
      if (provider.queued_settlements > 0) --provider.queued_settlements;
    }
  }
}

DisputeEvent event_of(Market& market, const Dispute& d, std::string_view provider_id) {
  DisputeEvent event;
  event.dispute_id = d.id;
  event.provider_id = provider_id;
  event.meter_hash = to_tb(d.meter_hash);
  event.reporter = d.reporter;
  event.reason = d.reason;
  event.status = d.resolution ? "resolved" : "open";
  event.opened_at = d.opened_at;
  if (d.resolution) {
    event.resolved_at = d.resolution->resolved_at;
    if (d.resolution->note) event.resolution_note = *d.resolution->note;
    event.resolver = d.resolution->resolver;
    event.outcome = outcome_name(d.resolution->outcome);
  }
  event.recorded_at = market.recorded_at();
  event.height = market.height();
  return event;
}

// The lost dispute: credit and queue go, the stake pays, the reputation suffers.
void punish(Market& market, const Dispute& d, const std::optional<Credit>& credit) {
  std::uint64_t kwh = delivered_kwh(market, d.meter_hash);
  std::optional<Provider> provider = market.provider(d.provider);
  if (!provider) throw std::runtime_error("a dispute names a provider that is not there");
  if (credit) {
    kwh += credit->amount_kwh;
    provider->voided_kwh += credit->amount_kwh;
    if (credit->reserved_kwh > 0) drop_queued(market, *provider, d.meter_hash);
    market.remove_credit(*provider, *credit, d.meter_hash);
    market.put(*provider);
  }
  if (!slash_refused(market, d.provider, d.meter_hash, SlashReason::kDispute, kwh))
    return;  // slashed by an earlier dispute on this reading: nothing more happens
  provider = market.provider(d.provider);
  penalize_provider(market, *provider, kDisputePenaltyPpm);
  market.put(*provider);
}

// A credit that was kept over its time only by the dispute is purged by the next block.
void purge_if_passed(Market& market, const Dispute& d, const Credit& credit) {
  const CreditCursor at{credit.block, d.meter_hash};
  CreditCursor& cursor = market.totals().purged_below;
  if (at <= cursor) cursor = at.just_below();
}

void count_resolution(Market& market, const Dispute& d) {
  tb::Ctx& ctx = market.ctx();
  const std::string_view outcome = outcome_name(d.resolution->outcome);
  ctx.add(kDisputesResolved);
  ctx.add(kDisputeStates, 1, {outcome});
  ctx.add(kDisputeOutcomes, 1, {outcome});
  const std::uint64_t now = market.time_s();
  ctx.observe(kDisputeResolutionSeconds,
              static_cast<std::int64_t>(now > d.opened_time ? now - d.opened_time : 0));
}

std::optional<Refusal> check_resolution(Market& market, const ResolveParams& in) {
  if (!market.ctx().is_admin()) return refuse(kUnauthorized, "resolve_dispute takes an admin");
  if (in.outcome != "resolved" && in.outcome != "slashed")
    return invalid("outcome is neither resolved nor slashed");
  if (!is_plain_text(in.resolver, kMaxNameBytes))
    return invalid("resolver is not 1 to 128 bytes of UTF-8 without control characters");
  if (in.resolution_note && !is_plain_text(*in.resolution_note, kMaxTextBytes)) {
    return invalid("resolution_note is not 1 to 1024 bytes of UTF-8 without control characters");
  }
  return std::nullopt;
}

}  // namespace

std::string_view outcome_name(DisputeOutcome outcome) {
  return outcome == DisputeOutcome::kSlashed ? "slashed" : "resolved";
}

Result<Dispute> flag_dispute(Market& market, const FlagParams& in) {
  if (!market.ctx().is_admin()) return refuse(kUnauthorized, "flag_dispute takes an admin");
  const auto hash = parse_meter_hash(in.meter_hash);
  if (!hash) return invalid("meter_hash is not 32 bytes of hex");
  if (!is_plain_text(in.reason, kMaxTextBytes))
    return invalid("reason is not 1 to 1024 bytes of UTF-8 without control characters");
  if (!is_plain_text(in.reporter, kMaxNameBytes))
    return invalid("reporter is not 1 to 128 bytes of UTF-8 without control characters");
  if (market.dispute_open(*hash))
    return refuse(kAlreadyOpen, "a dispute on this reading is open already");
  const auto credit = market.load<Credit>(market.keys().credit(*hash));
  const std::optional<ProviderId> id =
      credit ? std::optional(credit->provider) : first_seller(market, *hash);
  if (!id)
    return refuse(kUnknownMeterReading, "neither a credit nor a receipt has this meter hash");

  Totals& totals = market.totals();
  Dispute d{++totals.dispute_seq,
            *id,
            *hash,
            std::string(in.reporter),
            std::string(in.reason),
            market.height(),
            market.time_s(),
            std::nullopt};
  totals.open_disputes += 1;
  std::optional<Provider> provider = market.provider(*id);
  provider->open_disputes += 1;
  market.put(*provider);
  market.put(market.keys().dispute(d.id), d);
  market.put(market.keys().open_dispute(*hash), OpenDispute{d.id});
  const std::uint64_t event_id = market.next_event();
  if (market.real()) {
    const std::string name = format_provider_id(*id);
    DisputeEvent event = event_of(market, d, name);
    event.event_id = event_id;
    market.ctx().emit(kDisputeOpened, event);
    market.ctx().add(kDisputesOpened);
    market.ctx().add(kDisputeStates, 1, {"open"});
    market.ctx().add(kDisputesRaised, 1, {type_of(d.reason)});
  }
  return d;
}

Result<Dispute> resolve_dispute(Market& market, const ResolveParams& in) {
  if (auto refusal = check_resolution(market, in)) return std::move(*refusal);
  std::optional<Dispute> d = market.load<Dispute>(market.keys().dispute(in.dispute_id));
  if (!d)
    return refuse(kUnknownDispute,
                  tb::cat("no dispute ", in.dispute_id, "; energy.disputes lists them"));
  if (d->resolution)
    return refuse(kAlreadyResolved, tb::cat("dispute ", in.dispute_id, " was resolved in block ",
                                            d->resolution->resolved_at));
  d->resolution =
      Resolution{market.height(), std::nullopt, std::string(in.resolver),
                 in.outcome == "slashed" ? DisputeOutcome::kSlashed : DisputeOutcome::kResolved};
  if (in.resolution_note) d->resolution->note = std::string(*in.resolution_note);

  const auto credit = market.load<Credit>(market.keys().credit(d->meter_hash));
  const bool lost = d->resolution->outcome == DisputeOutcome::kSlashed;
  const std::string name = format_provider_id(d->provider);
  DisputeEvent event = event_of(market, *d, name);
  event.event_id = market.next_event();
  event.voided_kwh = lost && credit ? credit->amount_kwh : 0;
  event.was_pending = credit && market.counts_as_pending(credit->block, d->meter_hash);

  market.ctx().erase(market.keys().open_dispute(d->meter_hash));
  market.put(market.keys().dispute(d->id), *d);
  if (market.totals().open_disputes > 0) market.totals().open_disputes -= 1;
  std::optional<Provider> provider = market.provider(d->provider);
  if (provider->open_disputes > 0) provider->open_disputes -= 1;
  market.put(*provider);
  if (market.real()) {
    market.ctx().emit(kDisputeResolved, event);
    count_resolution(market, *d);
  }
  if (lost) {
    punish(market, *d, credit);
  } else if (credit) {
    purge_if_passed(market, *d, *credit);
  }
  return std::move(*d);
}

}  // namespace energy
