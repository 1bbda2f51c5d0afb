// What the operations guides name is there: the plugins' manifests hold, do not clash, and declare
// the verbs, methods and series of names.json under exactly these names.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "kernel/manifest/clash.hpp"
#include "kernel/manifest/cli_tree.hpp"
#include "tests/conformance/plugin_files.hpp"

namespace blockd {
namespace {

ManifestList market_manifests() {
  ManifestList list;
  for (const char* name : kPluginNames) {
    auto manifest = manifest_of_plugin(name);
    if (manifest.ok()) list.push_back(*manifest);
  }
  return list;
}

const json::object& names() {
  static const json::value kNames = [] {
    std::ifstream in(TB_SOURCE_DIR "/tests/conformance/names.json");
    std::ostringstream text;
    text << in.rdbuf();
    return *parse_json(text.str());
  }();
  return kNames.get_object();
}

std::vector<std::string> words_of(const std::string& path) {
  std::istringstream in(path);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

TEST(Manifests, of_all_plugins_hold) {
  for (const char* name : kPluginNames) {
    const auto manifest = manifest_of_plugin(name);
    ASSERT_TRUE(manifest.ok()) << name << ": " << manifest.status().to_string();
    EXPECT_EQ((*manifest)->id, name);
  }
}

TEST(Manifests, do_not_clash) {
  const Status status = check_clashes(market_manifests());
  EXPECT_TRUE(status.ok()) << status.to_string();
}

// A plugin whose routes have a listener of their own says where that listens.
TEST(Manifests, name_the_address_of_their_own_listener) {
  for (const auto& manifest : market_manifests()) {
    const bool own = std::any_of(manifest->http.begin(), manifest->http.end(),
                                 [&](const HttpRoute& r) { return r.listener == manifest->id; });
    const bool says = std::any_of(manifest->config.begin(), manifest->config.end(),
                                  [](const ConfigSpec& c) { return c.key == "listen"; });
    EXPECT_TRUE(!own || says) << manifest->id;
  }
}

TEST(Names, every_verb_and_its_flags) {
  const auto tree = parse_cli_tree(openrpc_document(market_manifests(), {}));
  ASSERT_TRUE(tree.ok()) << tree.status().to_string();
  for (const json::value& row : names().at("cli").as_array()) {
    const std::string command(row.at("command").as_string());
    const std::vector<std::string> words = words_of(command);
    std::size_t used = 0;
    const CliNode* verb = tree->find(words, &used);
    if (verb == nullptr || used != words.size()) {
      ADD_FAILURE() << "no verb '" << command << "'";
      continue;
    }
    for (const json::value& flag : row.at("flags").as_array()) {
      const std::string name(flag.as_string());
      const bool merged = std::count(verb->merge_json.begin(), verb->merge_json.end(), name) != 0;
      EXPECT_TRUE(merged || verb->find_flag(name) != nullptr)
          << "'" << command << "' has no flag " << name;
    }
  }
}

TEST(Names, every_method) {
  const ManifestList manifests = market_manifests();
  for (const json::value& row : names().at("rpc").as_array()) {
    const std::string method(row.as_string());
    EXPECT_TRUE(std::any_of(manifests.begin(), manifests.end(),
                            [&](const auto& m) { return m->find_method(method) != nullptr; }))
        << "no method '" << method << "'";
  }
}

const MetricSpec* find_metric(const ManifestList& manifests, const std::string& name) {
  for (const auto& manifest : manifests) {
    for (const MetricSpec& metric : manifest->metrics) {
      const auto& aliases = metric.aliases;
      if (metric.name == name || std::count(aliases.begin(), aliases.end(), name) != 0) {
        return &metric;
      }
    }
  }
  return nullptr;
}

TEST(Names, every_series_with_its_type_and_labels) {
  const ManifestList manifests = market_manifests();
  for (const json::value& row : names().at("metrics").as_array()) {
    const std::string name(row.at("name").as_string());
    const MetricSpec* metric = find_metric(manifests, name);
    if (metric == nullptr) {
      ADD_FAILURE() << "no series '" << name << "'";
      continue;
    }
    const std::string type(row.at("type").as_string());
    EXPECT_EQ(metric->type == MetricType::kCounter, type == "counter") << name;
    EXPECT_EQ(metric->type == MetricType::kHistogram, type == "histogram") << name;
    for (const json::value& label : row.at("labels").as_array()) {
      const std::string wanted(label.as_string());
      EXPECT_EQ(std::count(metric->labels.begin(), metric->labels.end(), wanted), 1)
          << name << " has no label " << wanted;
    }
  }
}

}  // namespace
}  // namespace blockd
