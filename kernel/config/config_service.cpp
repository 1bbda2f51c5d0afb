#include "kernel/config/config_service.hpp"

#include <algorithm>

#include "kernel/base/file.hpp"

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

void ConfigService::set_hooks(SchemaSource schema, Ended ended) {
  std::lock_guard lock(reload_mutex_);
  schema_source_ = std::move(schema);
  ended_ = std::move(ended);
}

ReloadReport ConfigService::reload(const std::string& source) {
  std::lock_guard lock(reload_mutex_);
  return reload_locked(source);
}

ReloadReport ConfigService::reload_locked(const std::string& source) {
  ReloadReport report = try_reload(source);
  if (ended_) ended_(report, source);
  return report;
}

ReloadReport ConfigService::try_reload(const std::string& source) {
  ReloadReport report;
  if (schema_source_) {
    Result<std::shared_ptr<const ConfigSchema>> schema = schema_source_();
    if (!schema.ok()) {
      const Status& why = schema.status();
      report.problems.push_back(
          {false, inputs_.file, 0, "plugins.load",
           why.message() + (why.hint().empty() ? "" : " (" + why.hint() + ")")});
      return report;
    }
    schema_ = *std::move(schema);
  }
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
  Result<ConfigGeneration> kept = store_->get(generation);
  if (!kept.ok()) return kept.status();
  std::vector<ConfigText> before;
  for (const ConfigText& file : kept->files) {
    if (Result<Bytes> text = read_file(file.path); text.ok())
      before.push_back({file.path, *std::move(text)});
  }
  Result<std::vector<std::string>> written = store_->rollback(generation, loaded_.secrets);
  if (!written.ok()) return written.status();
  ReloadReport report = reload_locked(source);
  if (report.ok) return report;
  for (const ConfigText& file : before) {
    if (std::find(written->begin(), written->end(), file.path) != written->end())
      TB_TRY(write_file_atomic(file.path, file.text));
  }
  return report;
}

std::optional<ConfigStore> ConfigService::store() const {
  std::lock_guard lock(reload_mutex_);
  return store_;
}

}  // namespace blockd
