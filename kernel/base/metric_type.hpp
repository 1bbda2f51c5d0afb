// The three types of a metric, as manifests declare them and the registry keeps them.
#pragma once

namespace blockd {

enum class MetricType : unsigned char { kCounter, kGauge, kHistogram };

}  // namespace blockd
