// The configuration without a node: check a file, show what a node would read from it.
#include <ostream>

#include "kernel/config/config_loader.hpp"
#include "kernel/config/config_show.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/programs/blockd/library_manifest.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/blockd/plugin_check.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/config_files.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

// "config/node.yaml:17: plugins.load: entry 2: no library …; did you mean energy?"
std::string library_fault(const Config& config, std::size_t entry, const Status& why) {
  const std::string& origin = config.entry("plugins.load").origin;
  return (origin.empty() ? "" : origin + ": ") + "plugins.load: entry " + std::to_string(entry) +
         ": " + why.message() + (why.hint().empty() ? "" : "; " + why.hint());
}

}  // namespace

ReadConfig read_node_config(Session& session, const std::string& named, bool required,
                            const std::string& data_dir) {
  const std::string& program_dir = session.world.program_dir;
  ConfigInputs inputs;
  inputs.file = named.empty() ? default_config_file(session.world.environment, program_dir) : named;
  inputs.file_required = required;
  inputs.profile_dirs = profile_dirs_of(inputs.file, program_dir);
  inputs.environment = session.world.environment;
  if (!data_dir.empty()) inputs.flags.emplace_back("data_dir", data_dir);
  auto kernel = std::make_shared<ConfigSchema>();
  add_kernel_keys(*kernel);
  ReadConfig out{load_config(std::move(kernel), inputs), {}, {}};
  if (!out.load.ok()) return out;
  std::vector<std::shared_ptr<const Manifest>> manifests;
  const Config& config = *out.load.config;
  const Result<LoadRules> rules = plugin_rules(config);
  if (!rules.ok()) out.faults.push_back(rules.status().message());
  const bool new_chain = begins_new_chain(config);
  std::size_t entry = 0;
  for (const PluginLoad& wanted : plugins_to_load(config)) {
    ++entry;
    if (wanted.enabled && rules.ok()) {
      const auto checked = check_plugin(config, *rules, program_dir, wanted);
      if (checked.ok()) {
        manifests.push_back(*checked);
        continue;
      }
      const std::string fault = library_fault(config, entry, checked.status());
      if (wanted.required)
        out.faults.push_back(fault + "; the entry is `required`");
      else if (new_chain)
        out.faults.push_back(fault + "; " + config.text("data_dir") +
                             " holds no chain yet, and a new one would begin without it");
      else
        out.unchecked.push_back(fault + "; the node starts without it");
    }
    // Its keys can be known even if the node would not take it.
    const auto manifest =
        manifest_of_library(program_dir + "/blockd", plugin_file(config, program_dir, wanted));
    if (manifest.ok()) {
      manifests.push_back(*manifest);
    } else {
      out.unchecked.push_back("keys of plugin " + wanted.id +
                              " are not checked: " + manifest.status().message());
    }
  }
  auto schema = make_schema(manifests);
  if (!schema.ok()) {
    out.unchecked.push_back("keys of plugins are not checked: " + schema.status().message());
    return out;
  }
  out.load = load_config(*schema, inputs);
  return out;
}

namespace {

// 0 without errors; 2 with one, like a node that refuses to start.
int check(Session& session, const LocalArgs& args) {
  std::string file = args.words.empty() ? args.get("--file") : args.words[0];
  if (file.empty())
    file = default_config_file(session.world.environment, session.world.program_dir);
  const ReadConfig read = read_node_config(session, file, true, args.get("--data-dir"));
  const ConfigLoad& loaded = read.load;
  std::vector<std::string> all_errors = loaded.errors();
  all_errors.insert(all_errors.end(), read.faults.begin(), read.faults.end());
  std::vector<std::string> all_warnings = loaded.warnings();
  all_warnings.insert(all_warnings.end(), read.unchecked.begin(), read.unchecked.end());
  if (session.options.format == Format::kJson) {
    const json::array errors = [&] {
      json::array out;
      for (const std::string& text : all_errors) out.emplace_back(text);
      return out;
    }();
    json::array warnings;
    for (const std::string& text : all_warnings) warnings.emplace_back(text);
    session.world.out << json_text(json::object{{"ok", all_errors.empty()},
                                                {"file", file},
                                                {"errors", errors},
                                                {"warnings", std::move(warnings)}},
                                   session.options.pretty)
                      << '\n';
    return all_errors.empty() ? kExitOk : kExitUsage;
  }
  for (const std::string& text : all_warnings) session.world.err << "warning: " << text << '\n';
  for (const std::string& text : all_errors)
    session.world.err << "error[config_invalid]: " << text << '\n';
  if (all_errors.empty() && !session.options.quiet) session.world.out << file << ": ok\n";
  return all_errors.empty() ? kExitOk : kExitUsage;
}

int show(Session& session, const LocalArgs& args) {
  const ConfigLoad loaded = read_node_config(session, args.get("--file"), true).load;
  if (!loaded.ok()) return session.fail(loaded.status());
  const std::string key = args.get("--key");
  if (!key.empty() && !loaded.config->schema().find(key) &&
      !loaded.config->schema().is_section(key)) {
    const auto near = loaded.config->schema().nearest_key(key);
    return session.fail(Status(Code::kInvalid, "--key: there is no key '" + key + "'",
                               near ? "did you mean " + *near + "?" : ""));
  }
  if (session.wants_json()) {
    session.world.out << json_text(config_show(*loaded.config, key),
                                   session.options.pretty || session.world.out_is_terminal)
                      << '\n';
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : config_show_table(*loaded.config, key))
    rows.emplace_back(row.begin(), row.end());
  session.world.out << align({"KEY", "VALUE", "SOURCE", "ORIGIN"}, rows);
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> config_verbs() {
  return {
      {"config check",
       "[file]",
       "Check a configuration file, with the keys of the plugins that it names",
       {{"--file", "FILE", "The same as <file> (config/node.yaml, else the installed one)"},
        {"--data-dir", "DIR", "Data directory that the node is started with"}},
       0,
       1,
       check,
       {{"contract-cli config check config/node.yaml", "Lists every fault with file and line"}}},
      {"config show",
       "",
       "Show every key with its value and where it comes from, from a file",
       {{"--file", "FILE", "Configuration file to read instead of asking the node"},
        {"--key", "KEY", "Only this key or section"}},
       0,
       0,
       show,
       {},
       {},
       false,
       false,
       "--file"}};
}

}  // namespace blockd::cli
