#include "kernel/programs/blockd/flags.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

// Flags of the guides that are other names of a key's flag.
const std::map<std::string, std::string, std::less<>> kAliases = {
    {"--rpc", "--rpc-addr"}, {"--data", "--data-dir"}, {"--profile", "--chain"}};

std::map<std::string, const ConfigKey*, std::less<>> flags_of(const ConfigSchema& schema) {
  std::map<std::string, const ConfigKey*, std::less<>> out;
  for (const auto& [name, key] : schema.keys()) {
    if (!key.flag.empty()) out.emplace(key.flag, &key);
  }
  return out;
}

void split(const std::string& text, std::vector<std::string>* out) {
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) out->push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
}

}  // namespace

Result<NodeFlags> parse_node_flags(const ConfigSchema& schema,
                                   const std::vector<std::string>& words) {
  const auto flags = flags_of(schema);
  NodeFlags out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string flag = words[i], value;
    bool has_value = false;
    if (const std::size_t equals = flag.find('=');
        flag.starts_with("--") && equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
      has_value = true;
    }
    if (auto alias = kAliases.find(flag); alias != kAliases.end()) flag = alias->second;
    auto take = [&]() -> bool {
      if (has_value) return true;
      if (i + 1 >= words.size()) return false;
      value = words[++i];
      return true;
    };
    if (flag == "--foreground") {
      out.foreground = true;
      continue;
    }
    if (flag == "--help" || flag == "-h") {
      out.help = true;
      continue;
    }
    if (flag == "--no-telemetry") {
      out.keys.emplace_back("telemetry.enabled", "false");
      continue;
    }
    if (flag == "--config" || flag == "--plugins" || flag == "--no-plugin") {
      if (!take()) return Status(Code::kInvalid, flag + " needs a value");
      if (flag == "--config") {
        out.config_file = value;
        out.config_given = true;
      } else {
        split(value, flag == "--plugins" ? &out.plugins : &out.no_plugins);
      }
      continue;
    }
    auto it = flags.find(flag);
    if (it == flags.end()) {
      std::vector<std::string> names = {"--config",    "--foreground",   "--plugins",
                                        "--no-plugin", "--no-telemetry", "--help"};
      for (const auto& [name, key] : flags) names.push_back(name);
      auto near = nearest_name(flag, names);
      return Status(Code::kInvalid, "unknown flag " + flag,
                    near ? "did you mean " + *near + "?" : "`blockd run --help` lists the flags");
    }
    if (it->second->type == ConfigType::kBool && !has_value) {
      value = "true";
    } else if (!take()) {
      return Status(Code::kInvalid, flag + " needs a value", "expected " + it->second->expected());
    }
    out.keys.emplace_back(it->second->name, value);
  }
  // The guide's name of the file, where only the YAML one stands beside it.
  if (out.config_given && out.config_file.ends_with(".toml") && !file_exists(out.config_file)) {
    const std::string yaml = out.config_file.substr(0, out.config_file.size() - 5) + ".yaml";
    if (file_exists(yaml)) out.config_file = yaml;
  }
  return out;
}

std::vector<NodeFlagRow> node_flag_rows(const ConfigSchema& schema) {
  std::vector<NodeFlagRow> out = {
      {"--config FILE", "configuration (default config/node.yaml, else the installed one)"},
      {"--foreground",
       "stay in the foreground; a terminal gets warnings, a pipe all lines of the log"},
      {"--plugins A,B", "load only these of plugins.load"},
      {"--no-plugin X", "leave this one out"},
      {"--no-telemetry", "no /metrics"}};
  for (const auto& [flag, key] : flags_of(schema)) {
    out.push_back({flag + (key->type == ConfigType::kBool ? "" : " VALUE"),
                   key->help + " (" + key->name + ")"});
  }
  return out;
}

std::string node_flags_help(const ConfigSchema& schema) {
  std::string out = "usage: blockd run [FLAGS]\n\n";
  for (const NodeFlagRow& row : node_flag_rows(schema)) {
    std::string line = "  " + row.flag;
    line.resize(std::max<std::size_t>(line.size() + 2, 25), ' ');
    out += line + row.help + "\n";
  }
  return out;
}

}  // namespace blockd
