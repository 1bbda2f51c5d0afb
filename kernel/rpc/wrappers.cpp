#include "kernel/rpc/wrappers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

std::string quoted(const std::string& text) {
  const Result<std::string> out = canonical_json(json::value(json::string(text)));
  return out.ok() ? *out : "\"\"";  // a label value that is no UTF-8
}

std::string series_text(const WrapperSeries& series) {
  std::string out = "{\"labels\":{";
  for (const auto& [name, value] : series.labels) {
    if (out.back() != '{') out += ',';
    out += quoted(name) + ":" + quoted(value);
  }
  return out + "},\"metric\":" + quoted(series.metric) +
         ",\"value\":" + canonical_number(series.value) + "}";
}

// The document's part of the node, which the snapshot hash is made of.
std::string node_text(const Wrappers& wrappers, const std::string& node, const std::string& space) {
  std::vector<std::pair<std::string, std::string>> rows;  // metric, text
  for (const WrapperSeries& series : wrappers.series) {
    if (space.empty() || series.space == space)
      rows.emplace_back(series.metric, series_text(series));
  }
  std::sort(rows.begin(), rows.end());
  std::string out = "{" + quoted(node) + ":{\"governance\":null,\"metrics\":[";
  for (const auto& [metric, text] : rows) {
    if (out.back() != '[') out += ',';
    out += text;
  }
  return out + "]}}";
}

std::string schema_hash(const Wrappers& wrappers, const std::string& space) {
  std::vector<std::string> lines;
  for (const WrapperDecl& decl : wrappers.declared) {
    if (!space.empty() && decl.space != space) continue;
    std::vector<std::string> labels = decl.labels;
    std::sort(labels.begin(), labels.end());
    std::string line = decl.space + "|" + decl.metric + "|";
    for (std::size_t i = 0; i < labels.size(); ++i) line += (i == 0 ? "" : ",") + labels[i];
    lines.push_back(line + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string whole;
  for (const std::string& line : lines) whole += line;
  return to_hex(blake3(whole));
}

void add_family(const std::string& name, const MetricFamily& family, const std::string& space,
                std::vector<WrapperSeries>* out) {
  for (const MetricSeries* one : family.series()) {
    WrapperSeries series{space, name, {}, 0};
    for (std::size_t i = 0; i < one->label_values.size(); ++i)
      series.labels.emplace_back(family.decl().labels[i], one->label_values[i]);
    std::sort(series.labels.begin(), series.labels.end());
    const auto add = [&](const char* suffix, double value) {
      if (!std::isfinite(value)) return;
      series.metric = name + suffix;
      series.value = value;
      out->push_back(series);
    };
    switch (family.decl().type) {
      case MetricType::kCounter:
        add("", static_cast<double>(one->counter.value()));
        break;
      case MetricType::kGauge:
        add("", one->gauge.value());
        break;
      case MetricType::kHistogram:
        add("_count", static_cast<double>(one->histogram->count()));
        add("_sum", one->histogram->sum());
        break;
    }
  }
}

}  // namespace

// Digits are the shortest that give the number back, laid out as ECMAScript lays them out.
std::string canonical_number(double value) {
  if (value == 0) return "0";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(value),
                                 std::chars_format::scientific);
  const std::string text(buffer, end.ptr);
  const std::size_t mark = text.find('e');
  std::string digits = text.substr(0, 1);
  if (mark > 2) digits += text.substr(2, mark - 2);
  const int exponent = std::stoi(text.substr(mark + 1));
  const int count = static_cast<int>(digits.size()), point = exponent + 1;
  std::string out;
  if (point >= count && point <= 21) {
    out = digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else if (point > 0 && point <= 21) {
    out = digits.substr(0, static_cast<std::size_t>(point)) + "." +
          digits.substr(static_cast<std::size_t>(point));
  } else if (point > -6 && point <= 0) {
    out = "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else {
    out = digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "") + "e" +
          (exponent < 0 ? "-" : "+") + std::to_string(std::abs(exponent));
  }
  return value < 0 ? "-" + out : out;
}

Wrappers collect_wrappers(const std::vector<std::shared_ptr<const Manifest>>& manifests,
                          const MetricRegistry& metrics) {
  Wrappers out;
  std::map<std::string, const Manifest*> owners;
  std::set<std::string> kept_back;
  for (const auto& manifest : manifests) {
    for (const MetricSpec& spec : manifest->metrics) {
      std::vector<std::string> names = spec.aliases;
      names.push_back(spec.name);
      for (const std::string& name : names) {
        if (!spec.exported) {
          kept_back.insert(name);
        } else if (owners.emplace(name, manifest.get()).second) {
          out.declared.push_back({manifest->id, name, spec.labels});
        }
      }
    }
  }
  for (const auto& [name, family] : metrics.exported()) {
    const auto owner = owners.find(name);
    if (owner == owners.end() && kept_back.contains(name)) continue;
    if (owner == owners.end()) out.undeclared.push_back(name);
    add_family(name, *family, owner == owners.end() ? family->owner() : owner->second->id,
               &out.series);
  }
  return out;
}

std::string wrappers_document(const Wrappers& wrappers, const std::string& node,
                              const std::string& space, std::uint64_t generated_at) {
  std::map<std::string, std::uint64_t> spaces;  // with their series
  for (const WrapperDecl& decl : wrappers.declared) spaces.emplace(decl.space, 0);
  for (const WrapperSeries& series : wrappers.series) ++spaces[series.space];
  json::object namespaces;
  for (const auto& [name, count] : spaces) {
    if (!space.empty() && name != space) continue;
    namespaces[name] =
        json::object{{"schema_hash", schema_hash(wrappers, name)},
                     {"snapshot_hash", to_hex(blake3(node_text(wrappers, node, name)))},
                     {"series", count}};
  }
  const std::string whole = node_text(wrappers, node, space);
  const json::object meta = {
      {"schema_hash", schema_hash(wrappers, space)},
      {"snapshot_hash", to_hex(blake3(whole))},
      {"namespaces", std::move(namespaces)},
      {"undeclared", json::array(wrappers.undeclared.begin(), wrappers.undeclared.end())},
      {"generated_at", generated_at}};
  return whole.substr(0, whole.size() - 1) + ",\"meta\":" + json::serialize(meta) + "}";
}

}  // namespace blockd
