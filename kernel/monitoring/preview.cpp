#include "kernel/monitoring/preview.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <set>

#include "kernel/monitoring/dashboards.hpp"
#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

constexpr std::size_t kShownSeries = 20;

using Samples = std::map<std::string, std::vector<Sample>>;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

// Integers in full, others with six digits that count.
std::string value_text(double value) {
  char text[64];
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  std::snprintf(text, sizeof(text), whole ? "%.0f" : "%.6g", value);
  return text;
}

// The bound of `le="…"`; nothing without.
std::optional<double> bound_of(const std::string& labels) {
  const std::size_t at = labels.find("le=\"");
  if (at == std::string::npos) return std::nullopt;
  const std::string text = labels.substr(at + 4);
  return text.starts_with("+Inf") ? std::numeric_limits<double>::infinity()
                                  : std::strtod(text.c_str(), nullptr);
}

std::string histogram_text(const Samples& samples, const std::string& name) {
  const auto buckets = samples.find(name + "_bucket");
  const auto count = samples.find(name + "_count");
  if (buckets == samples.end() || count == samples.end()) return {};
  std::map<double, double> sums;  // all label sets together
  for (const Sample& sample : buckets->second) {
    if (const auto bound = bound_of(sample.labels)) sums[*bound] += sample.value;
  }
  double all = 0;
  for (const Sample& sample : count->second) all += sample.value;
  std::string out = "count " + value_text(all);
  const std::vector<std::pair<double, double>> list(sums.begin(), sums.end());
  for (const auto& [word, p] : {std::pair{" · p50 ", 0.5}, std::pair{" · p95 ", 0.95}}) {
    if (const auto value = bucket_quantile(p, list)) out += word + value_text(*value);
  }
  return out;
}

std::string cell(const Samples& samples, const ModelMetric& metric) {
  if (metric.spec.type == MetricType::kHistogram) {
    const std::string text = histogram_text(samples, metric.spec.name);
    return text.empty() ? "<td class=missing>missing</td>" : "<td>" + escaped(text) + "</td>";
  }
  const auto at = samples.find(metric.spec.name);
  if (at == samples.end()) return "<td class=missing>missing</td>";
  std::vector<Sample> list = at->second;
  std::stable_sort(list.begin(), list.end(),
                   [](const Sample& a, const Sample& b) { return a.value > b.value; });
  std::string out = "<td>";
  for (std::size_t i = 0; i < std::min(list.size(), kShownSeries); ++i) {
    if (i > 0) out += "<br>";
    if (!list[i].labels.empty()) out += escaped(list[i].labels) + ": ";
    out += value_text(list[i].value);
  }
  if (list.size() > kShownSeries)
    out += "<br>… " + std::to_string(list.size() - kShownSeries) + " more";
  return out + "</td>";
}

// The metrics that the panels of a row read, once each.
std::vector<const ModelMetric*> metrics_of(const DashboardRow& row, const MonitoringModel& model) {
  std::vector<const ModelMetric*> out;
  std::set<std::string> seen;
  for (const ModelPanel& panel : row.panels) {
    for (const PanelQuery& query : panel.spec.queries) {
      const Result<std::vector<SeriesUse>> uses = series_of(query.expr);
      if (!uses.ok()) continue;
      for (const SeriesUse& use : *uses) {
        const ModelMetric* metric = model.metric_of(use.name);
        if (metric != nullptr && seen.insert(metric->spec.name).second) out.push_back(metric);
      }
    }
  }
  return out;
}

constexpr const char* kPageStyle = R"(<title>The-Block Telemetry Snapshot</title>
<style>body{font:14px sans-serif;margin:2em;color:#222;background:#fff}table{border-collapse:collapse;width:100%}
td,th{border:1px solid #ccc;padding:3px 8px;text-align:left;vertical-align:top;overflow-wrap:anywhere}a{color:inherit}
.missing,.error,.firing{color:#b00020}.pending{color:#8a5a00}.firing,.pending{font-weight:bold}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}td,th{border-color:#444}.missing,.error,.firing{color:#ff8080}.pending{color:#ffc060}}
@media(max-width:600px){body{margin:.5em}td,th{padding:2px 4px}}</style>
</head><body><h1>The-Block Telemetry Snapshot</h1>
)";

std::string page_head(const Preview& preview) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">";
  if (preview.refresh_seconds > 0)
    out +=
        "<meta http-equiv=\"refresh\" content=\"" + std::to_string(preview.refresh_seconds) + "\">";
  out += kPageStyle;
  out += "<p>Source: " + escaped(preview.source) + "</p>\n";
  if (!preview.error.empty())
    out += "<p class=error>" + escaped(preview.error) +
           (preview.text ? ". These values are " + std::to_string(preview.age_seconds) + " s old"
                         : std::string()) +
           "</p>\n";
  return out;
}

// The words of an alert: its state, and since when.
struct AlertWords {
  std::string state = "not evaluated", since, labels, summary{};
};
AlertWords words_of(const ActiveAlert& alert, std::int64_t now_ms) {
  LabelSet labels = alert.labels;  // those that the rule gives each of its alerts say nothing new
  for (const char* name : {"alertname", "plugin", "service", "severity"}) labels.erase(name);
  const auto summary = alert.annotations.find("summary");
  return {alert.firing ? "firing" : "pending",
          std::to_string((now_ms - alert.since_ms) / 1000) + " s", label_text(labels),
          summary == alert.annotations.end() ? std::string() : summary->second};
}
std::vector<AlertWords> words_of(const std::string& name, const Preview& preview) {
  if (!preview.alerts) return {{}};
  std::vector<AlertWords> out;
  for (const AlertStatus& status : *preview.alerts) {
    if (status.rule->alert != name) continue;
    if (!status.error.empty()) out.push_back({"not evaluated", "", status.error});
    for (const ActiveAlert& alert : status.active) out.push_back(words_of(alert, preview.now_ms));
  }
  if (out.empty()) out.push_back({"inactive", "", ""});
  return out;
}

// A summary that has no value yet.
std::string without_value(std::string text) {
  const std::string_view value = "{{ $value }}";
  for (std::size_t at = text.find(value); at != std::string::npos; at = text.find(value))
    text.replace(at, value.size(), "…");
  return text;
}

// What somebody who was called looks for first.
std::string alert_counts(const Preview& preview) {
  if (!preview.alerts) return {};
  std::size_t firing = 0, pending = 0;
  for (const AlertStatus& status : *preview.alerts) {
    for (const ActiveAlert& alert : status.active) ++(alert.firing ? firing : pending);
  }
  return "<p><a href=\"#alerts\">Alerts</a>: <span class=\"" +
         std::string(firing > 0 ? "firing" : "") + "\">" + std::to_string(firing) +
         " firing</span>, <span class=\"" + (pending > 0 ? "pending" : "") + "\">" +
         std::to_string(pending) + " pending</span></p>\n";
}

std::string alert_rows(const std::string& name, const std::string& declared,
                       const Preview& preview) {
  std::string out;
  for (const AlertWords& words : words_of(name, preview)) {
    const std::string summary = words.summary.empty() ? without_value(declared) : words.summary;
    out += "<tr><td>" + escaped(name) + "</td><td class=\"" + escaped(words.state) + "\">" +
           escaped(words.state) + "</td><td>" + escaped(words.since) + "</td><td>" +
           escaped(summary) + (words.labels.empty() ? "" : "<br>" + escaped(words.labels)) +
           "</td></tr>\n";
  }
  return out;
}

}  // namespace

std::map<std::string, std::vector<Sample>> read_exposition(std::string_view text) {
  Samples out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t name_end = line.find_first_of("{ ");
    if (name_end == std::string_view::npos) continue;
    Sample sample;
    std::size_t value_at = name_end;
    if (line[name_end] == '{') {
      const std::size_t close = line.rfind('}');
      if (close == std::string_view::npos || close < name_end) continue;
      sample.labels = line.substr(name_end + 1, close - name_end - 1);
      value_at = close + 1;
    }
    const std::string value(line.substr(value_at));
    char* stop = nullptr;
    sample.value = std::strtod(value.c_str(), &stop);
    if (stop == value.c_str()) continue;
    out[std::string(line.substr(0, name_end))].push_back(std::move(sample));
  }
  return out;
}

std::optional<double> bucket_quantile(double p, std::vector<std::pair<double, double>> buckets) {
  const double value = quantile_of_buckets(p, std::move(buckets));
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

std::string preview_page(const MonitoringModel& model, const Preview& preview) {
  const Samples samples = read_exposition(preview.text.value_or(""));
  std::string out = page_head(preview) + alert_counts(preview);
  for (const DashboardRow& row : main_rows(model)) {
    out += "<h2>" + escaped(row.title) +
           "</h2>\n<table><tr><th>Metric</th><th>Description</th><th>Value</th></tr>\n";
    for (const ModelMetric* metric : metrics_of(row, model)) {
      out += "<tr><td>" + escaped(metric->spec.name) + "</td><td>" + escaped(metric->spec.help) +
             "</td>" + cell(samples, *metric) + "</tr>\n";
    }
    out += "</table>\n";
  }
  out +=
      "<h2 id=\"alerts\">Alerts</h2>\n<table><tr><th>Alert</th><th>State</th><th>Since</th>"
      "<th>Summary</th></tr>\n";
  for (const auto& [name, alert] : model.alerts)
    out += alert_rows(name, alert.spec.summary, preview);
  return out + "</table>\n</body></html>\n";
}

std::string preview_json(const Preview& preview) {
  json::object metrics;
  for (const auto& [name, samples] : read_exposition(preview.text.value_or(""))) {
    json::array list;
    for (const Sample& sample : samples) {
      json::object labels;
      for (const auto& [label, value] : read_labels(sample.labels)) labels[label] = value;
      // As Prometheus does: JSON has no NaN and no infinity.
      list.push_back(json::object{{"labels", labels}, {"value", prom_number(sample.value)}});
    }
    metrics[name] = std::move(list);
  }
  json::array alerts;
  for (const AlertStatus& status : preview.alerts.value_or(std::vector<AlertStatus>{})) {
    for (const AlertWords& words : words_of(status.rule->alert, preview)) {
      alerts.push_back(json::object{{"name", status.rule->alert},
                                    {"state", words.state},
                                    {"since", words.since},
                                    {"labels", words.labels}});
    }
  }
  return json::serialize(json::object{{"source", preview.source},
                                      {"age_seconds", preview.age_seconds},
                                      {"error", preview.error},
                                      {"metrics", std::move(metrics)},
                                      {"alerts", std::move(alerts)}});
}

std::string preview_summary(const MonitoringModel& model, const Preview& preview) {
  const Samples samples = read_exposition(preview.text.value_or(""));
  std::string out;
  for (const DashboardRow& row : main_rows(model)) {
    const std::vector<const ModelMetric*> metrics = metrics_of(row, model);
    if (metrics.empty()) continue;
    const ModelMetric& first = *metrics.front();
    std::string value = histogram_text(samples, first.spec.name);
    if (const auto at = samples.find(first.spec.name); at != samples.end()) {
      double sum = 0;
      for (const Sample& sample : at->second) sum += sample.value;
      value = value_text(sum);
    }
    out += row.title + ": " + first.spec.name + " " + (value.empty() ? "missing" : value) + "\n";
  }
  return out;
}

}  // namespace blockd
