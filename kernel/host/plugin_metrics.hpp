// PluginMetrics: the metric families of one manifest, with handles kept per label value.
// Machines (as effects) and faces (directly) report integers; the manifest's `scale` divides them.
// [any]
#pragma once

#include <memory>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/manifest/manifest.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

class PluginMetrics {
 public:
  // Declares every family under the owner `manifest->id`. Errors: kExists for a name that another
  // owner has.
  static Result<std::shared_ptr<PluginMetrics>> declare(MetricRegistry& registry,
                                                        std::shared_ptr<const Manifest> manifest);

  // Adds to a counter, sets a gauge, observes in a histogram. False: no such metric, or not one
  // value for each label.
  bool report(std::uint32_t metric, std::span<const std::string_view> labels, std::int64_t value);

 private:
  explicit PluginMetrics(std::shared_ptr<const Manifest> manifest)
      : manifest_(std::move(manifest)) {}
  std::shared_ptr<const Manifest> manifest_;
  std::vector<MetricFamily*> families_;
};

}  // namespace blockd
