// Plugins with `isolation: process`: their processes, what is told of them, and the switch between
// the two modes on a running node.
#include <filesystem>

#include "kernel/host/host_impl.hpp"
#include "kernel/host/isolation/isolated.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

LoadRules HostImpl::loading_rules() {
  LoadRules rules = options_.rules;
  rules.isolated = [this](std::string_view id) {
    std::lock_guard lock(switch_mutex_);
    return request_for(std::string(id)).isolated;
  };
  rules.isolate = [this](const std::string& path) { return isolate(path); };
  return rules;
}

ProcessLimits HostImpl::limits_of(const std::string& id) {
  std::lock_guard lock(switch_mutex_);
  const PluginRequest::OwnLimits own = request_for(id).limits;
  const ProcessLimits& all = options_.child_limits;
  return {own.memory_mb.value_or(all.memory_mb), own.step_ms.value_or(all.step_ms),
          own.cpu_percent.value_or(all.cpu_percent)};
}

// Whose library it is, its process says; one with limits of its own is then started with them.
Result<IsolatedImage> HostImpl::isolate(const std::string& path) {
  isolation::IsolationOptions options;
  options.child.program = options_.rules.probe_program;
  options.child.library = path;
  options.max_pause_ms = options_.child_max_pause_ms;
  options.on_death = [this](const std::string& id, const isolation::Death& death,
                            std::uint64_t pause_ms) {
    note_child_death(id, death.reason, death.text, pause_ms);
  };
  options.on_restart = [this](const std::string& id, int pid) {
    child_restarts_->counter({id})->add();
    options_.log->target("host").info("plugin process started again",
                                      {{"plugin", id}, {"pid", pid}});
  };
  options.limits = options_.child_limits;
  Result<std::shared_ptr<isolation::IsolatedPlugin>> plugin =
      isolation::IsolatedPlugin::start(options);
  if (!plugin.ok()) return plugin.status();
  options.limits = limits_of((*plugin)->manifest().id);
  if (options.limits != options_.child_limits) {
    plugin = isolation::IsolatedPlugin::start(options);
    if (!plugin.ok()) return plugin.status();
  }
  IsolatedImage image;
  image.plugin = &(*plugin)->plugin();
  image.limits = options.limits;
  image.state = [p = plugin->get()] {
    const isolation::IsolatedPlugin::State state = p->state();
    return IsolatedImage::State{state.pid, state.restarts, state.last_trouble};
  };
  image.owner = *std::move(plugin);
  return image;
}

// What ends the process is no trouble of a plugin that runs, so no metric counts it: the library is
// refused, and that is told.
Status HostImpl::try_apart(const Plugin& next, const ApartTrial& trial) {
  isolation::IsolationOptions options;
  options.child.program = options_.rules.probe_program;
  options.child.library = std::filesystem::absolute(next.library()->stored_as()).string();
  options.limits = limits_of(next.manifest().id);
  options.limits.cpu_percent = 0;  // a trial has a bound of its own
  options.limits.step_ms = std::max(options.limits.step_ms, trial.step_ms);
  std::mutex mutex;
  std::string trouble;  // the first
  options.on_death = [&](const std::string&, const isolation::Death& death, std::uint64_t) {
    std::lock_guard lock(mutex);
    if (trouble.empty()) trouble = death.text;
  };
  Status status;
  {
    Result<std::shared_ptr<isolation::IsolatedPlugin>> plugin =
        isolation::IsolatedPlugin::start(options);
    if (plugin.status().code() == Code::kUnavailable) {  // of this system, not of the library
      options_.log->target("host").warn(
          "plugin tried in the node only",
          {{"plugin", next.manifest().id}, {"reason", plugin.status().message()}});
      return {};
    }
    if (!plugin.ok()) return plugin.status();
    status = trial.run({next.library()->manifest(), (*plugin)->plugin().machine, *plugin});
  }  // its threads have ended: nobody writes `trouble` any more
  if (trouble.empty()) return status;
  return Status(Code::kInvalid,
                next.library()->file().path + ": " + trouble + " when it " + trial.what +
                    " in a process of its own; what ran goes on",
                trial.hint);
}

void HostImpl::note_child_death(const std::string& id, const std::string& reason,
                                const std::string& text, std::uint64_t pause_ms) {
  child_crashes_->counter({id, reason})->add();
  options_.log->target("host").error(
      "plugin process ended",
      {{"plugin", id}, {"reason", reason}, {"why", text}, {"started_again_in_ms", pause_ms}});
}

Status HostImpl::declare_child_metrics() {
  MetricDecl crashes;
  crashes.name = "plugin_child_crashes_total";
  crashes.labels = {"plugin", "reason"};
  crashes.help = "Processes of isolated plugins that ended, by reason";
  Result<MetricFamily*> family = options_.metrics->declare("kernel", crashes);
  if (!family.ok()) return family.status();
  child_crashes_ = *family;
  MetricDecl restarts;
  restarts.name = "plugin_child_restarts_total";
  restarts.labels = {"plugin"};
  restarts.help = "Processes of isolated plugins that were started again";
  family = options_.metrics->declare("kernel", restarts);
  if (!family.ok()) return family.status();
  child_restarts_ = *family;
  return {};
}

void HostImpl::follow_isolation() {
  for (const auto& [id, plugin] : present()) {
    const PluginRequest request = request_for(id);
    const Library& library = *plugin->library();
    const bool same = request.isolated == library.isolated() &&
                      (!request.isolated || limits_of(id) == library.limits());
    if (request.file.empty() || same) continue;
    const Status status = reload_held(id, "");
    if (status.ok()) continue;
    options_.log->target("host").error(
        "plugin keeps its mode and limits",
        {{"plugin", id}, {"reason", status.message()}, {"hint", status.hint()}});
  }
}

}  // namespace blockd
