// parking: permits for parking zones, paid by the hour. describe() is the table of contents.
#include "parking.hpp"

namespace parking {
namespace {

void describe_commands(tb::Plugin& p) {
  p.command("parking.set_zone", &set_zone)
      .role("operator")
      .summary("Open a zone, or change it")
      .result<Zone>()
      .field("zone")
      .min(1)
      .max(32)
      .help("its name")
      .field("price")
      .unit("micro")
      .help("of one hour")
      .field("city")
      .help("who is paid; the sender unless given")
      .cli("parking zone")
      .positional("zone")
      .positional("price")
      .say("zone {zone} costs {price} an hour")
      .example("contract-cli parking zone harbour 250", "opens the zone, or changes its price");
  p.command("parking.buy", &buy)
      .role("open")
      .summary("Buy a permit")
      .error(kUnknownZone)
      .error(kTooLong, "more than parking_max_hours")
      .error(kTooMuch)
      .field("zone")
      .min(1)
      .max(32)
      .field("plate")
      .min(1)
      .max(16)
      .help("of the car")
      .field("hours")
      .defaulted()
      .min(1)
      .max(8760)
      .unit("hours")
      .help("from now on")
      .field("kind")
      .defaulted()
      .choices({"car", "lorry"})
      .help("a lorry pays for two places")
      .cli("parking buy")
      .positional("zone")
      .positional("plate")
      .say("permit {id}, paid {paid}")
      .example("contract-cli parking buy harbour AB-123 --hours 2", "two hours from now");
  p.command("parking.cancel", &cancel)
      .role("open")
      .summary("Give a permit back")
      .error(kUnknownPermit)
      .error(kNotYours)
      .error(kUnknownZone)
      .field("id")
      .help("of the permit")
      .cli("parking cancel")
      .positional("id")
      .say("{returned} returned");
  p.command("parking.settle", &settle)
      .role("open")
      .summary("Pay out permits that have ended")
      .error(kUnknownPermit)
      .error(kUnknownZone)
      .field("limit")
      .defaulted()
      .min(1)
      .max(1000)
      .help("at most so many, the oldest first")
      .cli("parking settle");
}

void describe_queries(tb::Plugin& p) {
  p.query("parking.permit", &permit)
      .role("read")
      .summary("One open permit")
      .error(kUnknownPermit)
      .result<Permit>()
      .field("id")
      .help("of the permit")
      .cli("parking show")
      .positional("id");
  p.query("parking.permits", &permits)
      .role("read")
      .summary("Open permits, a page at a time")
      .field("after")
      .defaulted()
      .help("`next` of the page before")
      .field("limit")
      .defaulted()
      .min(1)
      .max(1000)
      .cli("parking list")
      .list("permits")
      .columns({"id", "zone", "plate", "until_s"})
      .id_field("id");
  p.query("parking.totals", &totals)
      .role("read")
      .summary("Sums over all permits")
      .result<Totals>()
      .cli("parking totals");
  p.route("GET", "/parking/permits/:id", &Face::show).role("read").summary("One open permit");
}

void describe_watching(tb::Plugin& p) {
  p.counter(kSold, "parking_permits_sold_total")
      .labels({"zone"})
      .label_limit(200)
      .help("Permits sold");
  p.gauge(kOpen, "parking_permits_open").help("Permits that have not been settled");
  p.gauge(kHeld, "parking_held_micro").help("What open permits hold in escrow");
  p.histogram(kHours, "parking_permit_hours")
      .buckets({1, 2, 4, 8, 24, 168})
      .help("Hours of the permits sold");
  p.counter(kSweepFailures, "parking_sweep_failures_total")
      .help("Settlements that the timer could not send");
  p.panel("Parking", "Permits sold an hour",
          "sum by (zone) (rate(parking_permits_sold_total[5m])) * 3600");
  p.panel("Parking", "Held in escrow", "parking_held_micro").unit("micro");
  p.alert("ParkingSweepFails")
      .expr("increase(parking_sweep_failures_total[10m]) > 0")
      .for_duration("10m")
      .severity("warning")
      .summary("permits that have ended are not settled");
}

void describe(tb::Plugin& p) {
  p.id("parking").version("2.0.0").sm(2).schema(2).summary(
      "Permits for parking zones, paid by the hour.");
  p.escrow_prefix("parking");
  Ledger::require(p);
  p.migrate(&migrate);
  describe_commands(p);
  describe_queries(p);
  p.event(kBought, "parking.bought").help("A permit was sold.");
  p.event(kClosed, "parking.closed").help("A permit ended or was given back.");
  describe_watching(p);
  p.param(kMaxHours, "parking_max_hours", 24, 1, 8760).unit("hours").help("longest permit");
  p.param(kCancelFeeBps, "parking_cancel_fee_bps", 500, 0, 10'000)
      .unit("bps")
      .help("kept of unused hours");
  p.config(kSettleBatch, "settle_batch", 100)
      .min(1)
      .max(1000)
      .help("permits that the timer settles at once");
  p.face<Face>().timer("sweep", 5000, &Face::sweep).on_reply(&Face::swept);
}

}  // namespace
}  // namespace parking

TB_PLUGIN(parking::describe)
