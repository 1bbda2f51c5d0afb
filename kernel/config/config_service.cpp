#include "kernel/config/config_service.hpp"

namespace blockd {

ConfigService::ConfigService(std::shared_ptr<const ConfigSchema> schema, ConfigInputs inputs,
                             ConfigLoad first)
    : current_(first.config),
      schema_(std::move(schema)),
      inputs_(std::move(inputs)),
      loaded_(std::move(first)) {
  TB_ASSERT(current_ != nullptr);
}

std::shared_ptr<const Config> ConfigService::current() const {
  std::lock_guard lock(current_mutex_);
  return current_;
}

Status ConfigService::attach_store(ConfigStore store) {
  std::lock_guard lock(reload_mutex_);
  store_ = std::move(store);
  std::vector<std::string> changed;
  if (!store_->numbers().empty()) {
    Result<ConfigGeneration> newest = store_->get(store_->numbers().back());
    // A damaged newest generation is no reason not to start: a new one follows it.
    if (newest.ok()) {
      changed = store_->changed_since(*newest, *loaded_.config);
      if (changed.empty()) return {};
    }
  }
  Result<std::uint64_t> added = store_->add(loaded_, "start", std::move(changed));
  return added.ok() ? Status() : added.status();
}

void ConfigService::add_validator(Validator validator) {
  std::lock_guard lock(reload_mutex_);
  validators_.push_back(std::move(validator));
}

void ConfigService::add_listener(Listener listener) {
  std::lock_guard lock(reload_mutex_);
  listeners_.push_back(std::move(listener));
}

void ConfigService::replace_schema(std::shared_ptr<const ConfigSchema> schema) {
  std::lock_guard lock(reload_mutex_);
  schema_ = std::move(schema);
}

ReloadReport ConfigService::reload(const std::string& source) {
  std::lock_guard lock(reload_mutex_);
  return reload_locked(source);
}

ReloadReport ConfigService::reload_locked(const std::string& source) {
  ReloadReport report;
  ConfigLoad load = load_config(schema_, inputs_);
  report.problems = load.problems;
  if (!load.ok()) return report;
  bool refused = false;
  for (const Validator& validator : validators_) {
    for (ConfigProblem& problem : validator(*load.config)) {
      refused = refused || !problem.warning;
      report.problems.push_back(std::move(problem));
    }
  }
  if (refused) return report;
  report.changed = load.config->changed_keys(*current());
  if (!report.changed.empty() && store_) {
    Result<std::uint64_t> added = store_->add(load, source, report.changed);
    if (!added.ok()) {
      report.problems.push_back(
          {false, "", 0, "", "the generation cannot be kept: " + added.status().message()});
      return report;
    }
    report.generation = *added;
  }
  report.ok = true;
  for (const std::string& key : report.changed) {
    const ConfigKey* spec = load.config->schema().find(key);
    if (spec == nullptr) continue;  // the key of a plugin that has gone
    if (spec->reload == ReloadKind::kNo) report.restart_required.push_back(key);
    if (spec->reload == ReloadKind::kGenesis) report.fixed_by_genesis.push_back(key);
  }
  loaded_ = std::move(load);
  {
    std::lock_guard lock(current_mutex_);
    current_ = loaded_.config;
  }
  if (report.changed.empty()) return report;
  for (const Listener& listener : listeners_) listener(loaded_.config, report.changed);
  return report;
}

Result<ReloadReport> ConfigService::roll_back(std::uint64_t generation, const std::string& source) {
  std::lock_guard lock(reload_mutex_);
  if (!store_) return Status(Code::kUnavailable, "config rollback: this node keeps no generations");
  Result<std::vector<std::string>> written = store_->rollback(generation);
  if (!written.ok()) return written.status();
  return reload_locked(source);
}

std::optional<ConfigStore> ConfigService::store() const {
  std::lock_guard lock(reload_mutex_);
  return store_;
}

}  // namespace blockd
