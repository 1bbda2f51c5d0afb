// The verbs below `monitor`.
#pragma once

#include <string>

#include "kernel/base/status.hpp"
#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

inline constexpr std::uint64_t kMaxScrapeBytes = 32ull << 20;

std::vector<LocalVerb> monitor_verbs();
// monitor_native.cpp; `sources` are the flags that say where manifests come from.
LocalVerb native_verb(std::vector<LocalFlag> sources);

// What is scraped: TELEMETRY_ENDPOINT, TB_MONITORING_ENDPOINT, else a node of this machine.
std::string metrics_endpoint(Session& session);
// One scrape. Errors: those of the connection; kInvalid for what are no series, kLimit beyond
// kMaxScrapeBytes.
Result<std::string> read_metrics(const std::string& endpoint);

}  // namespace blockd::cli
