// Rule files at work without a Prometheus: recording rules write series, alerting rules become
// pending and fire. Used by the page of `monitor native` and by `monitor test`.
#pragma once

#include <memory>

#include "kernel/base/json.hpp"
#include "kernel/monitoring/evaluate.hpp"

namespace blockd {

struct Rule {
  std::string alert, record;  // one of them
  std::unique_ptr<Expr> expr;
  std::int64_t for_ms = 0;
  LabelSet labels, annotations;
};
struct RuleGroup {
  std::string name;
  std::vector<Rule> rules;  // in order: one reads what those before it recorded
};

// `groups` of a rule file. Errors: kInvalid naming the rule.
Result<std::vector<RuleGroup>> read_rule_groups(const json::value& document);

struct ActiveAlert {
  LabelSet labels, annotations;  // templates filled in
  std::int64_t since_ms = 0;     // when it began to hold
  bool firing = false;
  double value = 0;
};
struct AlertStatus {
  const Rule* rule = nullptr;
  std::vector<ActiveAlert> active;
  std::string error;  // of the last evaluation
};

class RuleEngine {
 public:
  explicit RuleEngine(std::vector<RuleGroup> groups, EvaluateOptions options = {});
  RuleEngine(const RuleEngine&) = delete;
  RuleEngine& operator=(const RuleEngine&) = delete;

  // All groups with records first, then those with alerts only.
  void evaluate(SampleStore* samples, std::int64_t ms);
  std::vector<AlertStatus> alerts() const;  // in the order of the files

 private:
  struct State {
    std::map<LabelSet, ActiveAlert> active;  // by labels
    std::string error;
  };
  void evaluate_rule(const Rule& rule, SampleStore* samples, std::int64_t ms);
  void record(const Rule& rule, const PromValue& value, SampleStore* samples, std::int64_t ms);

  std::vector<RuleGroup> groups_;
  EvaluateOptions options_;
  std::map<const Rule*, State> states_;
};

// `{{ $value }}`, `{{ $labels.x }}` and `{{ with $labels.x }}… {{ . }} …{{ end }}`, as rules of
// manifests use them; anything else in braces stays as it is.
std::string fill_template(std::string_view text, const LabelSet& labels, double value);
// As Prometheus writes a value in a text: the shortest digits that read back as the same number,
// from a million on with an exponent.
std::string prom_number(double value);

}  // namespace blockd
