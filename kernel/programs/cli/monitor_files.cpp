#include "kernel/programs/cli/monitor_files.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "kernel/base/file.hpp"
#include "kernel/config/yaml_file.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/stopped_node.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxCatalogueBytes = kMaxConfigFileBytes;

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

template <class T>
std::optional<T> number_of(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

json::value scalar(const YamlNode& node) {
  if (node.quoted) return json::value(node.text);
  if (node.text == "true" || node.text == "false") return node.text == "true";
  if (const auto whole = number_of<std::int64_t>(node.text)) return *whole;
  if (const auto value = number_of<double>(node.text)) return *value;
  return json::value(node.text);
}

json::value as_json(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) return scalar(node);
  if (node.kind == YamlNode::Kind::kList) {
    json::array out;
    for (const YamlNode& item : node.items) out.push_back(as_json(item));
    return out;
  }
  if (node.kind == YamlNode::Kind::kNull) return nullptr;
  json::object out;
  for (const auto& [name, value] : node.members) out[name] = as_json(value);
  return out;
}

// In a build tree the libraries lie in ../plugins, in a prefix in ../lib/the-block/plugins.
Result<std::string> library_of(const World& world, const std::string& plugin) {
  for (const char* place : {"/../plugins/", "/../lib/the-block/plugins/"}) {
    const std::string path = world.program_dir + place + plugin + ".so";
    if (file_exists(path)) return path;
  }
  return Status(Code::kNotFound, "the library of plugin '" + plugin + "' is not there",
                "looked in ../plugins and ../lib/the-block/plugins from " + world.program_dir +
                    "; build it, or name others with --plugins");
}

Result<json::array> manifests_of_libraries(Session& session, const LocalArgs& args,
                                           const MonitoringTree& tree) {
  std::vector<std::string> words{"--print-manifests"};
  const std::vector<std::string> plugins =
      args.has("--plugins") ? split_list(args.get("--plugins")) : tree.plugins;
  for (const std::string& plugin : plugins) {
    Result<std::string> file = library_of(session.world, plugin);
    if (!file.ok()) return file.status();
    words.push_back(*std::move(file));
  }
  if (const auto at = args.flags.find("--library"); at != args.flags.end())
    words.insert(words.end(), at->second.begin(), at->second.end());
  Result<ChildRun> child = run_blockd(session.world, words);
  if (!child.ok()) return child.status();
  if (child->exit_code != 0)
    return Status(Code::kAborted, "blockd could not read the manifests", "see its message above");
  Result<json::value> list = parse_json(child->output);
  if (!list.ok()) return list.status().in("blockd --print-manifests");
  if (!list->is_array()) return Status(Code::kInvalid, "blockd --print-manifests: no list");
  return std::move(list->get_array());
}

// What a node told of its plugins, each part under the plugin that declared it.
Result<json::array> manifests_of_node(Session& session) {
  NodeClient node(session);
  Result<json::value> answer = node.call("monitor.catalogue", "{}");
  if (!answer.ok()) return answer.status();
  static constexpr std::pair<const char*, const char*> kParts[] = {{"metrics", "metrics"},
                                                                   {"panels", "panels"},
                                                                   {"records", "recordings"},
                                                                   {"alerts", "alerts"}};
  std::vector<std::string> order;
  std::map<std::string, json::object> found;
  const json::object* all = answer->if_object();
  const json::value* plugins = all != nullptr ? all->if_contains("plugins") : nullptr;
  if (plugins == nullptr || !plugins->is_array())
    return Status(Code::kInvalid, "monitor.catalogue: no list of plugins",
                  "the node is older than this program");
  for (const json::value& one : plugins->get_array()) {
    if (!one.is_object() || !one.get_object().contains("id")) continue;
    const json::object& plugin = one.get_object();
    const std::string id(plugin.at("id").as_string());
    const bool machine = plugin.contains("machine") && plugin.at("machine").as_bool();
    order.push_back(id);
    found[id] = {{"id", id}, {"version", plugin.at("version")}};
    if (machine) found[id]["sm"] = found[id]["sm_min"] = 1;
  }
  for (const auto& [from, to] : kParts) {
    const json::value* list = all != nullptr ? all->if_contains(from) : nullptr;
    if (list == nullptr || !list->is_array())
      return Status(Code::kInvalid, std::string("monitor.catalogue: no list of ") + from);
    for (const json::value& one : list->get_array()) {
      json::object entry = one.is_object() ? one.get_object() : json::object{};
      const json::value* by = entry.if_contains("by");
      if (by == nullptr || !by->is_string())
        return Status(Code::kInvalid, "monitor.catalogue: an entry without its plugin");
      const std::string id(by->get_string());
      entry.erase("by");
      if (!found.contains(id))
        return Status(Code::kInvalid, "monitor.catalogue: '" + id + "' is not among the plugins");
      json::value& part = found[id][to];
      if (!part.is_array()) part = json::array{};
      part.get_array().push_back(std::move(entry));
    }
  }
  json::array out;
  for (const std::string& id : order) out.push_back(std::move(found[id]));
  return out;
}

Status read_number(const LocalArgs& args, const std::string& flag, std::uint64_t* out) {
  if (!args.has(flag)) return {};
  const auto value = number_of<std::uint64_t>(args.get(flag));
  if (!value) return Status(Code::kInvalid, flag + ": '" + args.get(flag) + "' is no whole number");
  *out = *value;
  return {};
}

}  // namespace

Result<json::value> yaml_to_json(const std::string& path, const std::string& text) {
  YamlNode root;
  YamlFault fault;
  if (!parse_yaml(text, root, fault))
    return Status(Code::kInvalid, path + ":" + std::to_string(fault.line) + ": " + fault.text);
  return as_json(root);
}

Result<MonitoringTree> find_monitoring_tree(Session& session) {
  const std::string& bin = session.world.program_dir;
  std::string places;
  for (const std::string& dir : {std::string("dashboards"), bin + "/../../../dashboards",
                                 bin + "/../share/the-block/dashboards"}) {
    const std::string path = dir + "/catalogue.yaml";
    places += (places.empty() ? "" : ", ") + dir;
    if (!file_exists(path)) continue;
    Result<Bytes> text = read_file(path, kMaxCatalogueBytes);
    if (!text.ok()) return text.status();
    Result<json::value> document = yaml_to_json(path, *text);
    if (!document.ok()) return document.status();
    MonitoringTree tree;
    if (!document->is_object()) return Status(Code::kInvalid, path + ": is no mapping");
    json::object& object = document->get_object();
    if (const json::value* plugins = object.if_contains("plugins"); plugins && plugins->is_array())
      for (const json::value& one : plugins->get_array())
        if (one.is_string()) tree.plugins.emplace_back(one.get_string());
    object.erase("plugins");
    Result<MonitoringCatalogue> catalogue = MonitoringCatalogue::read(object);
    if (!catalogue.ok()) return catalogue.status().in(path);
    tree.dir = dir;
    tree.catalogue_text = *std::move(text);
    tree.catalogue = *std::move(catalogue);
    return tree;
  }
  return Status(Code::kNotFound, "no catalogue.yaml in " + places,
                "run this in the project's folder or from an installation");
}

Result<MonitoringModel> read_monitoring_model(Session& session, const LocalArgs& args,
                                              const MonitoringTree& tree) {
  ModelOptions options;
  const std::string from = args.get("--from", "plugins");
  if (from != "plugins" && from != "rpc")
    return Status(Code::kInvalid, "--from: expected plugins or rpc, found '" + from + "'");
  options.partial = from == "rpc" || args.has("--plugins");
  options.runbook_base = args.get("--runbook-base");
  TB_TRY(read_number(args, "--epoch-seconds", &options.epoch_seconds));
  if (args.has("--treasury-min-balance"))
    TB_TRY(read_number(args, "--treasury-min-balance", &options.values["treasury_min_balance"]));
  Result<json::array> list =
      from == "rpc" ? manifests_of_node(session) : manifests_of_libraries(session, args, tree);
  if (!list.ok()) return list.status();
  ManifestList manifests;
  for (const json::value& one : *list) {
    auto manifest = Manifest::parse(json::serialize(one));
    if (!manifest.ok()) return manifest.status();
    manifests.push_back(*manifest);
  }
  return MonitoringModel::build(manifests, tree.catalogue, options);
}

}  // namespace blockd::cli
