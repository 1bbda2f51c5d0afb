// The page for operators without Grafana: one HTML file with a table for each row of the main
// dashboard, made from the text of one scrape.
#pragma once

#include "kernel/monitoring/model.hpp"
#include "kernel/monitoring/rule_engine.hpp"

namespace blockd {

struct Sample {
  std::string labels;  // `reason="x"`, as exposed
  double value = 0;
};
// Series by name, in the order of the text. Lines that are no samples are passed over.
std::map<std::string, std::vector<Sample>> read_exposition(std::string_view text);

struct Preview {
  std::string source;               // where the values come from
  std::optional<std::string> text;  // of the scrape
  std::string error;                // why there is none, or why it is an older one
  // Of a page that goes on being served:
  std::optional<std::vector<AlertStatus>> alerts{};  // without: not evaluated
  std::uint64_t age_seconds = 0;                     // of the text
  std::uint64_t refresh_seconds = 0;                 // 0: the page stays as it is
  std::int64_t now_ms = 0;                           // for how long an alert has held
};
// Every text from outside is escaped; a metric that was not scraped says `missing`. A metric with
// labels shows its 20 largest series.
std::string preview_page(const MonitoringModel& model, const Preview& preview);
// The same as JSON: source, age, error, series by name, alerts.
std::string preview_json(const Preview& preview);
// A line a row: its title and the value of its first metric.
std::string preview_summary(const MonitoringModel& model, const Preview& preview);

// The p-th quantile of a histogram's buckets, as Prometheus computes it: linear inside a bucket.
std::optional<double> bucket_quantile(double p, std::vector<std::pair<double, double>> buckets);

}  // namespace blockd
