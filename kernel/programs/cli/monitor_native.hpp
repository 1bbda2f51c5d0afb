// monitor native: the page of operators without Grafana and Prometheus. It scrapes, evaluates the
// rules of the manifests over what it keeps, and serves the result on an address of its own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "kernel/monitoring/preview.hpp"
#include "kernel/net/http.hpp"

namespace blockd::cli {

inline constexpr std::int64_t kRuleIntervalMs = 15'000;  // as the groups of the rule files say

// What is served, made anew after each scrape. [any]
class NativePage : public HttpHandler {
 public:
  // `groups` are the rules of the model; `source` is where the text of scrapes comes from.
  NativePage(const MonitoringModel& model, std::vector<RuleGroup> groups, std::string source,
             std::uint64_t refresh_seconds);

  // The text of a scrape or why there is none, at `now_ms`. [one thread]
  void take(Result<std::string> scraped, std::int64_t now_ms);
  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override;

 private:
  std::string own_metrics() const;
  struct Served {
    std::string page, snapshot, metrics;
  };
  void serve(Served next);

  const MonitoringModel& model_;
  RuleEngine engine_;
  SampleStore samples_;
  const LabelSet target_;  // job and instance of what is scraped
  Preview preview_;
  std::int64_t scraped_ms_ = 0, evaluated_ms_ = 0;  // 0: never
  std::uint64_t good_ = 0, bad_ = 0;
  std::mutex mutex_;  // served_
  std::shared_ptr<const Served> served_;
};

}  // namespace blockd::cli
