#include "kernel/monitoring/rule_engine.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

// A scalar of YAML as text: "3" for 3.
std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string word_of(const json::object& rule, const char* name) {
  const json::value* value = rule.if_contains(name);
  return value == nullptr ? std::string() : text_of(*value);
}

LabelSet texts_of(const json::object& rule, const char* name) {
  LabelSet out;
  const json::value* value = rule.if_contains(name);
  if (value == nullptr || !value->is_object()) return out;
  for (const auto& one : value->get_object()) out[one.key()] = text_of(one.value());
  return out;
}

Result<Rule> read_rule(const json::value& value) {
  if (!value.is_object()) return Status(Code::kInvalid, "a rule is no mapping");
  const json::object& from = value.get_object();
  Rule out;
  out.alert = word_of(from, "alert");
  out.record = word_of(from, "record");
  const std::string name = out.alert.empty() ? out.record : out.alert;
  if (out.alert.empty() == out.record.empty())
    return Status(Code::kInvalid, "a rule is either an alert or a record");
  Result<std::unique_ptr<Expr>> expr = parse_expression(word_of(from, "expr"));
  if (!expr.ok()) return expr.status().in(name);
  out.expr = *std::move(expr);
  if (const std::string duration = word_of(from, "for"); !duration.empty()) {
    const auto seconds = promql_seconds(duration);
    if (!seconds) return Status(Code::kInvalid, name + ": '" + duration + "' is no duration");
    out.for_ms = static_cast<std::int64_t>(*seconds) * 1000;
  }
  out.labels = texts_of(from, "labels");
  out.annotations = texts_of(from, "annotations");
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string label_of(const LabelSet& labels, std::string_view action) {
  const auto at = labels.find(std::string(action.substr(action.find('.') + 1)));
  return at == labels.end() ? std::string() : at->second;
}

bool has_records(const RuleGroup& group) {
  return std::any_of(group.rules.begin(), group.rules.end(),
                     [](const Rule& rule) { return !rule.record.empty(); });
}

}  // namespace

std::string prom_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[400];
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e6);
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value,
                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  return std::string(text, error == std::errc() ? end : text);
}

std::string fill_template(std::string_view text, const LabelSet& labels, double value) {
  std::string out, dot;
  bool shown = true;  // false inside a `with` of a label that is not there
  while (!text.empty()) {
    const std::size_t begin = text.find("{{");
    const std::size_t end = begin == std::string_view::npos ? begin : text.find("}}", begin);
    if (shown) out += text.substr(0, end == std::string_view::npos ? end : begin);
    if (end == std::string_view::npos) break;
    const std::string_view action = trimmed(text.substr(begin + 2, end - begin - 2));
    if (action == "end") {
      shown = true;
    } else if (action.starts_with("with $labels.")) {
      dot = label_of(labels, action);
      shown = !dot.empty();
    } else if (shown) {
      if (action == "$value") {
        out += prom_number(value);
      } else if (action == ".") {
        out += dot;
      } else if (action.starts_with("$labels.")) {
        out += label_of(labels, action);
      } else {
        out += text.substr(begin, end + 2 - begin);
      }
    }
    text.remove_prefix(end + 2);
  }
  return out;
}

Result<std::vector<RuleGroup>> read_rule_groups(const json::value& document) {
  const json::object* root = document.if_object();
  const json::value* groups = root != nullptr ? root->if_contains("groups") : nullptr;
  if (groups == nullptr || !groups->is_array())
    return Status(Code::kInvalid, "no groups of rules are there");
  std::vector<RuleGroup> out;
  for (const json::value& group : groups->get_array()) {
    const json::object* one = group.if_object();
    const json::value* rules = one != nullptr ? one->if_contains("rules") : nullptr;
    if (rules == nullptr || !rules->is_array())
      return Status(Code::kInvalid, "a group without a list of rules");
    out.push_back({word_of(*one, "name"), {}});
    for (const json::value& entry : rules->get_array()) {
      Result<Rule> rule = read_rule(entry);
      if (!rule.ok()) return rule.status().in("group " + out.back().name);
      out.back().rules.push_back(*std::move(rule));
    }
  }
  return out;
}

RuleEngine::RuleEngine(std::vector<RuleGroup> groups, EvaluateOptions options)
    : groups_(std::move(groups)), options_(options) {}

void RuleEngine::evaluate(SampleStore* samples, std::int64_t ms) {
  for (const bool records : {true, false}) {
    for (const RuleGroup& group : groups_) {
      if (has_records(group) != records) continue;
      for (const Rule& rule : group.rules) evaluate_rule(rule, samples, ms);
    }
  }
}

void RuleEngine::record(const Rule& rule, const PromValue& value, SampleStore* samples,
                        std::int64_t ms) {
  SampleVector vector = value.vector;
  if (value.scalar) vector.push_back({"", {}, value.number});
  for (VectorSample& sample : vector) {
    for (const auto& [name, text] : rule.labels) sample.labels[name] = text;
    samples->add(rule.record, sample.labels, {ms, sample.value, false});
  }
  samples->end_family(rule.record, ms);
}

void RuleEngine::evaluate_rule(const Rule& rule, SampleStore* samples, std::int64_t ms) {
  State& state = states_[&rule];
  Result<PromValue> value = blockd::evaluate(*rule.expr, *samples, ms, options_);
  state.error = value.ok() ? std::string() : value.status().message();
  if (!value.ok()) return;  // what was active stays, as nothing is known
  if (!rule.record.empty()) return record(rule, *value, samples, ms);
  std::map<LabelSet, ActiveAlert> now;
  if (value->scalar) value->vector.push_back({"", {}, value->number});
  for (const VectorSample& sample : value->vector) {
    ActiveAlert alert;
    alert.labels = sample.labels;
    for (const auto& [name, text] : rule.labels)
      alert.labels[name] = fill_template(text, sample.labels, sample.value);
    alert.labels["alertname"] = rule.alert;
    for (const auto& [name, text] : rule.annotations)
      alert.annotations[name] = fill_template(text, sample.labels, sample.value);
    alert.value = sample.value;
    const auto before = state.active.find(alert.labels);
    alert.since_ms = before == state.active.end() ? ms : before->second.since_ms;
    alert.firing = ms - alert.since_ms >= rule.for_ms;
    LabelSet key = alert.labels;
    now.emplace(std::move(key), std::move(alert));
  }
  state.active = std::move(now);
}

std::vector<AlertStatus> RuleEngine::alerts() const {
  std::vector<AlertStatus> out;
  for (const RuleGroup& group : groups_) {
    for (const Rule& rule : group.rules) {
      if (rule.alert.empty()) continue;
      out.push_back({&rule, {}, {}});
      const auto state = states_.find(&rule);
      if (state == states_.end()) continue;
      out.back().error = state->second.error;
      for (const auto& [labels, alert] : state->second.active) out.back().active.push_back(alert);
    }
  }
  return out;
}

}  // namespace blockd
