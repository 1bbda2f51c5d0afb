// oracle-adapter: the table of contents of the plugin.
#include "plugins/oracle-adapter/adapter.hpp"

namespace oracle_adapter {
namespace {

void describe_config(tb::Plugin& p) {
  p.config(keys::kMeters, "meters")
      .max(kMaxMeters)
      .help("meters to read: url, provider_id, and interval_ms where it is not the common one");
  p.config(keys::kKeys, "keys")
      .max(kMaxMeters)
      .help("public keys of the providers: provider_id, public_key_hex");
  p.config(keys::kNodeUrl, "node_url", "http://127.0.0.1:26658")
      .min(1)
      .max(1024)
      .help("JSON-RPC of the node that takes the readings");
  p.config(keys::kToken, "token")
      .env("TB_ORACLE_NODE_TOKEN")
      .max(1024)
      .secret()
      .help("bearer token of the role energy.oracle at that node");
  p.config(keys::kIntervalMs, "interval_ms", 15'000)
      .min(100)
      .max(86'400'000)
      .unit("ms")
      .help("time between two readings of a meter");
  p.config(keys::kMaxAgeSecs, "max_age_secs", 240)
      .min(1)
      .max(86'400)
      .unit("seconds")
      .help("older readings are not sent");
  p.config(keys::kMaxFutureSkewSecs, "max_future_skew_secs", 60)
      .max(86'400)
      .unit("seconds")
      .help("readings from further in the future are not sent");
  p.config(keys::kSpoolDir, "spool_dir", "${data}/oracle_adapter_spool")
      .env("TB_ORACLE_SPOOL_DIR")
      .min(1)
      .max(4096)
      .unit("folder")
      .help("folder of the readings that are not delivered yet");
}

void describe_metrics(tb::Plugin& p) {
  p.counter(kReadings, "oracle_adapter_readings_total")
      .labels({"result"})
      .preset({"delivered"})
      .preset({"rehearsal"})
      .preset({"dropped"})
      .help("Readings that the node has answered, by what became of them");
  p.counter(kErrors, "oracle_adapter_errors_total")
      .labels({"error"})
      .preset({"transport"})
      .preset({"invalid_signature"})
      .preset({"stale_reading"})
      .preset({"future_skew"})
      .preset({"submit"})
      .help("What went wrong between a meter and the node");
  p.histogram(kLatency, "oracle_adapter_latency_seconds")
      .unit("seconds")
      .scale(1000)
      .buckets({0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300})
      .help("From the time of a reading to the node's answer");
  p.gauge(kQueueDepth, "oracle_adapter_queue_depth").help("Readings that wait to be sent");
  p.gauge(kPendingVerifications, "oracle_adapter_pending_verifications")
      .help("Readings that the node has not answered yet");
  p.gauge(kMetersStopped, "oracle_adapter_meters_stopped")
      .help("Meters that are not read any more because their key or the token was refused");
}

void describe(tb::Plugin& p) {
  p.id("oracle-adapter")
      .version("1.0.0")
      .summary(
          "Brings the signed readings of meters to the energy market (service energy-oracle).");
  p.face<Adapter>();
  describe_config(p);
  describe_metrics(p);
  p.alert("EnergyOracleMeterStopped")
      .expr("oracle_adapter_meters_stopped > 0")
      .for_duration("0m")
      .severity("critical")
      .summary(
          "A meter's key or the adapter's token is refused; its readings are lost until it is "
          "corrected")
      .group("energy")
      .runbook("energy.md#EnergyOracleMeterStopped");
  p.panel("Energy oracle", "Readings by result", "rate(oracle_adapter_readings_total[5m])");
  p.panel("Energy oracle", "Errors", "rate(oracle_adapter_errors_total[5m])");
  p.panel("Energy oracle", "Readings that wait", "oracle_adapter_queue_depth");
  p.route("GET", "/healthz", &Adapter::healthz)
      .listener("metrics")
      .summary("Whether all meters are read");
  p.timer("meters", 100, &Adapter::on_timer);
  p.timer("status", 10'000, &Adapter::on_status);
  p.on_config(&Adapter::on_config);
  p.on_reply(&Adapter::on_reply);
}

}  // namespace
}  // namespace oracle_adapter

TB_PLUGIN(oracle_adapter::describe)
