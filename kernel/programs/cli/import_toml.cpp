// config import-toml: a node.toml of older guides as the YAML that a node reads.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/config/toml_file.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/config_files.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

// Other names of the same settings. `ms`: a time such as "24h", or a number of seconds.
struct OlderName {
  std::string_view toml, key;
  bool ms = false;
};
constexpr OlderName kOlder[] = {{"node.chain_id", "chain.id"},
                                {"node.data_dir", "data_dir"},
                                {"node.log_level", "log.level"},
                                {"node.log_format", "log.format"},
                                {"node.log_file", "log.file"},
                                {"network.listen_addr", "net.listen"},
                                {"network.external_addr", "net.advertise"},
                                {"network.max_peers", "net.max_peers"},
                                {"network.min_peers", "net.min_peers"},
                                {"network.boot_nodes", "net.bootstrap_peers"},
                                {"consensus.validator", "chain.validator"},
                                {"consensus.validator_key", "chain.validator_key"},
                                {"consensus.block_time_ms", "chain.block_interval_ms"},
                                {"consensus.max_events_per_block", "chain.max_commands_per_block"},
                                {"consensus.epoch_length", "chain.epoch_length"},
                                {"storage.backend", "storage.default_engine"},
                                {"storage.cache_size_mb", "storage.cache_mb"},
                                {"storage.write_buffer_size_mb", "storage.write_buffer_mb"},
                                {"api.listen_addr", "listeners.status"},
                                {"metrics.enabled", "telemetry.enabled"},
                                {"metrics.prometheus_addr", "listeners.metrics"},
                                {"mempool.max_size", "mempool.service_max"},
                                {"mempool.event_ttl", "mempool.service_ttl_ms", true},
                                {"mempool.rebroadcast_interval", "mempool.rebroadcast_ms", true}};
// What has one value here, or none; named when it is left out.
constexpr std::pair<std::string_view, std::string_view> kWithout[] = {
    {"consensus.finality_threshold", "more than two thirds, always"},
    {"mempool.concurrent", "the pool needs no such choice"},
    {"mempool.shards", "the pool needs no such choice"}};

const OlderName* older_name(const std::string& name) {
  const auto at = std::find_if(std::begin(kOlder), std::end(kOlder),
                               [&](const OlderName& one) { return one.toml == name; });
  return at == std::end(kOlder) ? nullptr : at;
}

Result<std::uint64_t> milliseconds(const json::value& value) {
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  std::string text = value.is_string() ? std::string(value.get_string()) : json_text(value, false);
  std::uint64_t unit = 1000;
  for (const auto& [word, factor] : kUnits) {
    if (!value.is_string() || !text.ends_with(word)) continue;
    unit = factor;
    text.resize(text.size() - word.size());
    break;
  }
  const auto number = parse_u64(text);
  if (!number || *number > UINT64_MAX / unit)
    return Status(Code::kInvalid, "expected a time such as \"24h\", \"90s\" or seconds");
  return *number * unit;
}

struct Import {
  json::object out;                   // our keys, as a tree
  std::vector<std::string> faults;    // a file with one is not written
  std::vector<std::string> left_out;  // said, and not written
};

void put(json::object* tree, std::string_view key, json::value value) {
  for (std::size_t dot; (dot = key.find('.')) != std::string_view::npos;
       key.remove_prefix(dot + 1)) {
    json::value& next = (*tree)[key.substr(0, dot)];
    if (!next.is_object()) next = json::object();
    tree = &next.get_object();
  }
  (*tree)[key] = std::move(value);
}

class Importer {
 public:
  Importer(const TomlFile& file, std::string path, bool skip_unknown)
      : file_(file), path_(std::move(path)), skip_unknown_(skip_unknown) {
    add_kernel_keys(schema_);
  }
  Import run() {
    walk(file_.root, "");
    return std::move(import_);
  }

 private:
  std::string place(const std::string& name) const {
    const auto line = file_.lines.find(name);
    return path_ + (line == file_.lines.end() ? "" : ":" + std::to_string(line->second)) + ": " +
           name;
  }
  void walk(const json::object& table, const std::string& prefix) {
    for (const auto& [part, value] : table) {
      const std::string name = prefix + std::string(part);
      const ConfigKey* whole = schema_.find(name);
      if (value.is_object() && !whole)
        walk(value.get_object(), name + ".");
      else
        setting(name, value);
    }
  }
  void setting(const std::string& name, const json::value& value) {
    for (const auto& [without, why] : kWithout) {
      if (without == name)
        return import_.left_out.push_back(place(name) + " is left out: " + std::string(why));
    }
    if (const OlderName* older = older_name(name)) return renamed(name, *older, value);
    if (const ConfigKey* key = schema_.find(name)) return put(&import_.out, key->name, value);
    const auto near = schema_.nearest_key(name);
    const std::string text = place(name) + ": this node has no such setting" +
                             (near ? "; did you mean " + *near + "?" : "");
    (skip_unknown_ ? import_.left_out : import_.faults).push_back(text);
  }
  void renamed(const std::string& name, const OlderName& older, json::value value) {
    if (older.ms) {
      const Result<std::uint64_t> ms = milliseconds(value);
      if (!ms.ok()) return import_.faults.push_back(place(name) + ": " + ms.status().message());
      value = *ms;
    }
    if (name == "node.log_format" && value == json::value("text")) value = "plain";
    put(&import_.out, older.key, std::move(value));
  }

  const TomlFile& file_;
  const std::string path_;
  const bool skip_unknown_;
  ConfigSchema schema_;
  Import import_;
};

// Written under another name first and read as a node would, so that what stands at the end under
// its own name is a configuration that holds.
Status write_checked(Session& session, const std::string& file, const std::string& text) {
  const std::string trial = file + ".import";
  TB_TRY(write_file_atomic(trial, text, 0600));
  const ReadConfig read = read_node_config(session, trial, true);
  std::error_code gone;
  std::filesystem::remove(trial, gone);
  for (const std::string& warning : read.load.warnings())
    session.world.err << "warning: " << warning << '\n';
  if (!read.load.ok()) return read.load.status();
  return write_file_atomic(file, text, 0600);
}

int import_toml(Session& session, const LocalArgs& args) {
  const std::string& from = args.words[0];
  const std::string to =
      args.get("--out", std::filesystem::path(from).replace_extension(".yaml").string());
  if (!args.has("--force") && file_exists(to))
    return session.fail(
        Status(Code::kExists, to + " is there already", "overwrite it with --force"));
  const Result<std::string> text = read_text(session.world, from);
  if (!text.ok()) return session.fail(text.status());
  const Result<TomlFile> file = parse_toml(*text);
  if (!file.ok()) return session.fail(file.status().in(from));
  const Import import = Importer(*file, from, args.has("--skip-unknown")).run();
  for (const std::string& line : import.left_out)
    session.world.err << "warning: " << escape_controls(line) << '\n';
  for (const std::string& line : import.faults)
    session.world.err << "error[config_invalid]: " << escape_controls(line) << '\n';
  if (!import.faults.empty()) {
    session.world.err << "  nothing was written; --skip-unknown leaves out what this node does not "
                         "have\n";
    return kExitUsage;
  }
  const std::string yaml = "# Made from " + std::filesystem::path(from).filename().string() +
                           " by contract-cli config import-toml.\n" + yaml_text(import.out);
  if (const Status status = write_checked(session, to, yaml); !status.ok())
    return session.fail(status);
  return print_result(session, json::object{{"file", to}, {"left_out", import.left_out.size()}},
                      {"", {}, "file", false});
}

}  // namespace

std::vector<LocalVerb> import_toml_verbs() {
  return {
      {"config import-toml",
       "<file>",
       "Make the YAML that a node reads from a node.toml",
       {{"--out", "FILE", "Where to write it (the same name, .yaml)"},
        {"--skip-unknown", "", "Leave out settings that this node does not have, and name them"},
        {"--force", "", "Overwrite the file"}},
       1,
       1,
       import_toml,
       {{"contract-cli config import-toml config/node.toml", "Writes config/node.yaml"}}}};
}

}  // namespace blockd::cli
