#include "kernel/host/plugin_metrics.hpp"

namespace blockd {

Result<std::shared_ptr<PluginMetrics>> PluginMetrics::declare(
    MetricRegistry& registry, std::shared_ptr<const Manifest> manifest) {
  auto out = std::shared_ptr<PluginMetrics>(new PluginMetrics(manifest));
  out->families_.reserve(manifest->metrics.size());
  for (const MetricSpec& spec : manifest->metrics) {
    MetricDecl decl;
    decl.name = spec.name;
    decl.type = spec.type;
    decl.labels = spec.labels;
    decl.help = spec.help;
    decl.unit = spec.unit;
    decl.buckets = spec.buckets;
    decl.aliases = spec.aliases;
    decl.label_limit = spec.label_limit;
    decl.presets = spec.preset;
    Result<MetricFamily*> family = registry.declare(manifest->id, decl);
    if (!family.ok()) return family.status().in("plugin " + manifest->id);
    out->families_.push_back(*family);
  }
  return out;
}

bool PluginMetrics::report(std::uint32_t metric, std::span<const std::string_view> labels,
                           std::int64_t value) {
  if (metric >= families_.size()) return false;
  MetricFamily* family = families_[metric];
  const double scaled =
      static_cast<double>(value) / static_cast<double>(manifest_->metrics[metric].scale);
  switch (manifest_->metrics[metric].type) {
    case MetricType::kCounter: {
      Counter* counter = value >= 0 ? family->counter(labels) : nullptr;
      if (counter) counter->add(static_cast<std::uint64_t>(value));
      return counter != nullptr;
    }
    case MetricType::kGauge: {
      Gauge* gauge = family->gauge(labels);
      if (gauge) gauge->set(scaled);
      return gauge != nullptr;
    }
    case MetricType::kHistogram: {
      Histogram* histogram = family->histogram(labels);
      if (histogram) histogram->observe(scaled);
      return histogram != nullptr;
    }
  }
  return false;
}

}  // namespace blockd
