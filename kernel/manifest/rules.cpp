#include "kernel/manifest/rules.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

namespace blockd {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Replaces `${epoch_seconds}` and `${name:default}`. `*left_out`: one of the values is 0.
Result<std::string> filled(const std::string& expr, const RuleOptions& options, bool* left_out) {
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

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string yaml_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out.push_back('\'');  // YAML doubles it
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out + "'";
}

std::string duration(const std::string& text, const RuleOptions& options) {
  if (!text.ends_with("ep")) return text;
  const auto epochs = number(std::string_view(text).substr(0, text.size() - 2));
  return rule_duration(epochs.value_or(0) * options.epoch_seconds);
}

Result<std::string> alert_rule(const Manifest& manifest, const AlertSpec& alert,
                               const std::string& group, const RuleOptions& options) {
  bool left_out = false;
  Result<std::string> expr = filled(alert.expr, options, &left_out);
  if (!expr.ok()) return expr.status();
  if (left_out) return std::string();
  std::string out = "      - alert: " + alert.name + "\n        expr: " + yaml_quoted(*expr) +
                    "\n        for: " + duration(alert.for_duration, options) +
                    "\n        labels:\n";
  if (!alert.alias.empty()) out += "          alias: " + alert.alias + "\n";
  out += "          plugin: " + manifest.id + "\n          service: " + group +
         "\n          severity: " + (alert.severity.empty() ? "warning" : alert.severity) +
         "\n        annotations:\n" +
         "          description: 'value {{ $value }}{{ with $labels.instance }} on {{ . }}{{ end "
         "}}'\n" +
         "          runbook_url: " + options.runbook_base + "/" + group + ".md#" +
         lower_case(alert.name) + "\n          summary: " + yaml_quoted(alert.summary) + "\n";
  return out;
}

// By name, but each behind the records that its expression reads.
std::vector<const RecordingSpec*> in_order(const std::vector<RecordingSpec>& list) {
  std::map<std::string, const RecordingSpec*> waiting;
  for (const RecordingSpec& record : list) waiting[record.name] = &record;
  std::vector<const RecordingSpec*> out;
  while (!waiting.empty()) {
    auto next = std::find_if(waiting.begin(), waiting.end(), [&](const auto& one) {
      return std::none_of(waiting.begin(), waiting.end(), [&](const auto& other) {
        return other.first != one.first && one.second->expr.find(other.first) != std::string::npos;
      });
    });
    if (next == waiting.end()) next = waiting.begin();  // a ring: Prometheus takes any order
    out.push_back(next->second);
    waiting.erase(next);
  }
  return out;
}

}  // namespace

std::string rule_duration(std::uint64_t seconds) {
  if (seconds == 0) return "0m";
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

Result<std::string> prometheus_rules(const Manifest& manifest, const RuleOptions& options) {
  std::map<std::string, std::map<std::string, std::string>> groups;  // group -> alert -> text
  for (const AlertSpec& alert : manifest.alerts) {
    const std::string group = alert.group.empty() ? manifest.id : alert.group;
    Result<std::string> rule = alert_rule(manifest, alert, group, options);
    if (!rule.ok()) return rule.status();
    if (!rule->empty()) groups[group][alert.name] = *std::move(rule);
  }
  std::string out;
  for (const auto& [group, alerts] : groups) {
    out += "  - name: " + group + "\n    interval: 15s\n    rules:\n";
    for (const auto& [name, text] : alerts) out += text;
  }
  if (!manifest.recordings.empty())
    out += "  - name: " + manifest.id + "-records\n    interval: 30s\n    rules:\n";
  for (const RecordingSpec* record : in_order(manifest.recordings)) {
    bool left_out = false;
    Result<std::string> expr = filled(record->expr, options, &left_out);
    if (!expr.ok()) return expr.status();
    out += "      - record: " + record->name + "\n        expr: " + yaml_quoted(*expr) + "\n";
  }
  if (out.empty()) return out;
  return "# Made from the manifests by `./dev docs`; change them, not this file.\ngroups:\n" + out;
}

}  // namespace blockd
