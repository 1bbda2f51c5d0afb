#include "kernel/monitoring/catalogue.hpp"

#include <boost/json/serialize.hpp>
#include <set>

#include "kernel/manifest/object_reader.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxTargets = 256;

void read_row(ObjectReader& in, RowSpec* out) {
  in.text("title", &out->title, true);
  in.texts("panels", &out->panels);
}

void read_dashboard(ObjectReader& in, DashboardSpec* out) {
  in.text("file", &out->file, true);
  in.text("title", &out->title, true);
  in.text("uid", &out->uid, true);
  in.text("refresh", &out->refresh);
  in.text("from", &out->from);
  in.text("mirror_of", &out->mirror_of);
  in.texts("rows", &out->rows);
  in.texts("panels", &out->panels);
}

void read_target(ObjectReader& in, TargetSpec* out) {
  in.texts("targets", &out->targets);
  in.text("job", &out->job, true);
  in.boolean("off", &out->off);
  if (out->targets.empty()) in.problem("a job needs targets");
}

// What the catalogue declares, as the manifest of a plugin of that name.
json::object as_manifest(const json::object& document) {
  static constexpr std::pair<const char*, const char*> kMembers[] = {
      {"external_metrics", "metrics"},
      {"panels", "panels"},
      {"records", "recordings"},
      {"alerts", "alerts"}};
  json::object out{{"id", kCatalogueId}, {"version", "1.0.0"}};
  for (const auto& [from, to] : kMembers) {
    if (const json::value* list = document.if_contains(from)) out[to] = *list;
  }
  return out;
}

template <class T, class Name>
void refuse_doubles(Problems& problems, const std::vector<T>& list, const char* what, Name name) {
  std::set<std::string> seen;
  for (const T& one : list) {
    if (!seen.insert(name(one)).second)
      problems.add("catalogue", std::string("two ") + what + " are called '" + name(one) + "'");
  }
}

void check(Problems& problems, const MonitoringCatalogue& catalogue) {
  refuse_doubles(problems, catalogue.rows, "rows", [](const RowSpec& row) { return row.title; });
  refuse_doubles(problems, catalogue.dashboards, "dashboards",
                 [](const DashboardSpec& one) { return one.file; });
  refuse_doubles(problems, catalogue.dashboards, "uids of dashboards",
                 [](const DashboardSpec& one) { return one.uid; });
  std::set<std::string> files, addresses;
  for (const DashboardSpec& one : catalogue.dashboards) {
    if (!one.mirror_of.empty() && !files.contains(one.mirror_of)) {
      problems.add("catalogue: dashboard '" + one.file + "'",
                   "mirrors '" + one.mirror_of + "', which does not stand above it");
    }
    files.insert(one.file);
  }
  for (const TargetSpec& one : catalogue.targets) {
    for (const std::string& address : one.targets) {
      if (!one.off && !addresses.insert(address).second)
        problems.add("catalogue: targets", "'" + address + "' is listed twice");
    }
  }
}

}  // namespace

Result<MonitoringCatalogue> MonitoringCatalogue::read(const json::object& document) {
  MonitoringCatalogue out;
  Problems problems;
  const json::value whole(document);
  ObjectReader in(problems, whole, kCatalogueId);
  in.text("runbook_base", &out.runbook_base);
  in.list("rows", &out.rows, read_row);
  in.list("dashboards", &out.dashboards, read_dashboard);
  in.list("targets", &out.targets, read_target, kMaxTargets);
  std::optional<json::value> rest;  // Manifest::parse reads them
  for (const char* name : {"external_metrics", "panels", "records", "alerts"}) in.any(name, &rest);
  in.finish();
  check(problems, out);
  if (problems.any()) return problems.first();
  auto declared = Manifest::parse(json::serialize(as_manifest(document)));
  if (!declared.ok()) return declared.status();
  out.declared = *declared;
  return out;
}

}  // namespace blockd
