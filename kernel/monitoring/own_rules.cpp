#include "kernel/monitoring/own_rules.hpp"

#include <algorithm>

#include "kernel/monitoring/expression.hpp"
#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

// What Prometheus knows and parse_expression() does not: it must not be called malformed here.
constexpr std::string_view kBeyond[] = {"group_left",   "group_right", "topk",       "bottomk",
                                        "limitk",       "quantile",    "stdvar",     "group",
                                        "count_values", "atan2",       "limit_ratio"};

bool is_word_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

// The first of them that stands in the expression as a word; empty: none.
std::string_view beyond_in(std::string_view expr) {
  if (expr.find('@') != std::string_view::npos) return "@";
  if (expr.find("offset -") != std::string_view::npos) return "a negative offset";
  for (const std::string_view word : kBeyond) {
    for (std::size_t at = expr.find(word); at != std::string_view::npos;
         at = expr.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      if ((at == 0 || !is_word_letter(expr[at - 1])) &&
          (end == expr.size() || !is_word_letter(expr[end])))
        return word;
    }
  }
  return {};
}

class OwnRulesReader {
 public:
  explicit OwnRulesReader(const Manifest& manifest) : manifest_(manifest) {
    for (const MetricSpec& metric : manifest.metrics) {
      note(metric, metric.name);
      for (const std::string& alias : metric.aliases) note(metric, alias);
    }
    for (const RecordingSpec& record : manifest.recordings) names_.push_back(record.name);
  }

  OwnRules run() {
    for (const AlertSpec& alert : manifest_.alerts)
      look_at("alert '" + alert.name + "'", alert.expr);
    for (const RecordingSpec& record : manifest_.recordings)
      look_at("recording '" + record.name + "'", record.expr);
    const MonitoringPart part = monitoring_of(manifest_);
    for (const FullPanel& panel : part.panels) {
      look_at("panel '" + panel.title + "'", panel.expr);
      for (const PanelQuery& query : panel.queries) {
        if (query.expr != panel.expr) look_at("panel '" + panel.title + "'", query.expr);
      }
    }
    for (const SloSpec& slo : part.slos)
      look_at("objective '" + slo.system + " " + slo.metric + "'", slo.query);
    return std::move(out_);
  }

 private:
  void note(const MetricSpec& metric, const std::string& name) {
    if (metric.type != MetricType::kHistogram) return names_.push_back(name);
    for (const char* part : {"_bucket", "_sum", "_count"}) names_.push_back(name + part);
  }

  void look_at(const std::string& place, const std::string& written) {
    bool left_out = false;
    const Result<std::string> expr = filled_expression(written, ModelOptions{}, &left_out);
    if (!expr.ok()) return out_.wrong.push_back(place + ": " + expr.status().message());
    const Result<std::vector<SeriesUse>> uses = series_of(*expr);
    if (!uses.ok()) return out_.wrong.push_back(place + ": " + uses.status().message());
    for (const SeriesUse& use : *uses) look_at_series(place, use.name);
    const Result<std::unique_ptr<Expr>> tree = parse_expression(*expr);
    if (tree.ok()) return;
    const std::string_view beyond = beyond_in(*expr);
    if (beyond.empty()) return out_.wrong.push_back(place + ": " + tree.status().message());
    out_.not_judged.push_back(place + ": '" + std::string(beyond) +
                              "' is not understood here; have `promtool check rules` look at it");
  }

  void look_at_series(const std::string& place, const std::string& name) {
    constexpr std::size_t kSlip = 2;  // letters
    if (std::find(names_.begin(), names_.end(), name) != names_.end()) return;
    const std::optional<std::string> near = nearest_name(name, names_);
    const bool slip = near && edit_distance(name, *near) <= kSlip;
    std::string own = manifest_.id + "_";
    std::replace(own.begin(), own.end(), '-', '_');
    if (!slip && !name.starts_with(own)) return;
    out_.wrong.push_back(place + ": the plugin declares no series '" + name + "'" +
                         (near ? "; did you mean '" + *near + "'?" : ""));
  }

  const Manifest& manifest_;
  std::vector<std::string> names_;
  OwnRules out_;
};

}  // namespace

OwnRules look_at_own_rules(const Manifest& manifest) { return OwnRulesReader(manifest).run(); }

}  // namespace blockd
