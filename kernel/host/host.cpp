#include "kernel/host/host.hpp"

#include <algorithm>
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host_impl.hpp"
#include "kernel/host/library_there.hpp"
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
  if (file.find('/') != std::string::npos) return file;
  for (const std::string& dir : options_.library_dirs) {
    if (file_exists(dir + "/" + file)) return dir + "/" + file;
  }
  return options_.plugins_dir + "/" + file;
}

// Who named a plugin by its id learns which are there.
Status HostImpl::check_there(const PluginRequest& request) const {
  std::vector<std::string> dirs = options_.library_dirs;
  dirs.push_back(options_.plugins_dir);
  return library_there(request.id, path_of(request), dirs);
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

Result<std::shared_ptr<Plugin>> HostImpl::load_plugin(const std::string& path,
                                                      std::vector<std::string>* unsigned_files) {
  const LogTarget log = options_.log->target("host");
  Result<std::shared_ptr<Library>> library =
      Library::load(loading_rules(), path, [&](std::string_view line) {
        log.debug(line, {{"file", path}});
      });
  if (!library.ok()) return library.status();
  const LibraryFile& file = (*library)->file();
  if (options_.rules.policy == SignaturePolicy::kWarn && file.signature != SignatureState::kValid) {
    if (file.signature == SignatureState::kBad) {
      log.warn("plugin without a valid release signature",
               {{"file", path}, {"signature", signature_state_name(file.signature)}});
    } else if (unsigned_files != nullptr) {
      unsigned_files->push_back(path);
    } else {
      log_unsigned({path});
    }
  }
  return std::make_shared<Plugin>(services_, *library, store_of((*library)->manifest()->id));
}

// Where no signer is known nobody could have signed, and there is nothing to warn of.
void HostImpl::log_unsigned(const std::vector<std::string>& files) const {
  if (files.empty()) return;
  std::string names;
  for (const std::string& file : files)
    names += (names.empty() ? "" : ",") + std::filesystem::path(file).stem().string();
  const LogTarget log = options_.log->target("host");
  const std::string text = "plugins without the signature of a release signer";
  const bool expected = options_.rules.signers.empty();
  if (expected) {
    log.info(text, {{"plugins", names}, {"signers_known", "none"}});
  } else {
    log.warn(text, {{"plugins", names}, {"hint", "contract-cli plugin sign FILE --key KEY"}});
  }
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
    failed_[request.id] = status.message() + (status.hint().empty() ? "" : "; " + status.hint());
  };
  std::vector<std::string> unsigned_files;
  for (const PluginRequest& request : options_.load) {
    if (!request.enabled) continue;
    const std::string path = path_of(request);
    Status status = check_there(request);
    std::shared_ptr<Plugin> plugin;
    if (status.ok()) {
      Result<std::shared_ptr<Plugin>> loaded = load_plugin(path, &unsigned_files);
      if (loaded.ok()) plugin = *std::move(loaded);
      if (!plugin) status = loaded.status();
    }
    if (status.ok()) status = library_is(request.id, path, plugin->manifest().id);
    if (status.ok()) status = check_against_others(plugin->manifest());
    if (status.ok()) status = plugin->declare_metrics();
    if (status.ok()) status = store_->note(*plugin->library());
    if (status.ok()) {
      publish_with(request.id, plugin);
    } else if (request.required) {
      return status;
    } else {
      refuse(request, status);
    }
  }
  log_unsigned(unsigned_files);
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

}  // namespace blockd
