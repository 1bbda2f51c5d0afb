// plugins.load: what the operator wants, entry by entry.
#include <algorithm>

#include "kernel/config/child_limits.hpp"
#include "kernel/config/config.hpp"

namespace blockd {
namespace {

std::string found_there(const json::value& value) {
  return ", found " + excerpt(json::serialize(value)) + "; change it";
}

const ChildLimit* child_limit(std::string_view name) {
  const auto it = std::find_if(kChildLimits.begin(), kChildLimits.end(),
                               [&](const ChildLimit& l) { return l.name == name; });
  return it == kChildLimits.end() ? nullptr : it;
}

Result<std::uint64_t> read_limit(const ChildLimit& limit, const json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<std::uint64_t>(error);
  if (value.is_number() && !value.is_double() && !error && number >= limit.least &&
      number <= limit.most)
    return number;
  return Status(Code::kInvalid, std::string(limit.name) + ": expected a whole number from " +
                                    std::to_string(limit.least) + " to " +
                                    std::to_string(limit.most) + found_there(value) +
                                    ", or leave it out for the default");
}

}  // namespace

Result<std::vector<PluginLoad>> parse_plugin_list(const json::value& list) {
  std::vector<PluginLoad> out;
  auto refuse = [&](const std::string& why) {
    return Status(Code::kInvalid, "entry " + std::to_string(out.size() + 1) + ": " + why);
  };
  for (const json::value& item : list.as_array()) {
    PluginLoad load;
    if (item.is_string()) {
      load.id = item.get_string();
    } else if (item.is_object()) {
      for (const auto& [name, value] : item.get_object()) {
        if (const ChildLimit* limit = child_limit(name)) {
          const Result<std::uint64_t> number = read_limit(*limit, value);
          if (!number.ok()) return refuse(number.status().message());
          load.*limit->member = *number;
          continue;
        }
        const bool text = name == "id" || name == "file" || name == "isolation";
        if (!text && name != "required" && name != "enabled" && name != "ignore_mirror") {
          return refuse("unknown member '" + std::string(name) +
                        "'; expected id, file, required, isolation, enabled, ignore_mirror, "
                        "memory_mb, step_ms, cpu_percent");
        }
        if (text ? !value.is_string() : !value.is_bool()) {
          return refuse(std::string(name) + ": expected " + (text ? "a text" : "true or false") +
                        found_there(value));
        }
        if (name == "id") load.id = value.get_string();
        if (name == "file") load.file = value.get_string();
        if (name == "required") load.required = value.get_bool();
        if (name == "enabled") load.enabled = value.get_bool();
        if (name == "ignore_mirror") load.ignore_mirror = value.get_bool();
        if (name == "isolation") {
          if (value.get_string() != "none" && value.get_string() != "process") {
            return refuse("isolation: expected one of none, process" + found_there(value));
          }
          load.isolated = value.get_string() == "process";
        }
      }
    } else {
      return refuse("expected an id or a mapping" + found_there(item));
    }
    if (load.id.empty() || load.id.size() > 64 ||
        load.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
      return refuse("id: expected 1 to 64 of a-z, 0-9 and -" + found_there(json::value(load.id)));
    }
    for (const ChildLimit& limit : kChildLimits) {
      if (load.*limit.member && !load.isolated)
        return refuse(std::string(limit.name) + ": only with isolation: process");
    }
    for (const PluginLoad& other : out) {
      if (other.id == load.id) return refuse("'" + load.id + "' is listed twice");
    }
    if (load.file.empty()) load.file = load.id + ".so";
    out.push_back(std::move(load));
  }
  return out;
}

std::vector<PluginLoad> plugins_to_load(const Config& config) {
  Result<std::vector<PluginLoad>> list = parse_plugin_list(config.get("plugins.load"));
  TB_ASSERT(list.ok());  // the loader's rule has checked it
  return std::move(*list);
}

}  // namespace blockd
