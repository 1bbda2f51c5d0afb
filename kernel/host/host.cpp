#include "kernel/host/host.hpp"

#include <algorithm>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host_impl.hpp"
#include "kernel/manifest/clash.hpp"

namespace blockd {

Result<std::unique_ptr<Host>> Host::create(HostOptions options) {
  TB_ASSERT(options.metrics && options.bus && options.log && options.clock);
  Result<std::unique_ptr<PluginStore>> store = PluginStore::open(options.rules.store_dir);
  if (!store.ok()) return store.status();
  auto host = std::make_unique<HostImpl>(std::move(options), *std::move(store));
  TB_TRY(host->declare_child_metrics());
  return std::unique_ptr<Host>(std::move(host));
}

HostImpl::HostImpl(HostOptions options, std::unique_ptr<PluginStore> store)
    : options_(std::move(options)),
      store_(std::move(store)),
      face_thread_(std::make_unique<FaceThread>(*options_.clock)) {
  services_.metrics = options_.metrics;
  services_.bus = options_.bus;
  services_.log = options_.log;
  services_.clock = options_.clock;
  services_.stores_dir = options_.stores_dir;
  services_.config = options_.config;
  services_.face_thread = face_thread_.get();
  generation_ = build_generation(0, options_.kernel_manifests, {});
}

HostImpl::~HostImpl() { stop(); }

std::string HostImpl::path_of(const PluginRequest& request) const {
  const std::string file = request.file.empty() ? request.id + ".so" : request.file;
  return file.find('/') == std::string::npos ? options_.plugins_dir + "/" + file : file;
}

std::shared_ptr<LocalStore> HostImpl::store_of(const std::string& id) {
  std::lock_guard lock(switch_mutex_);
  std::weak_ptr<LocalStore>& known = stores_[id];
  std::shared_ptr<LocalStore> store = known.lock();
  if (!store) known = store = std::make_shared<LocalStore>(options_.stores_dir + "/" + id);
  return store;
}

Status HostImpl::visit_local(const std::string& id, const std::vector<std::string>& prefixes,
                             std::size_t limit, const RowVisitor& visit) {
  const std::shared_ptr<LocalStore> store = store_of(id);
  for (const std::string& prefix : prefixes) TB_TRY(store->scan(prefix, {}, limit, false, visit));
  return {};
}

Status HostImpl::put_local(const std::string& id,
                           const std::vector<std::pair<Bytes, Bytes>>& rows) {
  const std::shared_ptr<LocalStore> store = store_of(id);
  for (const auto& [key, value] : rows) TB_TRY(store->put(key, value));
  return {};
}

Result<std::shared_ptr<Plugin>> HostImpl::load_plugin(const std::string& path) {
  const LogTarget log = options_.log->target("host");
  Result<std::shared_ptr<Library>> library =
      Library::load(loading_rules(), path, [&](std::string_view line) {
        log.debug(line, {{"file", path}});
      });
  if (!library.ok()) return library.status();
  const LibraryFile& file = (*library)->file();
  if (options_.rules.policy == SignaturePolicy::kWarn && file.signature != SignatureState::kValid) {
    log.warn("plugin without a valid release signature",
             {{"file", path}, {"signature", signature_state_name(file.signature)}});
  }
  return std::make_shared<Plugin>(services_, *library, store_of((*library)->manifest()->id));
}

Status HostImpl::check_against_others(const Manifest& manifest) const {
  ManifestList list = options_.kernel_manifests;
  for (const auto& [id, plugin] : present()) {
    if (id != manifest.id) list.push_back(plugin->manifest_ptr());
  }
  // A copy without ownership: the list lives for this call only.
  list.push_back(std::shared_ptr<const Manifest>(std::shared_ptr<const Manifest>(), &manifest));
  return check_clashes(list);
}

Status HostImpl::check_services(const Manifest& manifest) const {
  const PluginMap plugins = present();
  for (const ServiceRequired& needed : manifest.requires_) {
    bool found = needed.optional;
    for (const auto& [id, plugin] : plugins) {
      for (const ServiceProvided& service : plugin->manifest().provides)
        found = found || service.name == needed.name;
    }
    if (!found) {
      return Status(Code::kInvalid,
                    "plugin " + manifest.id + " requires service " + needed.name +
                        ", which no loaded plugin provides",
                    "load a plugin that provides it as well");
    }
  }
  return {};
}

Status HostImpl::load_all() {
  const LogTarget log = options_.log->target("host");
  std::lock_guard operation(operation_mutex_);
  auto refuse = [&](const PluginRequest& request, const Status& status) {
    log.error("plugin not loaded",
              {{"plugin", request.id}, {"reason", status.message()}, {"hint", status.hint()}});
    std::lock_guard lock(switch_mutex_);
    failed_[request.id] = status.message();
  };
  for (const PluginRequest& request : options_.load) {
    if (!request.enabled) continue;
    const std::string path = path_of(request);
    Result<std::shared_ptr<Plugin>> plugin = load_plugin(path);
    Status status = plugin.ok() ? Status() : plugin.status();
    if (status.ok() && (*plugin)->manifest().id != request.id) {
      status = Status(Code::kInvalid, path + ": it is plugin '" + (*plugin)->manifest().id +
                                          "', the configuration names it '" + request.id + "'");
    }
    if (status.ok()) status = check_against_others((*plugin)->manifest());
    if (status.ok()) status = (*plugin)->declare_metrics();
    if (status.ok()) status = store_->note(*(*plugin)->library());
    if (status.ok()) {
      publish_with(request.id, *plugin);
    } else if (request.required) {
      return status;
    } else {
      refuse(request, status);
    }
  }
  // A machine's services are the chain's business, which looks at the roster.
  for (const PluginRequest& request : options_.load) {
    const PluginMap plugins = present();
    const auto it = plugins.find(request.id);
    if (it == plugins.end() || it->second->manifest().sm != 0) continue;
    const Status status = check_services(it->second->manifest());
    if (!status.ok() && request.required) return status;
    if (status.ok()) continue;
    refuse(request, status);
    publish_with(request.id, nullptr);
  }
  return {};
}

std::vector<RosterEntry> HostImpl::genesis_roster() const {
  std::vector<RosterEntry> out;
  for (const auto& [id, plugin] : present()) {
    const Manifest& m = plugin->manifest();
    if (m.sm == 0) continue;
    RosterEntry entry;
    entry.id = id;
    entry.sm = m.sm;
    entry.schema = m.schema;
    entry.consensus_hash = m.consensus_hash;
    out.push_back(std::move(entry));
  }
  return out;
}

Status HostImpl::start_face(const std::shared_ptr<Plugin>& plugin) {
  TB_TRY(plugin->declare_metrics());
  return plugin->create_face();
}

Status HostImpl::start(Chain* chain, Producer* producer, MethodCaller* caller) {
  std::lock_guard operation(operation_mutex_);
  TB_ASSERT(!running_ && chain_.load() == nullptr);
  services_.caller = caller;
  services_.view = [this, chain] {
    StateViewPtr state = request_view().state;
    return state ? state : chain->view();
  };
  follower_ = std::make_unique<Follower>(services_, *chain);
  producer_ = producer;
  chain_ = chain;
  {
    std::lock_guard publishing(publish_mutex_);
    adopt(chain->view());
  }
  for (const auto& [id, plugin] : present()) {
    const Status status = start_face(plugin);
    if (status.ok()) continue;
    const bool required = std::any_of(options_.load.begin(), options_.load.end(),
                                      [name = std::string_view(id)](const PluginRequest& r) {
                                        return r.id == name && r.required;
                                      });
    if (required) return status;
    options_.log->target("host").error(
        "plugin without face",
        {{"plugin", id}, {"reason", status.message()}, {"hint", status.hint()}});
    {
      std::lock_guard lock(switch_mutex_);
      failed_[id] = status.message();
    }
    if (plugin->manifest().sm == 0)
      publish_with(id, nullptr);  // a machine goes on without its face
  }
  std::lock_guard publishing(publish_mutex_);
  follower_now_ = follower_.get();
  publish(present());
  if (options_.run_timers) {
    for (const auto& [id, plugin] : present()) plugin->start_timers();
  }
  running_ = true;
  upkeep_ = std::make_unique<Upkeep>([this] { look_after(); });
  return {};
}

namespace {
// Providers before those that require them; the manifests of running plugins have no circles.
std::vector<std::shared_ptr<Plugin>> in_dependency_order(
    std::map<std::string, std::shared_ptr<Plugin>> plugins) {
  std::vector<std::shared_ptr<Plugin>> out;
  auto waits = [&](const Plugin& plugin) {
    for (const ServiceRequired& needed : plugin.manifest().requires_) {
      for (const auto& [id, other] : plugins) {
        for (const ServiceProvided& service : other->manifest().provides) {
          if (other.get() != &plugin && service.name == needed.name) return true;
        }
      }
    }
    return false;
  };
  while (!plugins.empty()) {
    auto next = std::find_if(plugins.begin(), plugins.end(),
                             [&](const auto& entry) { return !waits(*entry.second); });
    if (next == plugins.end()) next = plugins.begin();
    out.push_back(std::move(next->second));
    plugins.erase(next);
  }
  return out;
}
}  // namespace

void HostImpl::stop() {
  if (upkeep_) upkeep_->stop();  // it waits for the same mutex
  std::lock_guard operation(operation_mutex_);
  PluginMap staged, plugins;
  {
    std::lock_guard publishing(publish_mutex_);
    running_ = false;
  }
  follower_now_ = nullptr;
  if (follower_) follower_->stop();
  {
    std::lock_guard lock(switch_mutex_);
    plugins = plugins_;
    staged.swap(staged_);
  }
  for (const auto& [id, plugin] : plugins) plugin->stop_timers();
  services_.http.stop();  // before the thread that its answers go to
  face_thread_->stop();
  services_.caller = nullptr;
  {
    std::lock_guard publishing(publish_mutex_);
    publish({});
    publish_state(
        nullptr);  // it holds a snapshot of the store, which closes before this object ends
  }
  if (follower_) follower_->set_plugins({});
  std::vector<std::shared_ptr<Plugin>> order = in_dependency_order(std::move(plugins));
  while (!order.empty()) order.pop_back();
}

GenerationPtr HostImpl::generation() const {
  std::lock_guard lock(generation_mutex_);
  return generation_;
}

RequestView HostImpl::request_view() const {
  std::lock_guard lock(generation_mutex_);
  return {generation_, state_};
}

void HostImpl::publish_state(StateViewPtr state) {
  std::lock_guard lock(generation_mutex_);
  state_.swap(state);
}

HostImpl::PluginMap HostImpl::present() const {
  std::lock_guard lock(switch_mutex_);
  return plugins_;
}

void HostImpl::publish(PluginMap plugins, StateViewPtr state, GenerationPtr ready) {
  std::vector<std::shared_ptr<Plugin>> list;
  for (const auto& [id, plugin] : plugins) list.push_back(plugin);
  const PluginMap before = present();
  const StateViewPtr last = request_view().state;
  for (const auto& [id, old] : before) {
    // A face that other rules replace goes on reading the last state of its own.
    auto now = plugins.find(id);
    const bool same_rules = now != plugins.end() &&
                            now->second->manifest().sm == old->manifest().sm &&
                            now->second->manifest().schema == old->manifest().schema;
    if (!same_rules && last) old->retire(last);
  }
  const std::uint64_t number = next_generation();
  GenerationPtr next = ready && ready->number == number
                           ? std::move(ready)
                           : build_generation(number, options_.kernel_manifests, plugins);
  {
    std::lock_guard lock(generation_mutex_);
    next.swap(generation_);
    if (state) state_ = std::move(state);
  }
  {
    std::lock_guard lock(switch_mutex_);
    for (const auto& [id, old] : plugins_) {
      auto now = plugins.find(id);
      if (now == plugins.end() || now->second != old) add_old_image(old);
    }
    plugins_.swap(plugins);
  }
  if (Follower* follower = follower_now_) follower->set_plugins(std::move(list));
  const Status told =
      options_.bus->publish(kGenerationTopic, "{\"number\":" + std::to_string(number) + "}");
  TB_ASSERT(told.ok());  // the topic and the text are ours
  // What is gone for good ends here, outside of all locks: its face may call the host.
}

void HostImpl::add_old_image(const std::shared_ptr<Plugin>& old) {
  std::erase_if(old_images_, [](const OldImage& image) { return image.library.expired(); });
  // Beyond the bound the oldest is no longer shown; it is closed like the others when it is free.
  if (old_images_.size() >= kMaxOldImages) old_images_.erase(old_images_.begin());
  old_images_.push_back({old->manifest().id, old->manifest().version, old, old->library(),
                         options_.clock->monotonic_us()});
}

void HostImpl::publish_with(const std::string& id, std::shared_ptr<Plugin> plugin,
                            GenerationPtr ready) {
  std::lock_guard publishing(publish_mutex_);
  publish(present_with(id, std::move(plugin)), nullptr, std::move(ready));
}

HostImpl::PluginMap HostImpl::present_with(const std::string& id,
                                           std::shared_ptr<Plugin> plugin) const {
  PluginMap plugins = present();
  if (plugin) {
    plugins[id] = std::move(plugin);
  } else {
    plugins.erase(id);
  }
  return plugins;
}

std::uint64_t HostImpl::next_generation() const {
  std::lock_guard lock(generation_mutex_);
  return generation_ ? generation_->number + 1 : 1;
}

// Numbers tell generations apart: one that was built from other plugins is not the next any more.
GenerationPtr HostImpl::generation_with(const std::string& id, std::shared_ptr<Plugin> plugin) {
  std::unique_lock publishing(publish_mutex_);
  const std::uint64_t number = next_generation();
  const PluginMap plugins = present_with(id, std::move(plugin));
  publishing.unlock();  // the executor takes it at each block
  return build_generation(number, options_.kernel_manifests, plugins);
}

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
  {
    std::lock_guard lock(switch_mutex_);
    for (const PluginMap* map : {&plugins_, &staged_}) {
      for (const auto& [id, plugin] : *map) here.push_back(plugin->manifest_ptr());
    }
    for (const auto& [id, library] : provided_) here.push_back(library->manifest());
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
  {
    std::lock_guard lock(switch_mutex_);
    if (auto machine = loaded(is_build_of)) return *machine;
    if (auto it = provided_.find(entry.id);
        it != provided_.end() && is_build_of(*it->second->manifest(), entry)) {
      return Machine{it->second->manifest(), it->second->plugin().machine, it->second};
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
  const Machine machine{(*library)->manifest(), (*library)->plugin().machine, *library};
  std::shared_ptr<Library> given = *std::move(library);
  {
    std::lock_guard lock(switch_mutex_);
    provided_[entry.id].swap(given);
  }
  return machine;  // the library given before ends here, outside of the lock
}

HostImpl::PluginMap HostImpl::not_yet_running(const MachineSet& machines) {
  std::map<std::string, std::shared_ptr<Library>> from_store, given_before;
  PluginMap out;
  {
    std::lock_guard lock(switch_mutex_);
    if (staged_.empty() && provided_.empty()) return out;
    given_before.swap(provided_);
    for (const BoundMachine& bound : machines.machines()) {
      const std::string& id = bound.roster.id;
      auto running = plugins_.find(id);
      if (running != plugins_.end() && running->second->machine().table == bound.machine.table)
        continue;
      if (auto it = staged_.find(id);
          it != staged_.end() && it->second->machine().table == bound.machine.table) {
        out[id] = it->second;
      } else if (auto given = given_before.find(id);
                 given != given_before.end() &&
                 given->second->plugin().machine == bound.machine.table) {
        from_store[id] = given->second;
      }
    }
    // A block in flight may have been given one for the machines that it brings.
    if (Chain* chain = chain_; chain != nullptr && chain->in_flight() > 0) {
      for (const auto& [id, library] : given_before) {
        if (!from_store.contains(id)) provided_[id] = library;
      }
    }
  }
  for (const auto& [id, library] : from_store)
    out[id] = std::make_shared<Plugin>(services_, library, store_of(id));
  return out;
}

void HostImpl::adopt(const StateViewPtr& view) {
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
