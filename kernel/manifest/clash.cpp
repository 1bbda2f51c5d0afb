#include "kernel/manifest/clash.hpp"

#include <map>

namespace blockd {
namespace {

// Who claimed which name of which kind first. A plugin's own doubles are found by Manifest::parse.
class Claims {
 public:
  void add(const std::string& what, const std::string& name, const std::string& plugin) {
    const auto [at, fresh] = owners_.emplace(what + " '" + name + "'", plugin);
    if (fresh || at->second == plugin || !first_.ok()) return;
    first_ = Status(
        Code::kExists,
        at->first + " of plugin '" + plugin + "' is already that of plugin '" + at->second + "'",
        "load only one of them, or rename it in one");
  }
  void add_all(const std::string& what, const std::vector<std::string>& names,
               const std::string& plugin) {
    for (const std::string& name : names) add(what, name, plugin);
  }
  // Plugins may share a parameter that they declare alike: every name of it then stands for the
  // same key and range.
  void add_param(const std::string& name, const ParamSpec& param, const std::string& plugin) {
    const auto [at, fresh] = params_.emplace(name, &param);
    if (fresh || same_param(*at->second, param)) {
      owners_.emplace("parameter '" + name + "'", plugin);
      return;
    }
    add("parameter", name, plugin);
  }
  const Status& first() const { return first_; }

 private:
  std::map<std::string, const ParamSpec*> params_;
  std::map<std::string, std::string> owners_;
  Status first_;
};

// "/meter/:id" and "/meter/:name" are one route.
std::string route_shape(const HttpRoute& route) {
  std::string out = route.listener + " " + route.method + " ";
  for (std::size_t i = 0; i < route.path.size(); ++i) {
    out.push_back(route.path[i]);
    if (route.path[i] != ':' || i == 0 || route.path[i - 1] != '/') continue;
    while (i + 1 < route.path.size() && route.path[i + 1] != '/') ++i;
  }
  return out;
}

void claim(const Manifest& manifest, Claims& claims) {
  const std::string& id = manifest.id;
  for (const MethodSpec& method : manifest.methods) {
    claims.add("method", method.name, id);
    claims.add_all("method", method.aliases, id);
    if (!method.cli.path.empty()) claims.add("CLI path", method.cli.path, id);
    claims.add_all("CLI path", method.cli.aliases, id);
  }
  for (const EventSpec& event : manifest.events) claims.add("event", event.topic, id);
  for (const RecordSpec& record : manifest.records) claims.add("record", record.kind, id);
  for (const MetricSpec& metric : manifest.metrics) {
    claims.add("metric", metric.name, id);
    claims.add_all("metric", metric.aliases, id);
  }
  for (const HttpRoute& route : manifest.http) claims.add("HTTP route", route_shape(route), id);
  for (const ParamSpec& param : manifest.params) {
    claims.add_param(param.key, param, id);
    for (const std::string& alias : param.aliases) claims.add_param(alias, param, id);
  }
  for (const ConfigSpec& config : manifest.config) {
    if (config.key.find('.') != std::string::npos) claims.add("config key", config.key, id);
  }
  for (const RoleSpec& role : manifest.roles) claims.add("role", role.name, id);
  for (const ServiceProvided& service : manifest.provides) claims.add("service", service.name, id);
}

}  // namespace

bool same_param(const ParamSpec& a, const ParamSpec& b) {
  return a.key == b.key && a.default_value == b.default_value && a.min == b.min && a.max == b.max;
}

Status check_clashes(const ManifestList& manifests) {
  Claims claims;
  for (const auto& manifest : manifests) claim(*manifest, claims);
  return claims.first();
}

}  // namespace blockd
