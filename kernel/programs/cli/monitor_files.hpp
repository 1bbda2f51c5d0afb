// Where the verbs of monitor take from: the dashboards folder, and the manifests of libraries or of
// a node that runs.
#pragma once

#include "kernel/monitoring/model.hpp"
#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

// The dashboards folder of the project or of the installation.
struct MonitoringTree {
  std::string dir;             // ".../dashboards"
  std::string catalogue_text;  // of catalogue.yaml
  MonitoringCatalogue catalogue;
  std::vector<std::string> plugins;  // those that ship
};
// Errors: kNotFound naming the places, kInvalid with the line.
Result<MonitoringTree> find_monitoring_tree(Session& session);

// By --from, --plugins, --library, --epoch-seconds, --treasury-min-balance and --runbook-base.
Result<MonitoringModel> read_monitoring_model(Session& session, const LocalArgs& args,
                                              const MonitoringTree& tree);

// YAML as JSON; a plain scalar that is a number or a boolean becomes one. Errors: kInvalid with the
// line.
Result<json::value> yaml_to_json(const std::string& path, const std::string& text);

}  // namespace blockd::cli
