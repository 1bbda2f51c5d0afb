#include "kernel/monitoring/model.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

constexpr std::string_view kKernelManifests[] = {"node", "chain", "kernel"};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

MetricScope scope_of(const Manifest& manifest) {
  if (manifest.id == kCatalogueId) return MetricScope::kExternal;
  const bool kernel = std::find(std::begin(kKernelManifests), std::end(kKernelManifests),
                                manifest.id) != std::end(kKernelManifests);
  return kernel || manifest.sm == 0 ? MetricScope::kNode : MetricScope::kChain;
}

class Builder {
 public:
  Builder(MonitoringModel& model, const ModelOptions& options) : model_(model), options_(options) {}

  Status add_names(const Manifest& manifest) {
    const MetricScope scope = scope_of(manifest);
    for (const MetricSpec& metric : manifest.metrics) {
      model_.metrics[metric.name] = ModelMetric{metric, manifest.id, {}, scope};
      for (const std::string& alias : metric.aliases) {
        ModelMetric other{metric, manifest.id, metric.name, scope};
        other.spec.name = alias;
        model_.metrics[alias] = std::move(other);
      }
    }
    for (const RecordingSpec& record : manifest.recordings) {
      if (!model_.records.emplace(record.name, ModelRecord{record, manifest.id}).second)
        return twice("record", record.name, manifest.id);
    }
    return {};
  }

  // Records first: an alert may stand on one that falls away.
  Status settle_records() {
    for (bool again = true; again;) {
      again = false;
      for (auto at = model_.records.begin(); at != model_.records.end();) {
        bool left_out = false, missing = false;
        TB_TRY(settle("record '" + at->first + "'", at->second.by, &at->second.spec.expr, &left_out,
                      &missing));
        again = again || missing;
        at = missing ? model_.records.erase(at) : std::next(at);
      }
    }
    return {};
  }

  Status add_rest(const Manifest& manifest) {
    for (const AlertSpec& alert : manifest.alerts) TB_TRY(add_alert(manifest, alert));
    MonitoringPart part = monitoring_of(manifest);
    for (FullPanel& panel : part.panels) TB_TRY(add_panel(manifest, std::move(panel)));
    for (SloSpec& slo : part.slos) {
      bool left_out = false, missing = false;
      TB_TRY(settle("objective '" + slo.system + " " + slo.metric + "'", manifest.id, &slo.query,
                    &left_out, &missing));
      if (!missing) model_.slos.push_back({std::move(slo), manifest.id});
    }
    return {};
  }

 private:
  static Status twice(const std::string& kind, const std::string& name, const std::string& by) {
    return Status(Code::kInvalid,
                  kind + " '" + name + "' is declared twice, the second time by '" + by + "'");
  }

  // Fills the expression in and looks at what it reads. `*missing`: it reads what only plugins that
  // are not here declare.
  Status settle(const std::string& what, const std::string& by, std::string* expr, bool* left_out,
                bool* missing) {
    Result<std::string> full = filled_expression(*expr, options_, left_out);
    if (!full.ok()) return full.status().in(by + ": " + what);
    *expr = *std::move(full);
    Result<std::vector<SeriesUse>> uses = series_of(*expr);
    if (!uses.ok()) return uses.status().in(by + ": " + what);
    for (const SeriesUse& use : *uses) {
      if (model_.knows(use.name)) continue;
      *missing = true;
      if (options_.partial) return {};
      return Status(Code::kInvalid,
                    by + ": " + what + " reads '" + use.name + "', which no manifest declares",
                    "declare it, or name it under external_metrics of the catalogue");
    }
    return {};
  }

  Status add_alert(const Manifest& manifest, const AlertSpec& spec) {
    ModelAlert alert{spec, manifest.id, {}};
    bool left_out = false, missing = false;
    TB_TRY(settle("alert '" + spec.name + "'", manifest.id, &alert.spec.expr, &left_out, &missing));
    if (left_out || missing) return {};
    if (alert.spec.group.empty()) alert.spec.group = manifest.id;
    if (alert.spec.severity.empty()) alert.spec.severity = "warning";
    if (alert.spec.for_duration.ends_with("ep")) {
      const std::string& text = alert.spec.for_duration;
      const auto epochs = number(std::string_view(text).substr(0, text.size() - 2));
      alert.spec.for_duration = rule_duration(epochs.value_or(0) * options_.epoch_seconds);
    }
    alert.runbook = base() + "/" + alert.spec.group + ".md#" + lower_case(spec.name);
    if (!model_.alerts.emplace(spec.name, std::move(alert)).second)
      return twice("alert", spec.name, manifest.id);
    return {};
  }

  Status add_panel(const Manifest& manifest, FullPanel spec) {
    bool left_out = false, missing = false;
    for (PanelQuery& query : spec.queries) {
      TB_TRY(settle("panel '" + spec.title + "'", manifest.id, &query.expr, &left_out, &missing));
    }
    if (missing) return {};
    if (spec.row.empty()) spec.row = manifest.id;
    if (spec.dashboards.empty()) spec.dashboards = {"dashboard"};
    for (const std::string& file : spec.dashboards) {
      if (!titles_.emplace(file, spec.title).second)
        return twice("panel of dashboard '" + file + "'", spec.title, manifest.id);
    }
    model_.panels.push_back({std::move(spec), manifest.id, {}});
    return {};
  }

  std::string base() const {
    return options_.runbook_base.empty() ? model_.catalogue.runbook_base : options_.runbook_base;
  }

  MonitoringModel& model_;
  const ModelOptions& options_;
  std::set<std::pair<std::string, std::string>> titles_;
};

// A panel leads to the runbook of the first alert, by name, that reads what its first query reads.
void link_runbooks(MonitoringModel& model) {
  for (ModelPanel& panel : model.panels) {
    const Result<std::vector<SeriesUse>> shown = series_of(panel.spec.queries[0].expr);
    for (const auto& [name, alert] : model.alerts) {
      const Result<std::vector<SeriesUse>> watched = series_of(alert.spec.expr);
      if (!shown.ok() || !watched.ok() || shown->empty() || watched->empty()) continue;
      if ((*watched)[0].name != (*shown)[0].name || alert.spec.severity == "symptom") continue;
      panel.runbook = alert.runbook;
      break;
    }
  }
}

}  // namespace

Result<std::string> filled_expression(const std::string& expr, const ModelOptions& options,
                                      bool* left_out) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at; (at = expr.find("${", from)) != std::string::npos;) {
    const std::size_t end = expr.find('}', at);
    if (end == std::string::npos)
      return Status(Code::kInvalid, "'" + expr + "': a placeholder does not end");
    const std::string_view inside = std::string_view(expr).substr(at + 2, end - at - 2);
    const std::size_t colon = inside.find(':');
    const std::string name(inside.substr(0, colon));
    std::uint64_t value = options.epoch_seconds;
    if (name != "epoch_seconds") {
      const auto fallback =
          colon == std::string_view::npos ? std::nullopt : number(inside.substr(colon + 1));
      const auto given = options.values.find(name);
      if (given == options.values.end() && !fallback)
        return Status(Code::kInvalid, "'" + expr + "': ${" + name + "} has no default");
      value = given != options.values.end() ? given->second : *fallback;
      *left_out |= value == 0;
    }
    out.append(expr, from, at - from).append(std::to_string(value));
    from = end + 1;
  }
  return out.append(expr, from);
}

const ModelMetric* MonitoringModel::metric_of(const std::string& series) const {
  if (const auto at = metrics.find(series); at != metrics.end()) return &at->second;
  for (const std::string_view end : {"_bucket", "_sum", "_count"}) {
    if (!series.ends_with(end)) continue;
    const auto at = metrics.find(series.substr(0, series.size() - end.size()));
    if (at != metrics.end() && at->second.spec.type == MetricType::kHistogram) return &at->second;
  }
  return nullptr;
}

bool MonitoringModel::knows(const std::string& series) const {
  return metric_of(series) != nullptr || records.contains(series);
}

Result<MonitoringModel> MonitoringModel::build(const ManifestList& manifests,
                                               MonitoringCatalogue catalogue,
                                               const ModelOptions& options) {
  MonitoringModel model;
  model.catalogue = std::move(catalogue);
  model.manifests = manifests;
  Builder builder(model, options);
  ManifestList all = manifests;
  all.push_back(model.catalogue.declared);
  for (const auto& manifest : all) TB_TRY(builder.add_names(*manifest));
  TB_TRY(builder.settle_records());
  for (const auto& manifest : all) TB_TRY(builder.add_rest(*manifest));
  for (const auto& manifest : manifests) model.plugins.push_back(manifest->id);
  link_runbooks(model);
  return model;
}

std::string rule_duration(std::uint64_t seconds) {
  if (seconds == 0) return "0m";
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

}  // namespace blockd
