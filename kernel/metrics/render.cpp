// The only unit that knows prometheus-cpp: our series as its metric families, its serialiser for
// the text.
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

#include "kernel/metrics/registry.hpp"

namespace blockd {
namespace {

prometheus::MetricType type_of(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// The count is the sum of the buckets read here, so that it always equals the +Inf bucket.
void fill_histogram(const Histogram& h, prometheus::ClientMetric::Histogram& out) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i <= h.bounds().size(); ++i) {
    cumulative += h.bucket(i);
    const double bound =
        i < h.bounds().size() ? h.bounds()[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  out.sample_count = cumulative;
  out.sample_sum = h.sum();
}

prometheus::MetricFamily convert(const std::string& name, const MetricFamily& family) {
  const MetricDecl& decl = family.decl();
  prometheus::MetricFamily out{name, decl.help, type_of(decl.type), {}};
  for (const MetricSeries* s : family.series()) {
    prometheus::ClientMetric m;
    for (std::size_t i = 0; i < decl.labels.size(); ++i)
      m.label.push_back({decl.labels[i], s->label_values[i]});
    m.counter.value = static_cast<double>(s->counter.value());
    m.gauge.value = s->gauge.value();
    if (s->histogram) fill_histogram(*s->histogram, m.histogram);
    out.metric.push_back(std::move(m));
  }
  return out;
}

}  // namespace

class MetricRegistry::Exporter : public prometheus::Collectable {
 public:
  explicit Exporter(const MetricRegistry& registry) : registry_(registry) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> out;
    // A family without series yet prints its header alone: what will be there can be seen.
    for (const auto& [name, family] : registry_.exported()) out.push_back(convert(name, *family));
    return out;
  }

 private:
  const MetricRegistry& registry_;
};

std::string MetricRegistry::render() const {
  {
    std::lock_guard lock(update_mutex_);
    for (const auto& update : updates_) update();
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, Exporter(*this).Collect());
  return std::move(text).str();
}

}  // namespace blockd
