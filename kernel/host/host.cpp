#include "kernel/host/host.hpp"

#include <algorithm>
#include <future>

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
  return std::unique_ptr<Host>(std::make_unique<HostImpl>(std::move(options), *std::move(store)));
}

HostImpl::HostImpl(HostOptions options, std::unique_ptr<PluginStore> store)
    : options_(std::move(options)), store_(std::move(store)), face_thread_(std::make_unique<FaceThread>(*options_.clock)) {
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

std::shared_ptr<LocalStore> HostImpl::store_of(const std::string& id) const {
  std::lock_guard lock(switch_mutex_);
  if (auto it = plugins_.find(id); it != plugins_.end()) return it->second->store_ptr();
  return std::make_shared<LocalStore>(options_.stores_dir + "/" + id);
}

Result<std::shared_ptr<Plugin>> HostImpl::load_plugin(const std::string& path, std::shared_ptr<LocalStore> store) {
  const LogTarget log = options_.log->target("host");
  Result<std::shared_ptr<Library>> library =
      Library::load(options_.rules, path, [&](std::string_view line) { log.debug(line, {{"file", path}}); });
  if (!library.ok()) return library.status();
  if (options_.rules.policy == SignaturePolicy::kWarn && (*library)->file().signature != SignatureState::kValid) {
    log.warn("plugin without a valid release signature", {{"file", path}, {"signature", signature_state_name((*library)->file().signature)}});
  }
  if (Status noted = store_->note(**library); !noted.ok()) return noted;
  if (!store) store = store_of((*library)->manifest()->id);
  return Plugin::create(services_, *library, std::move(store));
}

Status HostImpl::check_against_others(const Manifest& manifest) const {
  ManifestList list = options_.kernel_manifests;
  std::lock_guard lock(switch_mutex_);
  for (const auto& [id, plugin] : plugins_) {
    if (id != manifest.id) list.push_back(plugin->manifest_ptr());
  }
  // A copy without ownership: the list lives for this call only.
  list.push_back(std::shared_ptr<const Manifest>(std::shared_ptr<const Manifest>(), &manifest));
  return check_clashes(list);
}

Status HostImpl::load_all() {
  const LogTarget log = options_.log->target("host");
  for (const PluginRequest& request : options_.load) {
    if (!request.enabled) continue;
    const std::string path = path_of(request);
    Result<std::shared_ptr<Plugin>> plugin = load_plugin(path, nullptr);
    Status status = plugin.ok() ? Status() : plugin.status();
    if (status.ok() && (*plugin)->manifest().id != request.id) {
      status = Status(Code::kInvalid, path + ": it is plugin '" + (*plugin)->manifest().id + "', the configuration names it '" + request.id + "'");
    }
    if (status.ok()) status = check_against_others((*plugin)->manifest());
    if (status.ok()) {
      std::lock_guard lock(switch_mutex_);
      plugins_[request.id] = *plugin;
      continue;
    }
    // A plugin with a machine that cannot be loaded is told by the chain (the roster names it); a local one only if required.
    if (request.required) return status;
    log.error("plugin not loaded", {{"plugin", request.id}, {"reason", status.message()}, {"hint", status.hint()}});
    std::lock_guard lock(switch_mutex_);
    failed_[request.id] = status.message();
  }
  std::lock_guard lock(switch_mutex_);
  publish(plugins_);
  return {};
}

std::vector<RosterEntry> HostImpl::genesis_roster() const {
  std::vector<RosterEntry> out;
  std::lock_guard lock(switch_mutex_);
  for (const auto& [id, plugin] : plugins_) {
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

Status HostImpl::start(Chain* chain, Producer* producer, MethodCaller* caller) {
  chain_ = chain;
  producer_ = producer;
  services_.caller = caller;
  services_.view = [chain] { return chain->view(); };
  follower_ = std::make_unique<Follower>(services_, *chain);
  std::lock_guard lock(switch_mutex_);
  running_ = true;
  for (auto& [id, plugin] : plugins_) {
    if (Status status = plugin->create_face(); !status.ok()) return status;
  }
  publish(plugins_);
  for (auto& [id, plugin] : plugins_) plugin->start_timers();
  return {};
}

void HostImpl::stop() {
  if (follower_) follower_->stop();
  std::vector<std::shared_ptr<Plugin>> all;
  {
    std::lock_guard lock(switch_mutex_);
    running_ = false;
    for (auto& [id, plugin] : plugins_) all.push_back(plugin);
    for (auto& [id, plugin] : staged_) all.push_back(plugin);
  }
  for (auto& plugin : all) plugin->stop_timers();
  face_thread_->stop();
  if (follower_) follower_->set_plugins({});
  std::lock_guard lock(switch_mutex_);
  {
    std::lock_guard generation_lock(generation_mutex_);
    generation_ = build_generation(generation_ ? generation_->number + 1 : 1, options_.kernel_manifests, {});
  }
  plugins_.clear();
  staged_.clear();
  services_.caller = nullptr;
}

GenerationPtr HostImpl::generation() const {
  std::lock_guard lock(generation_mutex_);
  return generation_;
}

void HostImpl::publish(PluginMap plugins) {
  for (const auto& [id, old] : plugins_) {
    auto next = plugins.find(id);
    if (next == plugins.end() || next->second != old) draining_[id] = old;
  }
  plugins_ = std::move(plugins);
  {
    std::lock_guard metrics_lock(metrics_mutex_);
    for (const auto& [id, plugin] : plugins_) metrics_by_id_[id] = plugin->metrics_ptr();
  }
  {
    std::lock_guard lock(generation_mutex_);
    generation_ = build_generation(generation_ ? generation_->number + 1 : 1, options_.kernel_manifests, plugins_);
  }
  if (follower_) {
    std::vector<std::shared_ptr<Plugin>> list;
    for (const auto& [id, plugin] : plugins_) list.push_back(plugin);
    follower_->set_plugins(std::move(list));
  }
}

void HostImpl::metric(const Manifest& plugin, std::uint32_t metric, const std::vector<std::string>& labels, std::int64_t value) {
  std::lock_guard lock(metrics_mutex_);
  auto it = metrics_by_id_.find(plugin.id);
  if (it == metrics_by_id_.end() || !it->second || labels.size() > kMaxMetricLabels) return;
  std::string_view texts[kMaxMetricLabels];
  for (std::size_t i = 0; i < labels.size(); ++i) texts[i] = labels[i];
  it->second->report(metric, {texts, labels.size()}, value);
}

void HostImpl::log(const Manifest& plugin, std::uint32_t level, std::string_view text, std::uint64_t height) {
  const LogLevel levels[] = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError};
  options_.log->target(plugin.id).log(levels[std::min(level, 3u)], text, {{"block", height}});
}

void HostImpl::committed(const std::shared_ptr<const BlockRecord>& block, const StateViewPtr& view) {
  adopt(*view->machines);
  if (follower_) follower_->committed(block);
}

Result<Machine> HostImpl::find(const RosterEntry& entry) {
  auto fits = [&](const Plugin& plugin) {
    const Manifest& m = plugin.manifest();
    const std::uint32_t least = m.sm_min ? m.sm_min : m.sm;
    return (m.sm == entry.sm && m.consensus_hash == entry.consensus_hash) || (entry.sm < m.sm && entry.sm >= least);
  };
  {
    std::lock_guard lock(switch_mutex_);
    if (auto it = staged_.find(entry.id); it != staged_.end() && fits(*it->second)) return it->second->machine();
    if (auto it = plugins_.find(entry.id); it != plugins_.end() && fits(*it->second)) return it->second->machine();
  }
  std::string missing = "the roster needs " + entry.id + " sm " + std::to_string(entry.sm) + " (consensus hash " + to_hex(entry.consensus_hash) + ")";
  const std::optional<std::string> stored = store_->find(entry);
  if (!stored) {
    std::lock_guard lock(switch_mutex_);
    auto it = plugins_.find(entry.id);
    missing += it == plugins_.end() ? "; no such plugin is loaded here"
                                    : "; here: " + entry.id + " " + it->second->manifest().version + ", sm " + std::to_string(it->second->manifest().sm);
    return Status(Code::kUnavailable, missing, "bring the library into plugins.dir and run `contract-cli plugin stage FILE`");
  }
  LoadRules rules = options_.rules;
  rules.policy = SignaturePolicy::kOff;  // its signature was looked at when it came into the store
  Result<std::shared_ptr<Library>> library = Library::load(rules, *stored, nullptr);
  if (!library.ok()) return library.status();
  return Machine{(*library)->manifest(), (*library)->plugin().machine, *library};
}

}  // namespace blockd
