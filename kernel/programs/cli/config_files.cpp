// The configuration without a node: check a file, show what a node would read from it.
#include <ostream>

#include "kernel/config/config_loader.hpp"
#include "kernel/config/config_show.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

ConfigLoad load(Session& session, const std::string& file) {
  auto schema = std::make_shared<ConfigSchema>();
  add_kernel_keys(*schema);
  ConfigInputs inputs;
  inputs.file = file;
  inputs.file_required = true;
  for (const auto& [name, value] : session.world.environment) {
    if (name.starts_with("TB_")) inputs.environment.emplace(name, value);
  }
  return load_config(std::move(schema), inputs);
}

// 0 without errors; 2 with one, like a node that refuses to start.
int check(Session& session, const LocalArgs& args) {
  const std::string file =
      args.words.empty() ? args.get("--file", "config/node.yaml") : args.words[0];
  const ConfigLoad loaded = load(session, file);
  if (session.options.format == Format::kJson) {
    const json::array errors = [&] {
      json::array out;
      for (const std::string& text : loaded.errors()) out.emplace_back(text);
      return out;
    }();
    json::array warnings;
    for (const std::string& text : loaded.warnings()) warnings.emplace_back(text);
    session.world.out << json_text(json::object{{"ok", loaded.ok()},
                                                {"file", file},
                                                {"errors", errors},
                                                {"warnings", std::move(warnings)}},
                                   session.options.pretty)
                      << '\n';
    return loaded.ok() ? kExitOk : kExitUsage;
  }
  for (const std::string& text : loaded.warnings())
    session.world.err << "warning: " << text << '\n';
  for (const std::string& text : loaded.errors())
    session.world.err << "error[config_invalid]: " << text << '\n';
  if (loaded.ok() && !session.options.quiet) session.world.out << file << ": ok\n";
  return loaded.ok() ? kExitOk : kExitUsage;
}

int show(Session& session, const LocalArgs& args) {
  const ConfigLoad loaded = load(session, args.get("--file"));
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
       "Check a configuration file; keys of plugins are checked by the node",
       {{"--file", "FILE", "The same as <file> (config/node.yaml)"}},
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
