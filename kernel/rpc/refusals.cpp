#include "kernel/rpc/refusals.hpp"

#include <algorithm>

namespace blockd {
namespace {

constexpr std::string_view kUnauthorized = "unauthorized";

bool counts_unauthorized(const MetricSpec& spec) {
  return std::any_of(spec.preset.begin(), spec.preset.end(), [](const auto& values) {
    return values.size() == 1 && values[0] == kUnauthorized;
  });
}

std::string rate_limited_name(const Manifest& manifest) {
  std::string name = manifest.id + "_rate_limited_total";
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void add(const MetricRegistry& metrics, const MetricSpec& spec, std::string_view value) {
  if (MetricFamily* family = metrics.find(spec.name)) family->counter({value})->add();
}

bool is_labelled_counter(const MetricSpec& spec) {
  return spec.type == MetricType::kCounter && spec.labels.size() == 1;
}

}  // namespace

void count_unauthorized(const MetricRegistry& metrics, const Manifest& manifest) {
  for (const MetricSpec& spec : manifest.metrics) {
    if (is_labelled_counter(spec) && counts_unauthorized(spec)) add(metrics, spec, kUnauthorized);
  }
}

void count_rate_limited(const MetricRegistry& metrics, const Manifest& manifest,
                        std::string_view rate_class) {
  const std::string name = rate_limited_name(manifest);
  for (const MetricSpec& spec : manifest.metrics) {
    if (is_labelled_counter(spec) && spec.name == name && spec.labels[0] == "class")
      add(metrics, spec, rate_class.empty() ? std::string_view("none") : rate_class);
  }
}

}  // namespace blockd
