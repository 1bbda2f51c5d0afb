#include "kernel/programs/blockd/plugin_check.hpp"

#include "kernel/base/file.hpp"
#include "kernel/host/library_there.hpp"
#include "kernel/programs/blockd/library_manifest.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/storage/data_schema.hpp"

namespace blockd {

Result<LoadRules> plugin_rules(const Config& config) {
  LoadRules rules;
  const std::string policy = config.text("plugins.signatures");
  rules.policy = policy == "off"       ? SignaturePolicy::kOff
                 : policy == "enforce" ? SignaturePolicy::kEnforce
                                       : SignaturePolicy::kWarn;
  const std::string file = config.text("plugins.signers_file");
  if (Result<Bytes> text = read_file(file, 1u << 20); text.ok()) {
    Result<std::vector<PublicKey>> signers = parse_signers(*text);
    if (!signers.ok()) return signers.status().in(file);
    rules.signers = *std::move(signers);
  }
  if (const json::object* least = config.get("plugins.min_version").if_object()) {
    for (const auto& [id, version] : *least) {
      if (version.is_string()) rules.min_version.emplace_back(id, version.get_string());
    }
  }
  return rules;
}

Result<std::shared_ptr<const Manifest>> check_plugin(const Config& config, LoadRules rules,
                                                     const std::string& program_dir,
                                                     const PluginLoad& wanted) {
  const std::string file = plugin_file(config, program_dir, wanted);
  std::vector<std::string> dirs = config.list("plugins.dir");
  dirs.push_back(plugins_dir_of(program_dir));
  TB_TRY(library_there(wanted.id, file, dirs));
  // A library in a process of its own needs no signature.
  if (wanted.isolated && rules.policy == SignaturePolicy::kEnforce)
    rules.policy = SignaturePolicy::kWarn;
  auto manifest = manifest_of_library(program_dir + "/blockd", file, std::move(rules));
  if (!manifest.ok()) return manifest.status();
  TB_TRY(library_is(wanted.id, file, (*manifest)->id));
  return manifest;
}

bool begins_new_chain(const Config& config) {
  return !file_exists(config.text("chain.genesis_file")) && !holds_chain(config.text("data_dir"));
}

}  // namespace blockd
