// mock-oracle: the table of contents of the plugin.
#include "plugins/mock-oracle/oracle.hpp"

namespace mock_oracle {
namespace {

constexpr std::string_view kListener = "mock-oracle";

void describe_demo_config(tb::Plugin& p) {
  p.config(keys::kDemo, "demo", true)
      .help("report the sample curve to this node and buy a share of it");
  p.config(keys::kProviders, "providers", 4)
      .min(1)
      .max(kMaxProviders)
      .help("meters of the demo; each belongs to a provider of its own");
  p.config(keys::kStepMs, "step_ms", 1000)
      .max(1'800'000)
      .unit("ms")
      .help(
          "how often a half hour of the curve is reported: 1800000 is real time, 0 as soon as the "
          "last one is answered; half hours that are due within a second share a reading");
  p.config(keys::kDataFile, "data_file", "config/sample-data/gb-electricity-demand-2000.csv")
      .min(1)
      .max(4096)
      .help("CSV file with the demand of each half hour in MW");
  p.config(keys::kKwhPerMwPpm, "kwh_per_mw_ppm", 100'000)
      .max(std::uint64_t(1'000'000'000'000))
      .unit("ppm")
      .help(
          "kWh over all meters that a MW of the curve stands for in a half hour; 100000: 22,262 MW "
          "become 2,226 kWh");
  p.config(keys::kPricePerKwh, "price_per_kwh", 2)
      .max(1'000'000'000)
      .unit("BLOCK")
      .help("price at which the demo registers its providers");
  p.config(keys::kSettleSharePct, "settle_share_pct", 50)
      .max(100)
      .unit("percent")
      .help("share of each credit that the operator buys");
}

void describe_service_config(tb::Plugin& p) {
  p.config(keys::kListen, "listen", "127.0.0.1:8080")
      .min(1)
      .max(256)
      .env("MOCK_ENERGY_ORACLE_ADDR")
      .needs_restart()
      .help("address of the HTTP service");
  p.config(keys::kAllowRemote, "allow_remote", false)
      .help("serve callers also when the address is not of this machine; it signs for anybody");
  p.config(keys::kKeyHex, "key_hex")
      .env("TB_ORACLE_KEY_HEX")
      .max(130)
      .secret()
      .help("Ed25519 seed of the meters, 64 hex digits; unset: one is made and kept");
  p.config(keys::kSigningKey, "signing_key")
      .env("TB_ORACLE_SIGNING_KEY")
      .max(130)
      .secret()
      .help("older name of key_hex, which wins");
  p.config(keys::kMap, "map")
      .max(10'000)
      .help("meter=provider, for meters that the node does not name");
}

void describe_fault_config(tb::Plugin& p) {
  p.config(keys::kStepKwh, "step_kwh", 250)
      .max(1'000'000'000)
      .unit("kWh")
      .help("what a meter counts between two readings over HTTP");
  p.config(keys::kSkewSecs, "skew_secs", 0)
      .unit("seconds")
      .help("fault: added to the timestamps of readings, may be negative");
  p.config(keys::kDropPpm, "drop_ppm", 0).max(1'000'000).unit("ppm").help("fault: readings lost");
  p.config(keys::kBadSignaturePpm, "bad_signature_ppm", 0)
      .max(1'000'000)
      .unit("ppm")
      .help("fault: readings with a wrong signature");
  p.config(keys::kRegressPpm, "regress_ppm", 0)
      .max(1'000'000)
      .unit("ppm")
      .help("fault: readings below the one before");
}

void describe_metrics(tb::Plugin& p) {
  p.counter(kReadings, "mock_oracle_readings_total")
      .labels({"result"})
      .preset({"ok"})
      .preset({"refused"})
      .preset({"rehearsal"})
      .preset({"dropped"})
      .help(
          "Readings of the simulated meters by what the node said; dropped: not sent or not "
          "answered");
  p.counter(kSettlements, "mock_oracle_settlements_total")
      .labels({"result"})
      .preset({"ok"})
      .preset({"refused"})
      .preset({"rehearsal"})
      .preset({"dropped"})
      .help("Settlements of the demo by what the node said");
  p.gauge(kStep, "mock_oracle_step").help("Half hours of the curve that the demo has reported");
}

void describe_routes(tb::Plugin& p) {
  p.route("GET", "/meter/:id/reading", &Oracle::get_reading)
      .listener(kListener)
      .summary("A fresh signed reading of a meter");
  p.route("GET", "/readings/:id", &Oracle::get_reading)
      .listener(kListener)
      .summary("The same under its older path");
  p.route("POST", "/meter/:id/submit", &Oracle::post_submit)
      .listener(kListener)
      .summary("Sends a reading to the node and answers the credit");
  p.route("GET", "/key", &Oracle::get_key)
      .listener(kListener)
      .summary("The public key that signs, also of one ?meter=");
}

void describe(tb::Plugin& p) {
  p.id("mock-oracle")
      .version("1.0.0")
      .summary("Simulated electricity meters for demos and drills of the energy market.");
  p.face<Oracle>();
  describe_demo_config(p);
  describe_service_config(p);
  describe_fault_config(p);
  describe_metrics(p);
  describe_routes(p);
  p.timer("demo", 100, &Oracle::on_timer);
  p.on_config(&Oracle::on_config);
  p.on_reply(&Oracle::on_reply);
}

}  // namespace
}  // namespace mock_oracle

TB_PLUGIN(mock_oracle::describe)
