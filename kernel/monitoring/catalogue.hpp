// The catalogue: dashboards/catalogue.yaml, a file written by hand for what belongs to no plugin —
// which dashboards there are, in which order their rows and panels stand, and the panels, rules and
// alerts that need two plugins or the system as a whole.
//
//   runbook_base: docs/runbooks
//   external_metrics: [{name: up, type: gauge, labels: [job, instance]}]
//   rows: [{title: Treasury, panels: [Executor queue depth and lease]}]
//   dashboards: [{file: treasury, title: Treasury System Dashboard, uid: treasury-dashboard,
//                 refresh: 10s, from: now-24h, panels: [Balance Trend (7d)]}]
//   panels, records, alerts                as a manifest declares them
//   targets: [{targets: ["localhost:26658"], job: the-block}]
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

inline constexpr const char* kCatalogueId = "catalogue";

struct RowSpec {
  std::string title;
  std::vector<std::string> panels;  // titles in order; others follow
};
struct DashboardSpec {
  std::string file, title, uid;
  std::string refresh = "10s", from = "now-1h";
  std::string mirror_of;            // a file: the same panels under another title
  std::vector<std::string> rows;    // of the main dashboard, in front
  std::vector<std::string> panels;  // titles in order; others follow
};
struct TargetSpec {
  std::vector<std::string> targets;  // "localhost:26658"
  std::string job;
  bool off = false;  // written as a comment
};

struct MonitoringCatalogue {
  std::string runbook_base = "docs/runbooks";
  std::vector<RowSpec> rows;
  std::vector<DashboardSpec> dashboards;
  std::vector<TargetSpec> targets;
  // external_metrics, panels, records and alerts, under the id "catalogue".
  std::shared_ptr<const Manifest> declared;

  // Errors: kInvalid with the place, for unknown members, wrong types, two dashboards or rows of
  // one name, a mirror of nothing, and two targets with one address.
  static Result<MonitoringCatalogue> read(const json::object& document);
};

}  // namespace blockd
