// A YAML tree under the schema: which key each node is, and whether its value fits.
#include <charconv>

#include "kernel/base/json.hpp"
#include "kernel/config/config_layers.hpp"
#include "kernel/config/yaml_file.hpp"

namespace blockd::config_layers {
namespace {

const char* kind_name(YamlNode::Kind kind) {
  constexpr const char* kNames[] = {"nothing", "a text", "a list", "a mapping"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool is_integer(std::string_view s) {
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

// A scalar by YAML's core rules, for values whose type the schema leaves open.
json::value plain_value(const YamlNode& node) {
  const std::string& t = node.text;
  if (node.quoted) return json::value(json::string(t));
  if (t == "true" || t == "True" || t == "TRUE") return true;
  if (t == "false" || t == "False" || t == "FALSE") return false;
  const bool numeric = t.find_first_not_of("+-0123456789.eE") == std::string::npos;
  const char* begin = t.data() + (t[0] == '+' ? 1 : 0);
  const char* end = t.data() + t.size();
  if (is_integer(t)) {
    std::int64_t i = 0;
    if (auto r = std::from_chars(begin, end, i); r.ec == std::errc() && r.ptr == end) return i;
    std::uint64_t u = 0;
    if (auto r = std::from_chars(begin, end, u); r.ec == std::errc() && r.ptr == end) return u;
  }
  double d = 0;
  if (auto r = std::from_chars(begin, end, d); numeric && r.ec == std::errc() && r.ptr == end)
    return d;
  return json::value(json::string(t));
}

json::value any_value(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return nullptr;
    case YamlNode::Kind::kScalar:
      return plain_value(node);
    case YamlNode::Kind::kList: {
      json::array out;
      for (const YamlNode& item : node.items) out.push_back(any_value(item));
      return out;
    }
    case YamlNode::Kind::kMap: {
      json::object out;
      for (const auto& [name, value] : node.members) out.insert_or_assign(name, any_value(value));
      return out;
    }
  }
  return nullptr;
}

Result<json::value> scalar_under(const ConfigKey& key, const YamlNode& node) {
  const json::value value = plain_value(node);
  switch (key.type) {
    case ConfigType::kString:
      return json::value(json::string(node.text));
    case ConfigType::kStringList:
      if (key.off_allowed && node.text == "off") return json::value(json::array());
      return json::value(json::array{json::string(node.text)});
    case ConfigType::kU64:  // one representation, so that equal values compare equal
      if (value.is_int64() && value.get_int64() >= 0)
        return json::value(static_cast<std::uint64_t>(value.get_int64()));
      return value;
    case ConfigType::kDecimal:
      return value.is_number() ? json::value(value.to_number<double>()) : value;
    default:
      return value;
  }
}

Result<json::value> value_under(const ConfigKey& key, const YamlNode& node) {
  json::value value;
  if (node.kind == YamlNode::Kind::kScalar) {
    Result<json::value> scalar = scalar_under(key, node);
    if (!scalar.ok()) return scalar;
    value = std::move(*scalar);
  } else if (key.type == ConfigType::kStringList && node.kind == YamlNode::Kind::kList) {
    json::array texts;
    for (const YamlNode& item : node.items) {
      if (item.kind != YamlNode::Kind::kScalar)
        return Status(Code::kInvalid, "expected " + key.expected() + ", found " +
                                          kind_name(item.kind) + " in it; change that item");
      texts.emplace_back(json::string(item.text));
    }
    value = std::move(texts);
  } else {
    value = any_value(node);
  }
  TB_TRY(check_value(key, value));
  return value;
}

class Walker {
 public:
  Walker(const ConfigSchema& schema, const ConfigText& file, ConfigSource source,
         Problems& problems)
      : schema_(schema), file_(file), source_(source), problems_(problems) {}

  void walk(const YamlNode& map, const std::string& prefix) {
    for (const auto& [name, node] : map.members)
      visit(prefix.empty() ? name : prefix + "." + name, node);
  }
  Layer take() { return std::move(layer_); }

 private:
  void visit(const std::string& path, const YamlNode& node) {
    if (const ConfigKey* key = schema_.find(path)) return leaf(*key, path, node);
    if (schema_.is_section(path)) {
      if (node.kind == YamlNode::Kind::kMap) return walk(node, path);
      if (node.kind == YamlNode::Kind::kNull) return;  // a section whose keys are all commented out
      return error(node, path,
                   std::string("expected a mapping with the keys of this section, found ") +
                       kind_name(node.kind) + "; give it keys, or take it out");
    }
    unknown(path, node);
  }

  void leaf(const ConfigKey& key, const std::string& path, const YamlNode& node) {
    Result<json::value> value = value_under(key, node);
    if (!value.ok()) return error(node, path, value.status().message());
    const std::string origin = file_.path + ":" + std::to_string(node.line);
    auto [it, fresh] =
        layer_.try_emplace(key.name, ConfigEntry{std::move(*value), source_, origin});
    if (!fresh)
      error(node, path,
            "'" + key.name + "' is repeated; it is set at " + it->second.origin + " already");
  }

  // The section that an unknown one is a misspelling of: at most two letters away, and with a key
  // that stands in it.
  std::optional<std::string> meant_section(const std::string& section, const YamlNode& node) const {
    constexpr std::size_t kSlip = 2;  // letters
    if (node.kind != YamlNode::Kind::kMap) return std::nullopt;
    for (const auto& [name, member] : node.members) {
      const std::optional<std::string> key = schema_.nearest_key(section + "." + name);
      if (!key || !key->ends_with("." + name)) continue;
      std::string meant = key->substr(0, key->size() - name.size() - 1);
      if (edit_distance(section, meant) <= kSlip) return meant;
    }
    return std::nullopt;
  }

  // In a section that exists an unknown key is a slip of the pen; a whole unknown section may
  // belong to a plugin that is not loaded.
  void unknown(const std::string& path, const YamlNode& node) {
    const auto dot = path.find('.');
    const std::string section = path.substr(0, dot);
    const bool known_section =
        dot == std::string::npos ? node.kind != YamlNode::Kind::kMap : schema_.is_section(section);
    if (known_section) {
      const std::optional<std::string> nearest = schema_.nearest_key(path);
      return error(node, path,
                   nearest ? "unknown key; did you mean " + *nearest + "?" : "unknown key");
    }
    if (!warned_.insert(section).second) return;
    if (const std::optional<std::string> meant = meant_section(section, node))
      return error(node, section, "unknown section; did you mean " + *meant + "?");
    problems_.warn(
        {true, file_.path, node.line, section, "unknown section; no loaded plugin has it"});
  }

  void error(const YamlNode& node, const std::string& path, std::string text) {
    problems_.error({false, file_.path, node.line, path, std::move(text)});
  }

  const ConfigSchema& schema_;
  const ConfigText& file_;
  const ConfigSource source_;
  Problems& problems_;
  Layer layer_;
  std::set<std::string> warned_;
};

}  // namespace

Layer read_yaml_layer(const ConfigSchema& schema, const ConfigText& file, ConfigSource source,
                      Problems& problems) {
  YamlNode root;
  YamlFault fault;
  if (!parse_yaml(file.text, root, fault)) {
    problems.error({false, file.path, fault.line, "", fault.text});
    return {};
  }
  Walker walker(schema, file, source, problems);
  walker.walk(root, "");
  return walker.take();
}

}  // namespace blockd::config_layers
