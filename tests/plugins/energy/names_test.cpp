// Every name that the operations guides use is declared: methods, CLI verbs with their flags,
// metrics, routes, alerts, parameters.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "kernel/manifest/manifest.hpp"
#include "tb/plugin.h"

namespace {

namespace json = boost::json;

class EnergyNames : public testing::Test {
 protected:
  EnergyNames() {
    std::ifstream in(std::string(TB_SOURCE_DIR) + "/tests/conformance/energy_names.json");
    std::stringstream text;
    text << in.rdbuf();
    names = json::parse(text.str()).as_object();
    const tb_str raw = tb_plugin_entry(nullptr)->manifest;
    auto parsed = blockd::Manifest::parse({raw.ptr, static_cast<std::size_t>(raw.len)});
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    manifest = *parsed;
  }
  void expect_all(const char* list, const std::set<std::string>& have) {
    ASSERT_FALSE(names.at(list).as_array().empty());
    for (const json::value& name : names.at(list).as_array())
      EXPECT_EQ(have.count(std::string(name.as_string())), 1u) << name;
  }
  json::object names;
  std::shared_ptr<const blockd::Manifest> manifest;
};

TEST_F(EnergyNames, methods_metrics_routes_alerts_and_parameters_are_declared) {
  std::set<std::string> metrics, routes, alerts, params;
  for (const auto& metric : manifest->metrics) {
    metrics.insert(metric.name);
    metrics.insert(metric.aliases.begin(), metric.aliases.end());
  }
  for (const auto& route : manifest->http) routes.insert(route.path);
  for (const auto& alert : manifest->alerts) alerts.insert(alert.name);
  for (const auto& param : manifest->params) params.insert(param.key);
  for (const json::value& name : names.at("methods").as_array())
    EXPECT_NE(manifest->find_method(std::string(name.as_string())), nullptr) << name;
  expect_all("metrics", metrics);
  expect_all("http", routes);
  expect_all("alerts", alerts);
  expect_all("params", params);
  EXPECT_EQ(params.size(), names.at("params").as_array().size());
}

std::string flag_of(const blockd::MethodSpec& method, const std::string& field) {
  for (const auto& [name, flag] : method.cli.flags) {
    if (name == field) return flag;
  }
  std::string flag = "--" + field;
  for (char& c : flag) c = c == '_' ? '-' : c;
  return flag;
}

TEST_F(EnergyNames, verbs_have_the_flags_of_the_guides) {
  for (const json::value& entry : names.at("cli").as_array()) {
    const std::string path(entry.at("path").as_string());
    const blockd::MethodSpec* found = nullptr;
    for (const auto& method : manifest->methods) {
      const auto& aliases = method.cli.aliases;
      if (method.cli.path == path ||
          std::find(aliases.begin(), aliases.end(), path) != aliases.end())
        found = &method;
    }
    ASSERT_NE(found, nullptr) << path;
    std::set<std::string> flags(found->cli.merge_json.begin(), found->cli.merge_json.end());
    for (const auto& field : found->params) flags.insert(flag_of(*found, field.name));
    for (const json::value& flag : entry.at("flags").as_array())
      EXPECT_EQ(flags.count(std::string(flag.as_string())), 1u) << path << " " << flag;
  }
}

}  // namespace
