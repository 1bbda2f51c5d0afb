// Loads a Config: flag > environment > `.env` beside the file > file > profile > default, key by
// key.
//
// All faults are collected, not only the first; with one error there is no Config. Loading has no
// side effect, so `config check FILE` and a start are the same call. [any]
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/config/config.hpp"

namespace blockd {

inline constexpr std::size_t kMaxConfigProblems = 200;

struct ConfigProblem {
  bool warning = false;
  std::string file;  // empty for the environment, flags and rules on defaults
  int line = 0;      // 0: none
  std::string key;   // or the variable
  std::string text;  // "expected 1024..67108864, found 17; change it or leave it out"

  // "config/node.yaml:17: rpc.max_body_bytes: expected 1024..67108864, found 17; …"
  std::string to_string() const;
};

struct ConfigInputs {
  std::string file = "config/node.yaml";
  bool file_required = false;  // given with --config: a missing file is an error, else built-in
                               // defaults and a warning
  std::vector<std::string> profile_dirs = {
      "config/profiles"};  // the first that has <name>.yaml wins
  std::map<std::string, std::string> environment = {};
  // Key name and text, as `--rpc-addr X` becomes {"listeners.rpc", "X"}.
  std::vector<std::pair<std::string, std::string>> flags = {};
};

struct ConfigText {
  std::string path;
  std::string text;
};

// A secret value that some layer held, also when a stronger layer replaced it.
struct ConfigSecret {
  std::string origin;
  std::string text;
};

struct ConfigLoad {
  std::shared_ptr<const Config> config;  // null if there is an error
  std::vector<ConfigProblem> problems;   // errors and warnings, in order of finding
  std::vector<ConfigText> files;  // what was read: config file, .env, profile; for the generation
  std::vector<ConfigSecret> secrets;  // for the log's masks and the generation's hashes
  bool ok() const { return config != nullptr; }
  std::vector<std::string> errors() const;
  std::vector<std::string> warnings() const;
  // The first error with the number of the others; ok if there is none.
  Status status() const;
};

ConfigLoad load_config(std::shared_ptr<const ConfigSchema> schema, const ConfigInputs& inputs);

// The process's environment; a key may name any variable as its own. [main, before threads]
std::map<std::string, std::string> environment_variables();
// "mainnet" -> "main"; other names stay.
std::string profile_name(const std::string& name);
// The files that load_config would read if they exist now or later: what the watcher looks at.
std::vector<std::string> watched_files(const ConfigInputs& inputs);

}  // namespace blockd
