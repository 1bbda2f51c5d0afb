// ConfigService: the running node's configuration and its hot reload, all or nothing.
//
// A reload reads every file, checks everything, asks every validator (each loaded plugin looks at
// its section), and only then writes the generation, swaps the Config and tells the listeners. Any
// error keeps all old values.
//
// Threads: current() from any thread. reload(), roll_back() and the set-up functions from any
// thread too; they exclude each other. Validators and listeners run inside reload() on the caller's
// thread and must not call back into this object, but for current().
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/config/config_loader.hpp"
#include "kernel/config/config_store.hpp"

namespace blockd {

struct ReloadReport {
  bool ok = false;
  std::vector<ConfigProblem> problems;        // errors when !ok; warnings either way
  std::vector<std::string> changed;           // empty: nothing to do, nothing counted
  std::vector<std::string> restart_required;  // changed keys that wait for a restart
  std::vector<std::string> fixed_by_genesis;  // changed keys that an existing chain does not read
  std::uint64_t generation = 0;               // 0: none was written
};

class ConfigService {
 public:
  using Validator = std::function<std::vector<ConfigProblem>(const Config&)>;
  using Listener = std::function<void(const std::shared_ptr<const Config>&,
                                      const std::vector<std::string>& changed)>;

  // REQUIRES: first.ok(), loaded from `inputs`.
  ConfigService(std::shared_ptr<const ConfigSchema> schema, ConfigInputs inputs, ConfigLoad first);

  std::shared_ptr<const Config> current() const;
  // Keeps generations from now on; the present values become one if they differ from the newest
  // that is kept.
  Status attach_store(ConfigStore store);
  void add_validator(Validator validator);
  void add_listener(Listener listener);
  // Asked at the beginning of each reload, because the files may name plugins that are not here
  // yet; its error refuses the reload under the key plugins.load. Then `ended` hears how each
  // reload ended, accepted or not, changed or not: what was prepared is taken over or dropped, and
  // files that the configuration only names (certificates, tokens) are taken anew.
  using SchemaSource = std::function<Result<std::shared_ptr<const ConfigSchema>>()>;
  using Ended = std::function<void(const ReloadReport&, const std::string& source)>;
  void set_hooks(SchemaSource schema, Ended ended);

  ReloadReport reload(const std::string& source);
  // Writes the files of a generation back and reloads; where the reload is refused, the files are
  // as before. Errors: those of ConfigStore::rollback, kUnavailable (no store).
  Result<ReloadReport> roll_back(std::uint64_t generation, const std::string& source);
  // A copy of the store's view, for history and diff; nullopt without a store.
  std::optional<ConfigStore> store() const;

 private:
  ReloadReport reload_locked(const std::string& source);
  ReloadReport try_reload(const std::string& source);

  mutable std::mutex current_mutex_;  // held for a pointer copy only
  std::shared_ptr<const Config> current_;
  mutable std::mutex reload_mutex_;  // guards what follows
  std::shared_ptr<const ConfigSchema> schema_;
  const ConfigInputs inputs_;
  ConfigLoad loaded_;
  std::optional<ConfigStore> store_;
  std::vector<Validator> validators_;
  std::vector<Listener> listeners_;
  SchemaSource schema_source_;
  Ended ended_;
};

}  // namespace blockd
