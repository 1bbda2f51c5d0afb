#include "plugins/energy/hooks.hpp"

#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/services.hpp"
#include "plugins/energy/settlement.hpp"

namespace energy {
namespace {

// Rows that one piece of time-driven work may touch, reads included: it is begun only while that
// many are left of the block's budget, and the totals at the end always fit.
constexpr std::uint64_t kCreditRows = 8;
constexpr std::uint64_t kQueueRows = 48;
constexpr std::uint64_t kSandboxRows = 2;
constexpr std::uint64_t kReserve = 8;
constexpr std::uint32_t kHookPage = 256;

// Walks a list that shrinks or is passed by a cursor: next(page size) delivers up to that many
// pieces, each is done while the budget lasts. False: the budget is used up, or a piece said stop.
template <class Piece, class Next, class Do>
bool work_off(tb::Ctx& ctx, std::uint64_t rows_each, Next&& next, Do&& carry_out) {
  for (;;) {
    const std::vector<Piece> page = next(kHookPage);
    if (page.empty()) return true;
    for (const Piece& piece : page) {
      if (ctx.rows_left() < rows_each + kReserve) return false;
      if (!carry_out(piece)) return false;
    }
  }
}

std::vector<CreditCursor> places_after(Market& market, const CreditCursor& at,
                                       std::uint32_t limit) {
  std::vector<CreditCursor> places;
  market.ctx().scan(market.keys().credit_places(), market.keys().credit_place(at), limit,
                    [&](std::string_view key, std::string_view) {
                      if (const auto place = market.keys().read_credit_place(key))
                        places.push_back(*place);
                    });
  return places;
}

// Up to and with `at`, descending.
std::vector<CreditCursor> places_up_to(Market& market, const CreditCursor& at,
                                       std::uint32_t limit) {
  std::vector<CreditCursor> places;
  const ShortKey before = market.keys().credit_place(at).text(std::string_view("\0", 1));
  market.ctx().scan_back(market.keys().credit_places(), before, limit,
                         [&](std::string_view key, std::string_view) {
                           if (const auto place = market.keys().read_credit_place(key))
                             places.push_back(*place);
                         });
  return places;
}

void emit_credit(Market& market, tb::Event<CreditEvent> event, const Credit& credit,
                 const CreditCursor& at) {
  if (!market.real()) return;
  market.ctx().emit(event, {format_provider_id(credit.provider), to_tb(at.meter_hash),
                            credit.amount_kwh, at.block, market.height()});
}

// A credit's time has passed, or has been given back by a longer expiry.
void recount_credit(Market& market, const CreditCursor& at, bool expired) {
  const auto credit = market.load<Credit>(market.keys().credit(at.meter_hash));
  if (!credit) throw std::runtime_error("a credit's place has no credit");
  std::optional<Provider> provider = market.provider(credit->provider);
  if (expired && provider->pending_credits > 0) provider->pending_credits -= 1;
  if (!expired) provider->pending_credits += 1;
  market.put(*provider);
  emit_credit(market, expired ? kCreditExpiredEvent : kCreditRevived, *credit, at);
}

// After the life of a credit was raised the cursor walks back.
void walk_back(Market& market) {
  CreditCursor& cursor = market.totals().expired_below;
  while (cursor.block != 0 && !credit_expired(market.height(), cursor.block, market.expiry())) {
    const std::vector<CreditCursor> places = places_up_to(market, cursor, kHookPage);
    for (const CreditCursor& at : places) {
      if (credit_expired(market.height(), at.block, market.expiry())) {
        cursor = at;
        return;
      }
      if (market.ctx().rows_left() < kCreditRows + kReserve) return;
      recount_credit(market, at, false);
      cursor = at.just_below();
    }
    if (places.empty()) cursor = CreditCursor{};
  }
}

void expire(Market& market) {
  walk_back(market);
  CreditCursor& cursor = market.totals().expired_below;
  work_off<CreditCursor>(
      market.ctx(), kCreditRows,
      [&](std::uint32_t limit) { return places_after(market, cursor, limit); },
      [&](const CreditCursor& at) {
        if (!credit_expired(market.height(), at.block, market.expiry())) return false;
        recount_credit(market, at, true);
        cursor = at;
        return true;
      });
}

void purge_one(Market& market, const CreditCursor& at) {
  if (market.dispute_open(at.meter_hash)) return;  // its end puts the cursor back
  const auto credit = market.load<Credit>(market.keys().credit(at.meter_hash));
  if (!credit) throw std::runtime_error("a credit's place has no credit");
  std::optional<Provider> provider = market.provider(credit->provider);
  provider->purged_kwh += credit->amount_kwh;
  market.remove_credit(*provider, *credit, at.meter_hash);
  market.put(*provider);
}

void purge(Market& market) {
  CreditCursor& cursor = market.totals().purged_below;
  const std::uint64_t retention = market.params().expired_retention_blocks;
  work_off<CreditCursor>(
      market.ctx(), kCreditRows,
      [&](std::uint32_t limit) { return places_after(market, cursor, limit); },
      [&](const CreditCursor& at) {
        const bool due = credit_purgeable(market.height(), at.block, market.expiry(), retention);
        if (!due || at > market.totals().expired_below) return false;
        purge_one(market, at);
        cursor = at;
        return true;
      });
}

void reset_capacity(Market& market) {
  const std::uint64_t period = market.params().capacity_period_blocks;
  if (period == 0 || market.height() % period != 0) return;
  market.totals().capacity_resets += 1;
  market.totals().total_consumed_kwh = 0;
}

void report_failure(Market& market, const QueuedSettlement& entry, Refusal& refusal) {
  const std::string provider = format_provider_id(entry.provider);
  SettlementFailedEvent event;
  event.queue_id = entry.queue_id;
  event.error = refusal.name();
  event.code = refusal.error.code;
  event.provider_id = provider;
  event.meter_hash = to_tb(entry.meter_hash);
  event.height = market.height();
  event.required_ppm = refusal.number("required_ppm");
  event.actual_ppm = refusal.number("actual_ppm");
  event.requested_kwh = refusal.number("requested_kwh");
  event.available_kwh = refusal.number("available_kwh");
  market.ctx().emit(kSettlementFailed, event);
  market.ctx().add(kSettlementRejects, 1, {refusal.name()});
  if (refusal.penalty) refusal.penalty(market);
}

// The entry leaves the queue and its reservation is released, whatever comes of it.
void take_out(Market& market, const std::string& key, const QueuedSettlement& entry) {
  market.ctx().erase(key);
  std::optional<Provider> provider = market.provider(entry.provider);
  if (provider && provider->queued_settlements > 0) {
    provider->queued_settlements -= 1;
    market.put(*provider);
  }
  const ShortKey credit_key = market.keys().credit(entry.meter_hash);
  if (auto credit = market.load<Credit>(credit_key)) {
    credit->reserved_kwh -= std::min(credit->reserved_kwh, entry.kwh_consumed);
    market.put(credit_key, *credit);
  }
}

void execute(Market& outer, const std::string& key, const QueuedSettlement& entry) {
  take_out(outer, key, entry);
  outer.save();
  std::optional<Refusal> refused;
  const tb::Status status = outer.ctx().attempt([&] {
    Market inner(outer.ctx(), Space::kReal, outer.params());
    SettleOrder order{entry.provider,   format_provider_id(entry.provider),
                      entry.buyer,      entry.kwh_consumed,
                      entry.meter_hash, entry.receipt_auth,
                      entry.by_buyer,   false,
                      entry.queue_id};
    auto settled = settle_order(inner, order);
    if (!settled) {
      refused = std::move(settled.refusal());
      return tb::Status(TB_FAILED);
    }
    inner.save();
    return tb::ok();
  });
  if (status.ok() || !refused) return;
  Market after(outer.ctx(), Space::kReal, outer.params());
  report_failure(after, entry, *refused);
  after.save();
}

// Settlements whose block has come, or all of them in real-time mode. Each works on totals of its
// own.
void run_queue(tb::Ctx& ctx, const Params& params, Height height) {
  const Keys keys(Space::kReal);
  using Entry = std::pair<std::string, QueuedSettlement>;
  const bool all = params.settlement_mode == kModeRealTime;
  work_off<Entry>(
      ctx, kQueueRows,
      [&](std::uint32_t limit) {
        std::vector<Entry> page;
        ctx.scan(keys.queue(), {}, limit, [&](std::string_view key, std::string_view value) {
          page.emplace_back(key, row_of<QueuedSettlement>(value));
        });
        return page;
      },
      [&](const Entry& entry) {
        if (!all && entry.second.due_block > height) return false;
        Market market(ctx, Space::kReal, params);
        execute(market, entry.first, entry.second);
        return true;
      });
}

bool any_row(tb::Ctx& ctx, std::string_view prefix) {
  return ctx.scan(prefix, {}, 1, [](std::string_view, std::string_view) {}) > 0;
}

void clear_sandbox(tb::Ctx& ctx) {
  work_off<std::string>(
      ctx, kSandboxRows,
      [&](std::uint32_t limit) {
        std::vector<std::string> keys;
        ctx.scan(kRehearsalPrefix, {}, limit,
                 [&](std::string_view key, std::string_view) { keys.emplace_back(key); });
        return keys;
      },
      [&](const std::string& key) {
        ctx.erase(key);
        return true;
      });
}

Height tend_credits(tb::Ctx& ctx, Space space, const Params& params) {
  Market market(ctx, space, params);
  reset_capacity(market);
  expire(market);
  purge(market);
  market.save();
  return market.height();
}

std::uint64_t clipped(U128 value) {
  return value > kU64Max ? kU64Max : static_cast<std::uint64_t>(value);
}

void emit_params(tb::Ctx& ctx, const Params& p, Height height) {
  ctx.emit(kParamsChanged, {p.settlement_mode, p.settlement_quorum_ppm, effective_expiry(p),
                            p.min_stake, p.slashing_rate_bps, p.funds_mode, p.settlement_paused,
                            p.launch_autopilot == 0, height});
  ctx.set(kSettlementMode, static_cast<std::int64_t>(p.settlement_mode));
}

}  // namespace

tb::Status begin_block(tb::Ctx& ctx) {
  const Params params = load_params(ctx);
  const bool open = params.launch_autopilot != 0;
  const Height height = tend_credits(ctx, Space::kReal, params);
  if (!open) tend_credits(ctx, Space::kRehearsal, Params(params));
  if (open && params.settlement_paused == 0) run_queue(ctx, params, height);
  if (open) clear_sandbox(ctx);
  if (any_row(ctx, Keys(Space::kReal).queue())) ctx.pending_work();
  return tb::ok();
}

tb::Status end_block(tb::Ctx& ctx) {
  if (!ctx.last_of_epoch()) return tb::ok();
  const Params params = load_params(ctx);
  const bool rehearsal = params.launch_autopilot == 0;
  Market market(ctx, rehearsal ? Space::kRehearsal : Space::kReal, params);
  const Totals& t = market.totals();
  Sample sample;
  sample.epoch = ctx.epoch();
  sample.rehearsal = rehearsal;
  // A sum beyond u64 is handed in as the largest number: the sample informs, no money depends on it
  // here.
  sample.capacity_units = clipped(t.total_capacity_kwh);
  sample.used_units = clipped(t.total_consumed_kwh);
  sample.payout_total = clipped(t.epoch_payout);
  sample.cost_total = clipped(U128{t.epoch_kwh} * t.epoch_low_price.value_or(0));
  return hand_in_sample(ctx, sample);
}

tb::Status end_epoch(tb::Ctx& ctx) {
  const Params params = load_params(ctx);
  for (const Space space : {Space::kReal, Space::kRehearsal}) {
    if (space == Space::kRehearsal && params.launch_autopilot != 0) continue;
    Market market(ctx, space, params);
    market.totals().epoch_kwh = 0;
    market.totals().epoch_payout = 0;
    market.totals().epoch_low_price.reset();
    market.save();
  }
  return tb::ok();
}

tb::Status check_params(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  Params next = load_params(ctx);
  std::uint32_t place = 0;
  for (const ParamSpec& spec : param_table()) {
    next.*spec.field = changes.value(ctx, tb::Param{place++});
    if (const auto problem = check_param(spec, next.*spec.field))
      return ctx.fail(kInvalidParams, *problem);
  }
  return tb::ok();
}

tb::Status params_changed(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  Params params = load_params(ctx);
  std::uint32_t place = 0;
  bool opens = false;
  for (const ParamSpec& spec : param_table()) {
    const tb_param_change* change = changes.find(tb::Param{place++});
    if (change == nullptr) continue;
    params.*spec.field = change->new_value;
    opens = opens || (spec.field == &Params::launch_autopilot && change->old_value == 0 &&
                      change->new_value != 0);
  }
  Market market(ctx, Space::kReal, params);
  if (opens) market.totals().open_since = market.height();
  emit_params(ctx, params, market.height());
  market.save();
  return tb::ok();
}

}  // namespace energy
