// What the chain asks the host for, and what it tells: machines, effects of blocks, the switch that
// follows a change of the roster.
#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/host/host_impl.hpp"

namespace blockd {

// Effects of a block come before the switch that it brings: they are told under the manifest of the
// machine that made them.
std::shared_ptr<PluginMetrics> HostImpl::metrics_of(const Manifest& manifest) {
  {
    std::lock_guard lock(metrics_mutex_);
    for (const auto& [known, metrics] : metrics_) {
      if (known.get() == &manifest) return metrics;
    }
  }
  std::vector<std::shared_ptr<const Manifest>> here;
  for (const auto& library : given()) here.push_back(library->manifest());
  {
    std::lock_guard lock(switch_mutex_);
    for (const PluginMap* map : {&plugins_, &staged_}) {
      for (const auto& [id, plugin] : *map) here.push_back(plugin->manifest_ptr());
    }
  }
  auto of =
      std::find_if(here.begin(), here.end(), [&](const auto& m) { return m.get() == &manifest; });
  if (of == here.end()) return nullptr;
  Result<std::shared_ptr<PluginMetrics>> made = PluginMetrics::declare(*options_.metrics, *of);
  if (!made.ok()) {
    options_.log->target("host").error("metrics of a plugin cannot be declared",
                                       {{"reason", made.status().message()}});
  }
  std::lock_guard lock(metrics_mutex_);
  std::erase_if(metrics_, [&](const auto& entry) {
    return std::find(here.begin(), here.end(), entry.first) == here.end();
  });
  return metrics_[*of] = made.ok() ? *made : nullptr;
}

void HostImpl::metric(const Manifest& plugin, std::uint32_t metric,
                      const std::vector<std::string>& labels, std::int64_t value) {
  if (labels.size() > kMaxMetricLabels) return;
  const std::shared_ptr<PluginMetrics> metrics = metrics_of(plugin);
  if (!metrics) return;
  std::string_view texts[kMaxMetricLabels];
  for (std::size_t i = 0; i < labels.size(); ++i) texts[i] = labels[i];
  metrics->report(metric, {texts, labels.size()}, value);
}

void HostImpl::log(const Manifest& plugin, std::uint32_t level, std::string_view text,
                   std::uint64_t height) {
  const LogLevel levels[] = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError};
  options_.log->target(plugin.id).log(levels[std::min(level, 3u)], text, {{"block", height}});
}

void HostImpl::note_refusals(const BlockRecord& block) {
  for (const Step& step : block.steps) {
    const bool of_roster = step.kind == StepKind::kRoster || step.kind == StepKind::kMigrate;
    if (!of_roster) continue;
    std::shared_ptr<Plugin> unused;
    {
      std::lock_guard lock(switch_mutex_);
      failed_.erase(step.plugin);
      if (step.outcome == Outcome::kApplied) continue;
      failed_[step.plugin] =
          std::string(step.kind == StepKind::kRoster ? "the switch was refused in block "
                                                     : "a migration step failed in block ") +
          std::to_string(block.header.height) + ": " + step.text;
      // The announced switch is over: the version that serves goes on.
      if (auto it = staged_.find(step.plugin);
          step.kind == StepKind::kRoster && it != staged_.end()) {
        unused = std::move(it->second);
        staged_.erase(it);
      }
    }
    options_.log->target("host").error(
        step.kind == StepKind::kRoster ? "plugin switch refused" : "plugin migration failed",
        {{"plugin", step.plugin}, {"height", block.header.height}, {"reason", step.text}});
  }
}

void HostImpl::committed(const std::shared_ptr<const BlockRecord>& block,
                         const StateViewPtr& view) {
  {
    std::lock_guard lock(switch_mutex_);
    missing_.clear();  // nothing is: the block was executed
  }
  std::lock_guard publishing(publish_mutex_);
  if (!running_) return;
  note_refusals(*block);
  adopt(view);
  if (Follower* follower = follower_now_) follower->committed(block);
}

namespace {
bool is_build_of(const Manifest& m, const RosterEntry& entry) {
  return m.sm == entry.sm && m.consensus_hash == entry.consensus_hash;
}
bool implements_older(const Manifest& m, const RosterEntry& entry) {
  return entry.sm < m.sm && entry.sm >= (m.sm_min ? m.sm_min : m.sm);
}
}  // namespace

bool implements(const Manifest& manifest, const RosterEntry& entry) {
  return is_build_of(manifest, entry) || implements_older(manifest, entry);
}

// A build of that very version comes first: its manifest is the one under which the blocks of that
// version were executed (defaults and ranges of parameters). Else a later one that still implements
// it. What runs now comes before what is staged, so that a staged library waits for its switch.
Result<Machine> HostImpl::find(const RosterEntry& entry) {
  auto loaded = [&](auto fits) -> std::optional<Machine> {
    for (const PluginMap* map : {&plugins_, &staged_}) {
      if (auto it = map->find(entry.id); it != map->end() && fits(it->second->manifest(), entry))
        return it->second->machine();
    }
    return std::nullopt;
  };
  const bool kept = store_->find(entry, true).has_value();
  const std::vector<std::shared_ptr<Library>> from_store = given();
  {
    std::lock_guard lock(switch_mutex_);
    if (auto machine = loaded(is_build_of)) return *machine;
    for (const auto& library : from_store) {
      const Manifest& manifest = *library->manifest();
      if (manifest.id == entry.id && is_build_of(manifest, entry)) return machine_of(library);
    }
    if (!kept) {
      if (auto machine = loaded(implements_older)) return *machine;
    }
  }
  Result<Machine> stored = find_in_store(entry);
  std::lock_guard lock(switch_mutex_);
  if (stored.ok()) return stored;
  if (auto machine = loaded(implements_older)) return *machine;
  missing_[entry.id] = {stored.status().message(), entry};
  return stored;
}

Result<Machine> HostImpl::find_in_store(const RosterEntry& entry) {
  std::optional<std::string> stored = store_->find(entry, true);
  if (!stored) stored = store_->find(entry);
  if (!stored) {
    const PluginMap plugins = present();
    const auto here = plugins.find(entry.id);
    return Status(
        Code::kUnavailable,
        "the roster needs " + entry.id + " sm " + std::to_string(entry.sm) + " (consensus hash " +
            to_hex(entry.consensus_hash) + "); " +
            (here == plugins.end() ? "no such plugin is loaded here"
                                   : "here: " + entry.id + " " + here->second->manifest().version +
                                         ", sm " + std::to_string(here->second->manifest().sm)),
        "bring the library into plugins.dir and run `contract-cli plugin stage FILE`");
  }
  LoadRules rules = loading_rules();
  // Signature and approval were looked at when it came into the store.
  rules.policy = SignaturePolicy::kOff;
  rules.admit = nullptr;
  Result<std::shared_ptr<Library>> library = Library::load(rules, *stored, nullptr);
  if (!library.ok())
    return Status(Code::kUnavailable, library.status().message(), library.status().hint());
  std::lock_guard lock(switch_mutex_);
  given_.push_back(*library);
  return machine_of(*library);
}

// Outside of the lock they may end with the answer.
std::vector<std::shared_ptr<Library>> HostImpl::given() {
  std::vector<std::shared_ptr<Library>> out;
  std::lock_guard lock(switch_mutex_);
  std::erase_if(given_, [](const auto& library) { return library.expired(); });
  for (const auto& library : given_) {
    if (auto here = library.lock()) out.push_back(std::move(here));
  }
  return out;
}

HostImpl::PluginMap HostImpl::not_yet_running(const MachineSet& machines) {
  const std::vector<std::shared_ptr<Library>> here = given();
  std::map<std::string, std::shared_ptr<Library>> from_store;
  PluginMap out;
  {
    std::lock_guard lock(switch_mutex_);
    if (staged_.empty() && here.empty()) return out;
    for (const BoundMachine& bound : machines.machines()) {
      const std::string& id = bound.roster.id;
      auto running = plugins_.find(id);
      if (running != plugins_.end() && running->second->machine().table == bound.machine.table)
        continue;
      if (auto it = staged_.find(id);
          it != staged_.end() && it->second->machine().table == bound.machine.table) {
        out[id] = it->second;
      } else {
        const auto of = std::find_if(here.begin(), here.end(), [&](const auto& library) {
          return library->plugin().machine == bound.machine.table;
        });
        if (of != here.end()) from_store[id] = *of;
      }
    }
  }
  for (const auto& [id, library] : from_store)
    out[id] = std::make_shared<Plugin>(services_, library, store_of(id));
  return out;
}

bool HostImpl::is_adopted(const std::shared_ptr<const MachineSet>& machines) const {
  return !adopted_.owner_before(machines) && !machines.owner_before(adopted_);
}

void HostImpl::adopt(const StateViewPtr& view) {
  // Every other way to another machine, a reload too, brings another set.
  if (is_adopted(view->machines)) return publish_state(view);
  adopted_ = view->machines;
  const PluginMap taken = not_yet_running(*view->machines);
  if (taken.empty()) return publish_state(view);
  const LogTarget log = options_.log->target("host");
  PluginMap plugins = present(), stopped;
  for (const auto& [id, plugin] : taken) {
    const Status face =
        running_ ? start_face(plugin) : Status();  // before the start, start() makes the faces
    if (!face.ok())
      log.error("the switched plugin's face could not be made; its queries answer errors",
                {{"plugin", id}, {"reason", face.message()}});
    if (auto old = plugins.find(id); old != plugins.end()) stopped[id] = old->second;
    plugins[id] = plugin;
    log.info(
        "plugin switched",
        {{"plugin", id}, {"sm", plugin->manifest().sm}, {"version", plugin->manifest().version}});
  }
  publish(std::move(plugins), view);
  {
    std::lock_guard lock(switch_mutex_);
    for (const auto& [id, plugin] : taken) {
      failed_.erase(id);
      if (auto it = staged_.find(id); it != staged_.end() && it->second == plugin)
        staged_.erase(it);
    }
  }
  if (!running_) return;
  // remove_timer waits for a running timer, and a timer may wait for a block: not on this thread.
  // The old faces end there, too.
  face_thread_->post([taken, old = std::move(stopped)] {
    for (const auto& [id, plugin] : old) plugin->stop_timers();
    for (const auto& [id, plugin] : taken) plugin->start_timers();
  });
}

}  // namespace blockd
