#include "kernel/manifest/diff.hpp"

#include <map>

#include "kernel/base/hex.hpp"
#include "kernel/manifest/manifest_parse.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxLines = 1000;

// A list of the manifest, what one of its entries is called, and the member that names it.
struct ListKind {
  const char* list;
  const char* word;
  const char* key;
};
constexpr ListKind kLists[] = {
    {"methods", "method", "name"},      {"params", "param", "key"},
    {"metrics", "metric", "name"},      {"events", "event", "topic"},
    {"records", "record", "kind"},      {"config", "config key", "key"},
    {"provides", "service", "name"},    {"requires", "required service", "name"},
    {"roles", "role", "name"},          {"rate_classes", "rate class", "name"},
    {"http", "route", "path"},          {"timers", "timer", "name"},
    {"alerts", "alert", "name"},        {"panels", "panel", "title"},
    {"recordings", "recording", "name"}};

using Entries = std::map<std::string, const json::value*>;

Entries entries_of(const Manifest& manifest, const ListKind& kind) {
  Entries out;
  const json::value* list = manifest.source.if_contains(kind.list);
  if (list == nullptr) return out;
  for (const json::value& entry : list->get_array()) {
    const json::object& object = entry.get_object();
    std::string name(object.at(kind.key).get_string());
    if (const json::value* verb = object.if_contains("method");
        std::string_view(kind.list) == "http" && verb != nullptr) {
      name.insert(0, std::string(verb->get_string()) + " ");
    }
    if (const json::value* row = object.if_contains("row"); row != nullptr)
      name.insert(0, std::string(row->get_string()) + "/");
    out.emplace(std::move(name), &entry);
  }
  return out;
}

class Differ {
 public:
  void line(std::string text) {
    if (result.lines.size() < kMaxLines)
      result.lines.push_back(std::move(text));
    else
      ++left_out_;
  }

  template <class T>
  void head(const char* name, const T& before, const T& after, const std::string& old_text,
            const std::string& new_text) {
    result.json[name] = json::array{json::value(before), json::value(after)};
    if (before != after) line(std::string(name) + " " + old_text + " -> " + new_text);
  }

  void list(const ListKind& kind, const Entries& before, const Entries& after) {
    json::array added, removed, changed;
    for (const auto& [name, entry] : before) {
      const auto now = after.find(name);
      if (now == after.end()) {
        removed.emplace_back(name);
        line("- " + std::string(kind.word) + " " + name);
      } else if (*entry != *now->second) {
        changed.emplace_back(
            json::object{{"name", name}, {"members", members(kind, name, *entry, *now->second)}});
      }
    }
    for (const auto& [name, entry] : after) {
      if (before.count(name) > 0) continue;
      added.emplace_back(name);
      line("+ " + std::string(kind.word) + " " + name);
    }
    if (added.empty() && removed.empty() && changed.empty()) return;
    result.json[kind.list] = json::object{{"added", std::move(added)},
                                          {"removed", std::move(removed)},
                                          {"changed", std::move(changed)}};
  }

  void close() {
    if (left_out_ > 0) result.lines.push_back("... and " + std::to_string(left_out_) + " more");
  }

  ManifestDiff result;

 private:
  // The names of the members that differ; a line says all of them.
  json::array members(const ListKind& kind, const std::string& name, const json::value& before,
                      const json::value& after) {
    json::array out;
    std::string text;
    std::map<std::string, std::pair<const json::value*, const json::value*>> all;
    for (const auto& member : before.get_object()) all[member.key()].first = &member.value();
    for (const auto& member : after.get_object()) all[member.key()].second = &member.value();
    for (const auto& [member, values] : all) {
      const auto [from, to] = values;
      if (from != nullptr && to != nullptr && *from == *to) continue;
      out.emplace_back(member);
      text += (text.empty() ? " " : ", ") + member + " " + shown(from) + " -> " + shown(to);
    }
    line("~ " + std::string(kind.word) + " " + name + ":" + text);
    return out;
  }

  static std::string shown(const json::value* value) {
    if (value == nullptr) return "(none)";
    std::string text = canonical_manifest(*value);
    if (text.size() <= 120) return text;
    return value->is_array() ? "[" + std::to_string(value->get_array().size()) + " entries]"
                             : "(long)";
  }

  std::size_t left_out_ = 0;
};

}  // namespace

ManifestDiff manifest_diff(const Manifest& old_manifest, const Manifest& new_manifest) {
  Differ differ;
  const Manifest &a = old_manifest, &b = new_manifest;
  differ.result.json["id"] = b.id;
  differ.head("version", a.version, b.version, a.version, b.version);
  differ.head("sm", a.sm, b.sm, std::to_string(a.sm), std::to_string(b.sm));
  differ.head("schema", a.schema, b.schema, std::to_string(a.schema), std::to_string(b.schema));
  differ.head("consensus_hash", to_hex(a.consensus_hash), to_hex(b.consensus_hash),
              to_hex(a.consensus_hash), to_hex(b.consensus_hash));
  differ.result.json["consensus_changed"] = a.consensus_hash != b.consensus_hash;
  differ.result.build_only =
      a.sm == b.sm && a.schema == b.schema && a.consensus_hash == b.consensus_hash;
  for (const ListKind& kind : kLists) differ.list(kind, entries_of(a, kind), entries_of(b, kind));
  differ.close();
  return std::move(differ.result);
}

}  // namespace blockd
