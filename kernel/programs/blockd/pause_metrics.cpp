#include "kernel/programs/blockd/pause_metrics.hpp"

#include <algorithm>
#include <memory>

#include "kernel/metrics/registry.hpp"

namespace blockd {
namespace {

const std::vector<double> kPauseBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004,
                                           0.005,  0.0075,  0.01,   0.015, 0.025, 0.05,  0.1,
                                           0.15,   0.25,    0.5,    1,     2.5,   5};

}  // namespace

Result<std::function<void(std::uint64_t us)>> sync_metrics(MetricRegistry& registry) {
  MetricDecl seconds{.name = "chain_log_sync_seconds",
                     .type = MetricType::kHistogram,
                     .help =
                         "Time that the disk took for a sync of the block log, of one block or "
                         "several; execution goes on meanwhile, answers wait for it",
                     .buckets = kPauseBuckets};
  MetricDecl longest{.name = "chain_log_sync_longest_seconds",
                     .type = MetricType::kGauge,
                     .help = "The longest of these syncs since the start"};
  Result<MetricFamily*> histogram = registry.declare("kernel", seconds);
  if (!histogram.ok()) return histogram.status();
  Result<MetricFamily*> gauge = registry.declare("kernel", longest);
  if (!gauge.ok()) return gauge.status();
  return std::function<void(std::uint64_t)>(
      [all = (*histogram)->histogram({}), most = (*gauge)->gauge({})](std::uint64_t us) {
        const double took = static_cast<double>(us) * 1e-6;
        all->observe(took);
        most->set(std::max(most->value(), took));
      });
}

Result<std::function<void(std::string_view cause, std::uint64_t us)>> pause_metrics(
    MetricRegistry& registry) {
  MetricDecl seconds{.name = "chain_apply_pause_seconds",
                     .type = MetricType::kHistogram,
                     .labels = {"cause"},
                     .help =
                         "Time in which no command was executed: commit of a block, what the log "
                         "and its disk took of that, or a task between two blocks",
                     .buckets = kPauseBuckets,
                     .presets = {{"commit"}, {"log"}, {"task"}}};
  MetricDecl longest{.name = "chain_apply_pause_longest_seconds",
                     .type = MetricType::kGauge,
                     .labels = {"cause"},
                     .help = "The longest of these pauses since the start",
                     .presets = {{"commit"}, {"log"}, {"task"}}};
  Result<MetricFamily*> histogram = registry.declare("kernel", seconds);
  if (!histogram.ok()) return histogram.status();
  Result<MetricFamily*> gauge = registry.declare("kernel", longest);
  if (!gauge.ok()) return gauge.status();
  struct Cause {
    Histogram* seconds;
    Gauge* longest;
  };
  auto of = [&](std::string_view cause) {
    return Cause{(*histogram)->histogram({cause}), (*gauge)->gauge({cause})};
  };
  return std::function<void(std::string_view, std::uint64_t)>(
      [commit = of("commit"), log = of("log"), task = of("task")](std::string_view cause,
                                                                  std::uint64_t us) {
        const Cause& series = cause == "commit" ? commit : cause == "log" ? log : task;
        const double took = static_cast<double>(us) * 1e-6;
        series.seconds->observe(took);
        series.longest->set(std::max(series.longest->value(), took));
      });
}

}  // namespace blockd
