#include "kernel/monitoring/rule_test.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdlib>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kDefaultIntervalSeconds = 60;

std::string scalar_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string member(const json::object& from, const char* name) {
  const json::value* value = from.if_contains(name);
  return value == nullptr ? std::string() : scalar_text(*value);
}

const json::array& members(const json::object& from, const char* name) {
  static const json::array kNone;
  const json::value* value = from.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

LabelSet label_members(const json::object& from, const char* name) {
  LabelSet out;
  const json::value* value = from.if_contains(name);
  if (value == nullptr || !value->is_object()) return out;
  for (const auto& one : value->get_object()) out[one.key()] = scalar_text(one.value());
  return out;
}

Result<std::int64_t> duration_ms(const std::string& text, std::uint64_t otherwise) {
  if (text.empty()) return static_cast<std::int64_t>(otherwise) * 1000;
  const auto seconds = text == "0" ? std::optional<std::uint64_t>(0) : promql_seconds(text);
  if (!seconds) return Status(Code::kInvalid, "'" + text + "' is no duration");
  return static_cast<std::int64_t>(*seconds) * 1000;
}

// One group of values: "1", "_", "stale", "1x3", "1+2x3", "1-2x3".
Status read_steps(const std::string& word, std::vector<SeriesStep>* out) {
  const auto wrong = [&] {
    return Status(Code::kInvalid, "'" + word + "' is no value of a series");
  };
  const std::size_t times_at = word.find('x');
  std::int64_t repeats = 0;
  if (times_at != std::string::npos) {
    char* end = nullptr;
    repeats = std::strtoll(word.c_str() + times_at + 1, &end, 10);
    if (*end != '\0' || end == word.c_str() + times_at + 1 || repeats < 0) return wrong();
  }
  if (static_cast<std::int64_t>(out->size()) + repeats >= kMaxTestSteps)
    return Status(Code::kLimit, "a series of more than 20000 values");
  SeriesStep step;
  double growth = 0;
  const std::string value = word.substr(0, times_at);
  if (value == "_") {
    step.present = false;
    if (times_at != std::string::npos) --repeats;  // _x2 is two, 1x2 is three
  } else if (value == "stale") {
    step.stale = true;
  } else {
    char* end = nullptr;
    step.value = std::strtod(value.c_str(), &end);
    if (end == value.c_str()) return wrong();
    if (*end == '+' || *end == '-') growth = std::strtod(end, &end);
    if (*end != '\0') return wrong();
  }
  for (std::int64_t i = 0; i <= repeats; ++i) {
    out->push_back(step);
    step.value += growth;
  }
  return {};
}

class RuleTest {
 public:
  RuleTest(const json::object& test, RuleEngine* engine, std::int64_t interval_ms,
           RuleTestReport* report)
      : test_(test), engine_(*engine), interval_ms_(interval_ms), report_(*report) {}

  Status run() {
    TB_TRY(load());
    Result<std::int64_t> last = last_time();
    if (!last.ok()) return last.status();
    if (*last / interval_ms_ > kMaxTestSteps)
      return Status(Code::kLimit, "a test of more than 20000 evaluations");
    for (std::int64_t ms = 0; ms <= *last; ms += interval_ms_) {
      engine_.evaluate(&samples_, ms);
      TB_TRY(check_alerts(ms));
    }
    return check_expressions();
  }

 private:
  Status load() {
    Result<std::int64_t> step = duration_ms(member(test_, "interval"), kDefaultIntervalSeconds);
    if (!step.ok()) return step.status();
    for (const json::value& one : members(test_, "input_series")) {
      if (!one.is_object()) return Status(Code::kInvalid, "an input series is no mapping");
      const std::string text = member(one.get_object(), "series");
      Result<std::unique_ptr<Expr>> series = parse_expression(text);
      if (!series.ok()) return series.status();
      if ((*series)->kind != ExprKind::kSelect)
        return Status(Code::kInvalid, "'" + text + "' is no series");
      LabelSet labels;
      for (const LabelMatcher& matcher : (*series)->matchers) labels[matcher.label] = matcher.value;
      Result<std::vector<SeriesStep>> values =
          read_series_values(member(one.get_object(), "values"));
      if (!values.ok()) return values.status().in(text);
      std::int64_t ms = 0;
      for (const SeriesStep& value : *values) {
        if (value.present) future_.push_back({ms, (*series)->name, labels, value});
        ms += *step;
      }
    }
    for (const Input& one : future_)
      samples_.add(one.name, one.labels, {one.ms, one.step.value, one.step.stale});
    return {};
  }

  Result<std::int64_t> last_time() const {
    std::int64_t last = 0;
    for (const char* list : {"alert_rule_test", "promql_expr_test"}) {
      for (const json::value& one : members(test_, list)) {
        if (!one.is_object()) return Status(Code::kInvalid, std::string(list) + ": no mapping");
        Result<std::int64_t> at = duration_ms(member(one.get_object(), "eval_time"), 0);
        if (!at.ok()) return at.status();
        last = std::max(last, *at);
      }
    }
    return last;
  }

  void fail(const json::object& check, const std::string& what, const std::string& have,
            const std::string& want) {
    report_.failures.push_back("test '" + member(test_, "name") + "', " +
                               member(check, "eval_time") + ", " + what + ": have " +
                               (have.empty() ? "nothing" : have) + ", want " +
                               (want.empty() ? "nothing" : want));
  }

  static std::string alert_text(const LabelSet& labels, const LabelSet& annotations) {
    return "{" + label_text(labels) + "} {" + label_text(annotations) + "}";
  }
  static std::string joined(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "" : " and ") + line;
    return out;
  }

  // Those of the times that this evaluation stands for.
  Status check_alerts(std::int64_t ms) {
    for (const json::value& one : members(test_, "alert_rule_test")) {
      const json::object& check = one.get_object();
      Result<std::int64_t> at = duration_ms(member(check, "eval_time"), 0);
      if (!at.ok()) return at.status();
      if (*at < ms || *at >= ms + interval_ms_) continue;
      ++report_.checks;
      const std::string name = member(check, "alertname");
      std::vector<std::string> want, have;
      for (const json::value& expected : members(check, "exp_alerts")) {
        if (!expected.is_object()) return Status(Code::kInvalid, "exp_alerts: no mapping");
        LabelSet labels = label_members(expected.get_object(), "exp_labels");
        labels["alertname"] = name;
        want.push_back(alert_text(labels, label_members(expected.get_object(), "exp_annotations")));
      }
      for (const AlertStatus& status : engine_.alerts()) {
        if (status.rule->alert != name) continue;
        if (!status.error.empty()) have.push_back("the error: " + status.error);
        for (const ActiveAlert& alert : status.active) {
          if (alert.firing) have.push_back(alert_text(alert.labels, alert.annotations));
        }
      }
      if (joined(have) != joined(want)) fail(check, name, joined(have), joined(want));
    }
    return {};
  }

  Status check_expressions() {
    for (const json::value& one : members(test_, "promql_expr_test")) {
      const json::object& check = one.get_object();
      const std::string text = member(check, "expr");
      Result<std::int64_t> at = duration_ms(member(check, "eval_time"), 0);
      if (!at.ok()) return at.status();
      Result<std::unique_ptr<Expr>> expr = parse_expression(text);
      if (!expr.ok()) return expr.status();
      ++report_.checks;
      std::vector<std::string> want, have;
      for (const json::value& expected : members(check, "exp_samples")) {
        if (!expected.is_object()) return Status(Code::kInvalid, "exp_samples: no mapping");
        TB_TRY(expected_sample(expected.get_object(), &want));
      }
      Result<PromValue> value = evaluate(**expr, samples_, *at);
      if (!value.ok()) have.push_back("the error: " + value.status().message());
      if (value.ok() && value->scalar) value->vector.push_back({"", {}, value->number});
      if (value.ok()) {
        for (const VectorSample& sample : value->vector)
          have.push_back(sample.name + "{" + label_text(sample.labels) + "} " +
                         prom_number(sample.value));
      }
      if (joined(have) != joined(want)) fail(check, text, joined(have), joined(want));
    }
    return {};
  }

  static Status expected_sample(const json::object& from, std::vector<std::string>* want) {
    LabelSet labels;
    std::string name = member(from, "labels");
    if (!name.empty() && name != "{}") {
      Result<std::unique_ptr<Expr>> series = parse_expression(name);
      if (!series.ok()) return series.status();
      name = (*series)->name;
      for (const LabelMatcher& matcher : (*series)->matchers) labels[matcher.label] = matcher.value;
    } else {
      name.clear();
    }
    const double value = std::strtod(member(from, "value").c_str(), nullptr);
    want->push_back(name + "{" + label_text(labels) + "} " + prom_number(value));
    return {};
  }

  struct Input {
    std::int64_t ms;
    std::string name;
    LabelSet labels;
    SeriesStep step;
  };
  const json::object& test_;
  RuleEngine& engine_;
  const std::int64_t interval_ms_;
  RuleTestReport& report_;
  SampleStore samples_;
  std::vector<Input> future_;
};

}  // namespace

Result<std::vector<SeriesStep>> read_series_values(std::string_view text) {
  std::vector<SeriesStep> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) TB_TRY(read_steps(std::string(text.substr(at, end - at)), &out));
    at = end + 1;
  }
  return out;
}

Result<RuleTestReport> run_rule_tests(
    const json::value& document,
    const std::function<Result<json::value>(const std::string&)>& read) {
  if (!document.is_object()) return Status(Code::kInvalid, "is no mapping");
  const json::object& root = document.get_object();
  Result<std::int64_t> interval =
      duration_ms(member(root, "evaluation_interval"), kDefaultIntervalSeconds);
  if (!interval.ok()) return interval.status();
  if (*interval == 0) return Status(Code::kInvalid, "evaluation_interval is 0");
  RuleTestReport report;
  for (const json::value& test : members(root, "tests")) {
    if (!test.is_object()) return Status(Code::kInvalid, "a test is no mapping");
    std::vector<RuleGroup> groups;
    for (const json::value& file : members(root, "rule_files")) {
      Result<json::value> rules = read(scalar_text(file));
      if (!rules.ok()) return rules.status();
      Result<std::vector<RuleGroup>> some = read_rule_groups(*rules);
      if (!some.ok()) return some.status().in(scalar_text(file));
      for (RuleGroup& group : *some) groups.push_back(std::move(group));
    }
    RuleEngine engine(std::move(groups), {*interval});
    ++report.tests;
    const Status ran = RuleTest(test.get_object(), &engine, *interval, &report).run();
    if (!ran.ok()) return ran.in("test '" + member(test.get_object(), "name") + "'");
  }
  return report;
}

}  // namespace blockd
