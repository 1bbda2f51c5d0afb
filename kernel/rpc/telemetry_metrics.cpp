#include "kernel/rpc/telemetry_metrics.hpp"

#include <algorithm>
#include <set>

namespace blockd {
namespace {

const std::vector<double> kLatency = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                      0.1,    0.25,  0.5,    1,     2.5,  5,     10};
constexpr std::uint64_t kBrownoutPercent = 90;  // of a lane: it will soon refuse

// A counter follows a count that its owner keeps.
void follow(Counter* counter, std::uint64_t count) {
  const auto shown = static_cast<std::uint64_t>(counter->value());
  if (count > shown) counter->add(count - shown);
}

// What the series of all families take: their cells, labels and buckets; no allocator's overhead.
std::size_t bytes_of(const MetricRegistry& registry) {
  std::set<const MetricFamily*> families;  // one may be exported under several names
  std::size_t bytes = 0;
  for (const auto& [name, family] : registry.exported()) {
    bytes += name.size();
    if (!families.insert(family).second) continue;
    for (const MetricSeries* series : family->series()) {
      bytes += sizeof(MetricSeries);
      for (const std::string& value : series->label_values) bytes += sizeof(value) + value.size();
      if (series->histogram == nullptr) continue;
      bytes += sizeof(Histogram) + series->histogram->bounds().size() * 2 * sizeof(double);
    }
  }
  return bytes;
}

class Declaring {
 public:
  explicit Declaring(MetricRegistry& registry) : registry_(registry) {}
  MetricFamily* family(MetricDecl decl) {
    Result<MetricFamily*> made = registry_.declare("kernel", decl);
    if (made.ok()) return *made;
    if (status_.ok()) status_ = made.status();
    return nullptr;
  }
  Counter* counter(const char* name, const char* help, std::vector<std::string> aliases = {}) {
    MetricFamily* f = family(MetricDecl{.name = name, .help = help, .aliases = std::move(aliases)});
    return f != nullptr ? f->counter() : nullptr;
  }
  Gauge* gauge(const char* name, const char* help) {
    MetricFamily* f = family(MetricDecl{.name = name, .type = MetricType::kGauge, .help = help});
    return f != nullptr ? f->gauge() : nullptr;
  }
  Histogram* histogram(const char* name, const char* help) {
    MetricFamily* f = family(MetricDecl{
        .name = name, .type = MetricType::kHistogram, .help = help, .buckets = kLatency});
    return f != nullptr ? f->histogram() : nullptr;
  }
  const Status& status() const { return status_; }

 private:
  MetricRegistry& registry_;
  Status status_;
};

}  // namespace

Result<TelemetryMetrics> TelemetryMetrics::declare(MetricRegistry& registry) {
  Declaring d(registry);
  TelemetryMetrics m{};
  m.fee_warnings = d.family({.name = "fee_floor_warning_total",
                             .labels = {"lane"},
                             .help = "Wallets that raised a fee to the floor of the lane",
                             .presets = {{"consumer"}, {"industrial"}}});
  m.fee_overrides = d.family({.name = "fee_floor_override_total",
                              .labels = {"lane"},
                              .help = "Wallets that sent a fee below the floor of the lane",
                              .presets = {{"consumer"}, {"industrial"}}});
  m.industrial_rejected = d.family({.name = "industrial_rejected_total",
                                    .labels = {"reason"},
                                    .help = "Commands of the industrial lane that were refused",
                                    .presets = {{"comfort_guard"}}});
  m.signer_errors = d.family({.name = "remote_signer_error_total",
                              .labels = {"reason"},
                              .help = "Requests to remote signers that failed, as wallets told",
                              .label_limit = 32,
                              .presets = {{"timeout"}, {"bad_signature"}}});
  m.mode = d.family({.name = "admission_mode",
                     .type = MetricType::kGauge,
                     .labels = {"mode"},
                     .help = "1 for the present mode: tight while the comfort guard holds the "
                             "industrial lane back, brownout while a lane is nearly full",
                     .presets = {{"normal"}, {"tight"}, {"brownout"}}});
  m.ttl_drops = d.counter("ttl_drop_total", "Commands that left the pool because their time ended");
  m.startup_ttl_drops = d.counter("startup_ttl_drop_total",
                                  "Commands of the journal whose time had ended at the start");
  m.evictions = d.counter("evictions_total",
                          "Commands that left the pool for better ones or for want of another",
                          {"mempool_evictions_total"});
  m.orphans = d.counter("orphan_sweep_total",
                        "Commands that were swept because the chain does not know their sender");
  m.drops_not_found =
      d.counter("drop_not_found_total", "Drops of commands that had left the pool already");
  m.industrial_deferred = d.counter("industrial_deferred_total",
                                    "Industrial commands that the comfort guard held back");
  m.industrial_admitted =
      d.counter("industrial_admitted_total", "Commands of the industrial lane that were admitted");
  m.discoveries =
      d.counter("remote_signer_discovery_total", "Searches for remote signers, as wallets told");
  m.discovered =
      d.counter("remote_signer_discovery_success_total", "Searches that found a remote signer");
  m.signer_requests =
      d.counter("remote_signer_request_total", "Requests to remote signers, as wallets told");
  m.signer_successes =
      d.counter("remote_signer_success_total", "Requests to remote signers that were answered");
  m.signer_rotations = d.counter("remote_signer_key_rotation_total",
                                 "Remote signers that were found with another key");
  m.consumer_p50 = d.gauge("consumer_fee_p50", "Median fee of the consumer lane's commands");
  m.consumer_p90 =
      d.gauge("consumer_fee_p90", "90th percentile of the fees of the consumer lane's commands");
  m.pending_tasks = d.gauge("runtime_pending_tasks", "Tasks that wait for a worker");
  m.signer_latency = d.histogram("remote_signer_latency_seconds",
                                 "Time until a remote signer had answered, tries included");
  m.spawn_latency =
      d.histogram("runtime_spawn_latency_seconds", "Time that a call waited for a worker");
  Gauge* bytes =
      d.gauge("telemetry_alloc_bytes", "Bytes that the series of this node's metrics take");
  MetricFamily* backend = d.family({.name = "runtime_backend_info",
                                    .type = MetricType::kGauge,
                                    .labels = {"backend"},
                                    .help = "1 for the runtime that is built in"});
  if (!d.status().ok()) return d.status();
  backend->gauge({"inhouse"})->set(1);
  registry.on_render([&registry, bytes] { bytes->set(static_cast<double>(bytes_of(registry))); });
  return m;
}

void TelemetryMetrics::update(const Mempool& pool, std::uint64_t comfort_p90,
                              std::size_t waiting_tasks) const {
  const MempoolLimits limits = pool.limits();
  const Mempool::Stats stats = pool.stats();
  follow(ttl_drops, stats.expired);
  follow(startup_ttl_drops, stats.expired_at_start);
  follow(evictions, stats.evicted);
  follow(orphans, stats.orphans);
  follow(drops_not_found, stats.not_found);
  const Mempool::LaneFigures consumer = pool.figures(Lane::kConsumer);
  consumer_p50->set(static_cast<double>(consumer.fee_p50));
  consumer_p90->set(static_cast<double>(consumer.fee_p90));
  pending_tasks->set(static_cast<double>(waiting_tasks));
  const std::uint64_t caps[3] = {limits.fee_lane_max, limits.fee_lane_max, limits.service_max};
  bool full = false;
  for (int lane = 0; lane < 3; ++lane)
    full = full || stats.size[lane] * 100 >= caps[lane] * kBrownoutPercent;
  const bool tight = comfort_p90 > 0 && consumer.fee_p90 > comfort_p90;
  const std::string_view now = full ? "brownout" : tight ? "tight" : "normal";
  for (const std::string_view name : {"normal", "tight", "brownout"})
    mode->gauge({name})->set(name == now ? 1 : 0);
}

void TelemetryMetrics::industrial_refused(std::string_view word, bool by_comfort_guard) const {
  if (by_comfort_guard) industrial_deferred->add();
  industrial_rejected->counter({by_comfort_guard ? std::string_view("comfort_guard") : word})
      ->add();
}

}  // namespace blockd
