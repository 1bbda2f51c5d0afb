#include "kernel/config/config_loader.hpp"

#include <unistd.h>

#include "kernel/base/file.hpp"
#include "kernel/config/config_layers.hpp"
#include "kernel/config/yaml_file.hpp"

namespace blockd {
namespace {

using namespace config_layers;

constexpr std::string_view kDataPrefix = "<data>/";
constexpr const char* kProfileKey = "chain.profile";

// Keys that a file may hold for other nodes or for later, and what is so here.
struct IdleKey {
  std::string_view name, why;
};
constexpr std::string_view kNoPeers = "this node speaks to no peers";
constexpr IdleKey kIdleKeys[] = {
    {"mempool.rebroadcast_ms", kNoPeers},
    {"net.advertise", kNoPeers},
    {"net.max_peers", kNoPeers},
    {"net.min_peers", kNoPeers},
    {"chain.max_clock_skew_ms", "this node takes no blocks from others"},
    {"chain.validator_key_next", "the validators of the chain do not change"},
    {"chain.launch_profile", "no plugin here opens gates"},
    {"mempool.purge_interval_secs", "commands leave the pool as soon as their time ends"},
    {"rpc.enable_debug", "there are no debug methods"},
    {"telemetry.sample_rate", "histograms see every event"},
    {"telemetry.compaction_secs", "series of metrics need no compaction"},
    {"storage.default_engine", "the state lies in LevelDB"},
    {"storage.overrides", "the state lies in LevelDB"},
};

std::string dotenv_path(const std::string& config_file) {
  const auto slash = config_file.rfind('/');
  return slash == std::string::npos ? ".env" : config_file.substr(0, slash + 1) + ".env";
}

class Loader {
 public:
  Loader(std::shared_ptr<const ConfigSchema> schema, const ConfigInputs& inputs)
      : schema_(std::move(schema)), inputs_(inputs) {}

  ConfigLoad run() {
    Layer file = read_file_layer();
    Layer dotenv = read_dotenv_layer();
    Layer environment =
        read_variables(*schema_, inputs_.environment, "", ConfigSource::kEnvironment, problems_);
    Layer flags = read_flags(*schema_, inputs_.flags, problems_);
    Layer profile = read_profile_layer({&flags, &environment, &dotenv, &file});

    auto config = std::make_shared<Config>(schema_);
    for (const Layer* layer : {&profile, &file, &dotenv, &environment, &flags}) {
      for (const auto& [key, entry] : *layer) {
        if (schema_->find(key)->secret && entry.value.is_string()) {
          out_.secrets.push_back({entry.origin, std::string(entry.value.get_string())});
        }
        config->set(key, entry);
      }
    }
    if (!problems_.any_error()) finish(*config);
    if (!problems_.any_error()) out_.config = std::move(config);
    out_.problems = problems_.take();
    return std::move(out_);
  }

 private:
  // Reads into out_.files. False with a problem reported, or silently when the file is absent and
  // `optional`.
  bool read(const std::string& path, bool optional) {
    Result<Bytes> text = read_file(path, kMaxConfigFileBytes);
    if (text.ok()) {
      out_.files.push_back({path, std::move(*text)});
      return true;
    }
    if (!optional || text.status().code() != Code::kNotFound) {
      const bool missing = text.status().code() == Code::kNotFound;
      problems_.error({false, path, 0, "", missing ? "no such file" : text.status().message()});
    }
    return false;
  }

  Layer read_file_layer() {
    if (!read(inputs_.file, !inputs_.file_required)) {
      if (!problems_.any_error()) {
        problems_.warn({true, inputs_.file, 0, "", "no such file; the built-in defaults are used"});
      }
      return {};
    }
    return read_yaml_layer(*schema_, out_.files.back(), ConfigSource::kFile, problems_);
  }

  Layer read_dotenv_layer() {
    if (!read(dotenv_path(inputs_.file), true)) return {};
    const ConfigText& file = out_.files.back();
    return read_variables(*schema_, parse_dotenv(file, problems_), file.path, ConfigSource::kDotEnv,
                          problems_);
  }

  // `strongest_first`: the layers in which somebody may have named the profile.
  Layer read_profile_layer(std::initializer_list<Layer*> strongest_first) {
    const ConfigKey* key = schema_->find(kProfileKey);
    if (key == nullptr) return {};
    const ConfigEntry* named = nullptr;
    for (Layer* layer : strongest_first) {
      auto it = layer->find(key->name);
      if (it == layer->end()) continue;
      it->second.value = json::string(profile_name(std::string(it->second.value.as_string())));
      if (named == nullptr) named = &it->second;
    }
    const json::value& chosen = named != nullptr ? named->value : key->default_value;
    const std::string name(chosen.as_string());
    for (const std::string& dir : inputs_.profile_dirs) {
      const std::string path = dir + "/" + name + ".yaml";
      if (!file_exists(path)) continue;
      if (!read(path, false)) return {};
      return read_yaml_layer(*schema_, out_.files.back(), ConfigSource::kProfile, problems_);
    }
    std::string dirs;
    for (const std::string& dir : inputs_.profile_dirs) dirs += (dirs.empty() ? "" : ", ") + dir;
    if (named != nullptr) {
      problems_.error({false, "", 0, kProfileKey, "no file " + name + ".yaml in " + dirs});
    } else {
      problems_.warn({true, "", 0, kProfileKey,
                      "no file " + name + ".yaml in " + dirs + "; the built-in defaults are used"});
    }
    return {};
  }

  void finish(Config& config) {
    for (const auto& [key, compute] : schema_->computed()) {
      if (config.source(key) != ConfigSource::kDefault) continue;
      std::optional<json::value> value = compute(config);
      if (!value) continue;
      TB_ASSERT(check_value(*schema_->find(key), *value).ok());
      config.set(key, {std::move(*value)});
    }
    expand_data_paths(config);
    for (const ConfigRule& rule : schema_->rules()) {
      std::optional<RuleFinding> found = rule(config);
      if (!found) continue;
      const ConfigEntry& at = config.entry(found->key);
      ConfigProblem problem{false, "", 0, found->key, found->text};
      if (!at.origin.empty()) problem.file = at.origin;
      problems_.error(std::move(problem));
    }
    warn_of_idle_keys(config);
  }

  // Somebody who sets such a key expects what cannot happen. Profiles set some for all nodes.
  void warn_of_idle_keys(const Config& config) {
    for (const IdleKey& key : kIdleKeys) {
      if (schema_->find(key.name) == nullptr) continue;
      const ConfigEntry& entry = config.entry(key.name);
      if (entry.source <= ConfigSource::kProfile) continue;
      problems_.warn({true, entry.origin, 0, std::string(key.name),
                      "has no effect: " + std::string(key.why) + "; leave it out"});
    }
  }

  void expand_data_paths(Config& config) {
    if (schema_->find("data_dir") == nullptr) return;
    const std::string data = config.text("data_dir");
    for (const auto& [name, key] : schema_->keys()) {
      ConfigEntry entry = config.entry(name);
      if (entry.source != ConfigSource::kDefault || !entry.value.is_string()) continue;
      const std::string_view text = entry.value.get_string();
      if (!text.starts_with(kDataPrefix)) continue;
      entry.value = json::string(data + "/" + std::string(text.substr(kDataPrefix.size())));
      config.set(name, std::move(entry));
    }
  }

  const std::shared_ptr<const ConfigSchema> schema_;
  const ConfigInputs& inputs_;
  Problems problems_;
  ConfigLoad out_;
};

std::vector<std::string> texts(const std::vector<ConfigProblem>& problems, bool warnings) {
  std::vector<std::string> out;
  for (const ConfigProblem& p : problems) {
    if (p.warning == warnings) out.push_back(p.to_string());
  }
  return out;
}

}  // namespace

std::string ConfigProblem::to_string() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line);
  if (!out.empty()) out += ": ";
  if (!key.empty()) out += key + ": ";
  return out + text;
}

std::vector<std::string> ConfigLoad::errors() const { return texts(problems, false); }
std::vector<std::string> ConfigLoad::warnings() const { return texts(problems, true); }

Status ConfigLoad::status() const {
  const std::vector<std::string> all = errors();
  if (all.empty()) return {};
  std::string text = all.front();
  if (all.size() > 1) text += " (and " + std::to_string(all.size() - 1) + " more)";
  return Status(Code::kInvalid, std::move(text),
                "`config check FILE` lists everything that is wrong");
}

ConfigLoad load_config(std::shared_ptr<const ConfigSchema> schema, const ConfigInputs& inputs) {
  return Loader(std::move(schema), inputs).run();
}

std::map<std::string, std::string> environment_variables() {
  std::map<std::string, std::string> out;
  for (char** row = environ; row != nullptr && *row != nullptr; ++row) {
    const std::string_view text = *row;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::string profile_name(const std::string& name) { return name == "mainnet" ? "main" : name; }

std::vector<std::string> watched_files(const ConfigInputs& inputs) {
  return {inputs.file, dotenv_path(inputs.file)};
}

}  // namespace blockd
