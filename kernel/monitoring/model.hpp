// The model: everything that manifests and the catalogue declare for those who watch, brought
// together and held to each other. Dashboards, rules, lists and lint are made from it.
#pragma once

#include <map>

#include "kernel/manifest/monitoring.hpp"
#include "kernel/manifest/openrpc.hpp"
#include "kernel/monitoring/catalogue.hpp"

namespace blockd {

struct ModelOptions {
  std::uint64_t epoch_seconds = 120;
  // Values of `${name:default}`; a value of 0 leaves out the alert that uses it.
  std::map<std::string, std::uint64_t> values{};
  std::string runbook_base{};  // empty: the catalogue's
  // The manifests are a part of all: what the catalogue declares over other plugins is left out.
  bool partial = false;
};

// Where the values of a metric come from: the chain (the same on every node), or one node.
enum class MetricScope : std::uint8_t { kChain, kNode, kExternal };

struct ModelMetric {
  MetricSpec spec;  // under its own name or an alias
  std::string by, alias_of;
  MetricScope scope = MetricScope::kChain;
};
struct ModelPanel {
  FullPanel spec;
  std::string by, runbook;  // runbook: a link, or empty
};
struct ModelAlert {
  AlertSpec spec;  // expr and for_duration are filled in
  std::string by, runbook;
};
struct ModelRecord {
  RecordingSpec spec;
  std::string by;
};
struct ModelSlo {
  SloSpec spec;
  std::string by;
};

struct MonitoringModel {
  MonitoringCatalogue catalogue;
  std::vector<std::string> plugins;            // ids, in the order of the manifests
  std::map<std::string, ModelMetric> metrics;  // aliases included
  std::vector<ModelPanel> panels;              // in the order of manifests; the catalogue's last
  std::map<std::string, ModelAlert> alerts;
  std::map<std::string, ModelRecord> records;
  std::vector<ModelSlo> slos;
  ManifestList manifests;

  // The metric that a series belongs to: a_seconds for a_seconds_bucket; nullptr for a record and
  // what nobody declares.
  const ModelMetric* metric_of(const std::string& series) const;
  bool knows(const std::string& series) const;

  // Errors: kInvalid naming the panel, alert or record: an expression that is malformed or reads
  // what nobody declares, two of one name, a placeholder without a value.
  static Result<MonitoringModel> build(const ManifestList& manifests, MonitoringCatalogue catalogue,
                                       const ModelOptions& options);
};

// `expr` with `${epoch_seconds}` and `${name:default}` replaced. `*left_out`: one of the values is
// 0. Errors: kInvalid for a placeholder that does not end or has no value.
Result<std::string> filled_expression(const std::string& expr, const ModelOptions& options,
                                      bool* left_out);

// "6m": the largest of h, m, s that divides it; "0m" for none.
std::string rule_duration(std::uint64_t seconds);

}  // namespace blockd
