// The series of node-and-cli spec section 8 that tell of calls, commands, blocks and plugins.

#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

const std::vector<double> kSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                      0.1,    0.25,  0.5,    1,     2.5,  5,     10};

// Declares one after the other and keeps the first error.
class Declarer {
 public:
  explicit Declarer(MetricRegistry& registry) : registry_(registry) {}
  MetricFamily* family(MetricDecl decl) {
    Result<MetricFamily*> made = registry_.declare("kernel", decl);
    if (made.ok()) return *made;
    if (status_.ok()) status_ = made.status();
    return nullptr;
  }
  MetricFamily* labelled(MetricType type, const char* name, std::vector<std::string> labels,
                         const char* help) {
    return family(
        MetricDecl{.name = name, .type = type, .labels = std::move(labels), .help = help});
  }
  Counter* counter(const char* name, const char* help) {
    MetricFamily* f = family(MetricDecl{.name = name, .help = help});
    return f ? f->counter() : nullptr;
  }
  Gauge* gauge(const char* name, const char* help, std::vector<std::string> aliases = {}) {
    MetricFamily* f = family(MetricDecl{
        .name = name, .type = MetricType::kGauge, .help = help, .aliases = std::move(aliases)});
    return f ? f->gauge() : nullptr;
  }
  const Status& status() const { return status_; }

 private:
  MetricRegistry& registry_;
  Status status_;
};

class RequestObserver final : public HttpObserver {
 public:
  RequestObserver(Histogram* seconds, MetricFamily* errors) : seconds_(seconds), errors_(errors) {}
  void on_request(std::string_view, std::uint64_t duration_us, int status) override {
    seconds_->observe(static_cast<double>(duration_us) * 1e-6);
    if (status >= kFirstError) errors_->counter({std::string_view(std::to_string(status))})->add();
  }

 private:
  static constexpr int kFirstError = 400;

  Histogram* seconds_;
  MetricFamily* errors_;
};

}  // namespace

Result<RpcMetrics> RpcMetrics::declare(MetricRegistry& registry) {
  Declarer d(registry);
  RpcMetrics m{};
  m.latency = d.family({.name = "rpc_latency_seconds",
                        .type = MetricType::kHistogram,
                        .labels = {"module"},
                        .help = "Time of a call from its arrival to its answer",
                        .buckets = kSeconds});
  m.client_errors = d.labelled(MetricType::kCounter, "rpc_client_error_total", {"code"},
                               "Calls that were answered with an error");
  m.tx_rejected = d.labelled(MetricType::kCounter, "tx_rejected_total", {"reason"},
                             "Commands that were refused at admission");
  m.tokens_available =
      d.family({.name = "rpc_tokens_available",
                .type = MetricType::kGauge,
                .labels = {"client"},
                .help = "Requests that the client with the fewest left may send now",
                .label_limit = 256});
  m.plugin_commands = d.labelled(MetricType::kCounter, "plugin_commands_total",
                                 {"plugin", "result"}, "Commands in blocks, by their outcome");
  m.results_dropped =
      d.labelled(MetricType::kCounter, "plugin_results_dropped_total", {"plugin"},
                 "Applied commands whose result was not taken: no UTF-8, too large");
  m.mempool_size = d.family({.name = "mempool_size",
                             .type = MetricType::kGauge,
                             .labels = {"lane"},
                             .help = "Commands that wait for a block",
                             .presets = {{"consumer"}, {"industrial"}, {"service"}}});
  m.plugin_info = d.labelled(MetricType::kGauge, "plugin_info", {"plugin", "version", "state"},
                             "1 for the present state of a plugin");
  m.upgrade_ready = d.labelled(MetricType::kGauge, "plugin_upgrade_ready", {"plugin"},
                               "1 while a staged version waits for its switch");
  m.migration_rows = d.labelled(MetricType::kGauge, "plugin_migration_rows", {"plugin"},
                                "Rows that the migration under way has rewritten; 0 without one");
  m.images_draining = d.labelled(MetricType::kGauge, "plugin_image_draining", {"plugin"},
                                 "1 while an image that was replaced is still in use");
  m.images_leaked =
      d.gauge("plugin_images_leaked", "Images that stayed mapped after they were closed");
  m.rate_attempts = d.counter("rpc_rate_limit_attempt_total",
                              "Requests that were counted against a client's rate");
  m.rate_rejects =
      d.counter("rpc_rate_limit_reject_total", "Requests that were refused over a client's rate");
  m.log_correlation_fails = d.counter("log_correlation_fail_total",
                                      "Searches of the log by a correlation id that found nothing");
  m.bans = d.counter("rpc_bans_total", "Clients that were banned after their rate ran out");
  m.submitted = d.counter("tx_submitted_total", "Commands that were handed in");
  m.admitted = d.counter("tx_admitted_total", "Commands that were admitted");
  m.mined = d.counter("block_mined_total", "Blocks that this node proposed");
  m.duplicates = d.counter("dup_tx_reject_total", "Commands refused because they wait already");
  m.floor_rejects = d.counter("fee_floor_reject_total", "Commands refused below the fee floor");
  m.selector_rejects = d.counter("invalid_selector_reject_total", "Commands refused for their pct");
  m.overflow_rejects = d.counter("balance_overflow_reject_total",
                                 "Commands refused because the receiver's balance would overflow");
  m.height = d.gauge("current_block_height", "Height of the newest block",
                     {"block_height_total", "block_height", "moloch_chain_height"});
  m.finalized = d.gauge("finalized_height", "Height of the newest final block");
  m.pool_total = d.gauge("moloch_mempool_size", "Commands that wait for a block, all lanes");
  m.sync_lag = d.gauge("moloch_sync_lag", "Blocks that this node is behind its peers");
  m.storage_bytes = d.gauge("moloch_storage_bytes", "Bytes in the data directory");
  m.storage_capacity = d.gauge("moloch_storage_capacity",
                               "Bytes that the data directory may have; 0 without a limit");
  m.block_time = d.gauge("moloch_block_time_ms", "Time between the newest two blocks");
  if (!d.status().ok()) return d.status();
  Result<TelemetryMetrics> telemetry = TelemetryMetrics::declare(registry);
  if (!telemetry.ok()) return telemetry.status();
  m.telemetry = *telemetry;
  Result<ProcessMetrics> process = ProcessMetrics::declare(registry);
  if (!process.ok()) return process.status();
  m.process = *process;
  return m;
}

void RpcMetrics::rejected(std::string_view reason) const {
  tx_rejected->counter({reason})->add();
  if (reason == "duplicate") duplicates->add();
  if (reason == "fee_too_low") floor_rejects->add();
  if (reason == "invalid_selector") selector_rejects->add();
  if (reason == "balance_overflow") overflow_rejects->add();
}

Result<std::shared_ptr<HttpObserver>> Rpc::request_observer(MetricRegistry& metrics) {
  Result<MetricFamily*> family =
      metrics.declare("kernel", {.name = "request_duration_seconds",
                                 .type = MetricType::kHistogram,
                                 .help = "HTTP requests, first byte read to last byte written",
                                 .buckets = kSeconds});
  if (!family.ok()) return family.status();
  Result<MetricFamily*> errors = metrics.declare(
      "kernel", {.name = "http_errors_total",
                 .labels = {"status"},
                 .help = "HTTP requests that were answered with this status",
                 .presets = {{"400"}, {"404"}, {"408"}, {"413"}, {"429"}, {"503"}}});
  if (!errors.ok()) return errors.status();
  return std::shared_ptr<HttpObserver>(
      std::make_shared<RequestObserver>((*family)->histogram(), *errors));
}

}  // namespace blockd
