// Wrappers: every series of this node that a manifest exports, as one document with two hashes that
// a service compares: what series there are, and what they say.
//
//   {"<node>": {"governance": null, "metrics": [{"labels": {…}, "metric": name, "value": n}, …]},
//    "meta": {"schema_hash", "snapshot_hash", "namespaces": {"<plugin>": {…, "series": n}},
//             "undeclared": [names], "generated_at": unix seconds}}
//
// The schema hash is BLAKE3 of the lines `namespace|metric|label1,label2` (labels sorted, lines
// sorted, each with a line feed); the snapshot hash is that of the canonical JSON without `meta`. A
// histogram stands once in the schema and gives <name>_count and <name>_sum. What no manifest
// declares is named in `undeclared` and shown, and not part of the schema. Pure functions. [any]
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/manifest/manifest.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

struct WrapperDecl {
  std::string space, metric;  // the plugin that declares it, its name or an alias
  std::vector<std::string> labels;
};
struct WrapperSeries {
  std::string space, metric;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};
struct Wrappers {
  std::vector<WrapperDecl> declared;
  std::vector<WrapperSeries> series;
  std::vector<std::string> undeclared;
};

// Of the manifests and what the registry holds now. Values that are no number are left out.
Wrappers collect_wrappers(const std::vector<std::shared_ptr<const Manifest>>& manifests,
                          const MetricRegistry& metrics);
// The document; `space` not empty: of this namespace only.
std::string wrappers_document(const Wrappers& wrappers, const std::string& node,
                              const std::string& space, std::uint64_t generated_at);

// A number as canonical JSON (RFC 8785) has it.
std::string canonical_number(double value);

}  // namespace blockd
