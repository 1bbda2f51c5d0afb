// The rules: who pays what when. The price of a permit waits in escrow; its end divides it.
#include <limits>

#include "parking.hpp"

namespace parking {
namespace {

constexpr std::uint64_t kAllBps = 10'000;

Totals load_totals(tb::View& view) { return view.load<Totals>(kTotalsKey).value_or(Totals{}); }

void store_totals(tb::Ctx& ctx, const Totals& totals) {
  ctx.store(kTotalsKey, totals);
  ctx.set(kOpen, static_cast<std::int64_t>(totals.open));
  ctx.set(kHeld, static_cast<std::int64_t>(totals.held));
}

// Pays `earned` of the permit to its zone's city and the rest back, and forgets the permit.
tb::Status close(tb::Ctx& ctx, std::uint64_t id, const Permit& permit, std::uint64_t earned) {
  const auto zone = ctx.load<Zone>(zone_key(permit.zone));
  if (!zone) return ctx.fail(kUnknownZone, tb::cat("permit ", id, " is of a zone that is gone"));
  const std::uint64_t returned = permit.paid - earned;
  if (earned > 0) {
    const auto paid = Ledger::capture(ctx, kEscrow, zone->city, earned, "parking");
    if (!paid) return ctx.fail(paid);
  }
  if (returned > 0) {
    const auto back = Ledger::release(ctx, kEscrow, permit.owner, returned, "parking unused");
    if (!back) return ctx.fail(back);
  }
  ctx.erase(permit_key(id));
  ctx.erase(end_key(permit.until_s, id));
  Totals totals = load_totals(ctx);
  totals.open -= 1;
  totals.held -= permit.paid;
  totals.earned += earned;  // cannot wrap: the ledger's supply is a u64
  store_totals(ctx, totals);
  ctx.emit(kClosed, {id, earned, returned});
  return tb::ok();
}

// What of a permit is used up now: whole hours that have begun, and the fee on the others.
std::uint64_t used(tb::Ctx& ctx, const Permit& permit) {
  const std::uint64_t hours = (permit.until_s - permit.from_s) / kHourSeconds;
  const std::uint64_t begun = (ctx.time_s() - permit.from_s) / kHourSeconds + 1;
  if (begun >= hours) return permit.paid;
  const std::uint64_t spent = permit.paid / hours * begun;
  const tb::U128 fee = tb::U128(permit.paid - spent) * ctx.param(kCancelFeeBps) / kAllBps;
  return spent + static_cast<std::uint64_t>(fee);
}

}  // namespace

// [machine]
tb::Status set_zone(tb::Ctx& ctx, const ZoneParams& in, tb::Out& out) {
  Zone zone = ctx.load<Zone>(zone_key(in.zone)).value_or(Zone{});
  zone.price = in.price;
  if (in.city) zone.city = in.city->text;
  if (zone.city.empty()) zone.city = ctx.account();
  ctx.store(zone_key(in.zone), zone);
  out.put("zone", in.zone);
  out.write(zone);
  return tb::ok();
}

// [machine]
tb::Status buy(tb::Ctx& ctx, const BuyParams& in, tb::Out& out) {
  auto zone = ctx.load<Zone>(zone_key(in.zone));
  if (!zone) return ctx.fail(kUnknownZone, tb::cat("there is no zone '", in.zone, "'"));
  const std::uint64_t limit = ctx.param(kMaxHours);
  if (in.hours > limit) {
    return ctx.fail(kTooLong, tb::cat(in.hours, " hours are asked for, ", limit, " are allowed"),
                    [&](tb::Out& data) { data.put("limit", limit); });
  }
  const std::uint64_t places = in.kind == "lorry" ? 2 : 1;
  const tb::U128 price = tb::U128(zone->price) * in.hours * places;
  if (price > std::numeric_limits<std::uint64_t>::max()) {
    return ctx.fail(kTooMuch, "the price of so many hours does not fit 64 bits");
  }
  const auto paid = static_cast<std::uint64_t>(price);
  if (paid > 0) {
    const auto held =
        Ledger::hold(ctx, ctx.account(), kEscrow, paid, "parking", tb::Consent::kOfSender);
    if (!held) return ctx.fail(held);
  }
  Totals totals = load_totals(ctx);
  const std::uint64_t id = totals.next_id++;
  const std::uint64_t until = ctx.time_s() + in.hours * kHourSeconds;
  Permit permit{std::string(in.zone),
                std::string(in.plate),
                std::string(ctx.account()),
                paid,
                ctx.time_s(),
                until};
  permit.kind = in.kind;
  ctx.store(permit_key(id), permit);
  ctx.put(end_key(until, id), {});
  zone->sold += 1;
  ctx.store(zone_key(in.zone), *zone);
  totals.open += 1;
  totals.held += paid;
  store_totals(ctx, totals);
  ctx.emit(kBought, {id, in.zone, in.plate, paid, until});
  ctx.add(kSold, 1, {in.zone});
  ctx.observe(kHours, in.hours);
  out.put("id", id);
  out.put("paid", paid);
  out.put("until_s", until);
  return tb::ok();
}

// [machine]
tb::Status cancel(tb::Ctx& ctx, const PermitParams& in, tb::Out& out) {
  const auto permit = load_permit(ctx, in.id);
  if (!permit) return ctx.fail(kUnknownPermit, tb::cat("there is no open permit ", in.id));
  if (permit->owner != ctx.account()) {
    return ctx.fail(kNotYours, tb::cat("permit ", in.id, " belongs to ", permit->owner));
  }
  const std::uint64_t earned = used(ctx, *permit);
  if (auto closed = close(ctx, in.id, *permit, earned); !closed) return closed;
  out.put("returned", permit->paid - earned);
  return tb::ok();
}

// Anybody may call it: it does what is due, and nothing else. [machine]
tb::Status settle(tb::Ctx& ctx, const SettleParams& in, tb::Out& out) {
  std::vector<std::uint64_t> ended;
  ctx.scan(kEnds, {}, in.limit, [&](std::string_view key, std::string_view) {
    if (tb::Key::read_u64(key, kEnds.size()) > ctx.time_s()) return false;
    ended.push_back(tb::Key::read_u64(key, kEnds.size() + 8));
    return true;
  });
  for (const std::uint64_t id : ended) {
    const auto permit = load_permit(ctx, id);
    if (!permit) return ctx.fail(kUnknownPermit, tb::cat("permit ", id, " has an end and no row"));
    if (auto closed = close(ctx, id, *permit, permit->paid); !closed) return closed;
  }
  out.put("settled", static_cast<std::uint64_t>(ended.size()));
  return tb::ok();
}

}  // namespace parking
