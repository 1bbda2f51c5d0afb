// Prometheus rule files from manifests: alerts and recording rules, one file a plugin.
//
//   groups:
//     - name: treasury            alerts, by group, then by name; every 15 s
//     - name: treasury-records    recordings, by name, a record behind those that it reads; every
//     30 s
//
// Each alert links to its heading in the runbooks: docs/runbooks/<group>.md#<name in lower case>.
#pragma once

#include <map>
#include <string>

#include "kernel/manifest/manifest.hpp"

namespace blockd {

struct RuleOptions {
  std::uint64_t epoch_seconds = 120;
  // Values of `${name:default}`; a value of 0 leaves out the alert that uses it.
  std::map<std::string, std::uint64_t> values{};
  std::string runbook_base = "docs/runbooks";
};

// The file's text in YAML; empty if the manifest declares neither alerts nor recordings. Errors:
// kInvalid for a placeholder that is malformed.
Result<std::string> prometheus_rules(const Manifest& manifest, const RuleOptions& options);

// "6m": the largest of h, m, s that divides it; "0m" for none.
std::string rule_duration(std::uint64_t seconds);

}  // namespace blockd
