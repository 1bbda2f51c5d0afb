// Operations on a running node: reload, stage, load, unload, prune (node-and-cli spec 5.16).

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <set>
#include <thread>
#include <tuple>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host_impl.hpp"
#include "kernel/manifest/diff.hpp"

namespace blockd {
namespace {
constexpr std::uint64_t kRehearsalBlocks = 64;
constexpr std::uint64_t kRehearsalMs = 1000;
constexpr std::uint64_t kApartMs = 2000;        // of a dry run
constexpr std::uint64_t kApartStepMs = 30'000;  // a step of many rows at low priority

constexpr int kRehearsalNice = 10;

// On a thread, with its children, that gives way to everybody else: clients should not feel a
// reload.
Status quietly(const std::function<Status()>& body) {
  Status status;
  std::thread thread([&] {
    // Without the lower priority it is only less polite.
    const int refused = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kRehearsalNice);
    static_cast<void>(refused);
    status = body();
  });
  thread.join();
  return status;
}

// One operation at a time. When it has ended, what it needed (the file's bytes, the manifest's
// tree: some 15 MB) goes back to the system.
class Operation {
 public:
  explicit Operation(std::mutex& mutex) : lock_(mutex) {}
  ~Operation() { ::malloc_trim(0); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
};
}  // namespace

Status HostImpl::between_blocks(const std::function<Status()>& body) {
  if (!running_)
    return Status(Code::kUnavailable, "the node is starting or stopping",
                  "try again when it is ready");
  // The task owns the promise: a producer that ends without running it breaks the promise, and
  // nobody waits for ever.
  auto done = std::make_shared<std::promise<Status>>();
  std::future<Status> ended = done->get_future();
  producer_->run_between_blocks([done = std::move(done), body] { done->set_value(body()); });
  try {
    return ended.get();
  } catch (const std::future_error&) {
    return Status(Code::kAborted, "the node stopped before the change; nothing was changed");
  }
}

// Puts `next` in the place of a plugin of the same id, with no block in between. [worker]
Status HostImpl::swap_local(const std::string& id, std::shared_ptr<Plugin> next) {
  TB_TRY(check_services(next->manifest()));
  TB_TRY(start_face(next));
  const PluginMap before = present();
  const GenerationPtr ready = generation_with(id, next);
  const GenerationPtr last = generation();  // ends with this function, not with the task
  TB_TRY(between_blocks([&]() -> Status {
    publish_with(id, next, ready);
    return {};
  }));
  if (auto old = before.find(id); old != before.end()) old->second->stop_timers();
  next->start_timers();
  return {};
}

PluginRequest HostImpl::request_for(const std::string& id) const {
  for (const PluginRequest& request : options_.load) {
    if (request.id == id) return request;
  }
  PluginRequest request;
  request.id = id;
  return request;
}

namespace {
Status changes_rules(const Manifest& was, const Manifest& now, const std::string& path) {
  const std::string hashes = to_hex(was.consensus_hash).substr(0, 16) + "… -> " +
                             to_hex(now.consensus_hash).substr(0, 16) + "…";
  return Status(Code::kInvalid,
                path + ": it changes the rules (sm " + std::to_string(was.sm) + " -> " +
                    std::to_string(now.sm) + ", schema " + std::to_string(was.schema) + " -> " +
                    std::to_string(now.schema) + ", consensus hash " + hashes +
                    "); a reload changes the build only; " + was.id + " " + was.version +
                    " stays active",
                "use: contract-cli plugin upgrade " + path);
}
}  // namespace

// Executes the newest blocks again: with `apart` first in a process of its own, so that a build
// which crashes or hangs there takes that one along and not the node.
Status HostImpl::rehearse(const Plugin& next, bool apart) {
  Chain& chain = *chain_.load();
  return quietly([&]() -> Status {
    if (apart && !next.library()->isolated())
      TB_TRY(try_apart(next, {"executed the newest blocks again",
                              "mend it, and try it on those blocks' commands with the test kit", 0,
                              [&](const Machine& candidate) {
                                return chain.rehearse(candidate, kRehearsalBlocks, kRehearsalMs);
                              }}));
    return chain.rehearse(next.machine(), kRehearsalBlocks, kRehearsalMs);
  });
}

Status HostImpl::reload(const std::string& id, const std::string& file) {
  Operation operation(operation_mutex_);
  return reload_held(id, file);
}

Status HostImpl::reload_held(const std::string& id, const std::string& file) {
  if (!running_)
    return Status(Code::kUnavailable, "the node is starting or stopping",
                  "try again when it is ready");
  const PluginMap before = present();
  auto running = before.find(id);
  if (running == before.end())
    return Status(Code::kNotFound, "no plugin '" + id + "' is loaded here",
                  "`contract-cli plugin list` shows what is");
  const std::shared_ptr<Plugin> old = running->second;
  const std::string path = file.empty() ? path_of(request_for(id)) : file;
  Result<std::shared_ptr<Plugin>> loaded = load_plugin(path);
  if (!loaded.ok()) return loaded.status();
  const std::shared_ptr<Plugin> next = *loaded;
  const Manifest &was = old->manifest(), &now = next->manifest();
  if (now.id != id)
    return Status(Code::kInvalid, path + ": it is plugin '" + now.id + "', not '" + id + "'");
  TB_TRY(check_against_others(now));
  if (was.sm == 0 && now.sm == 0) return swap_local(id, next);
  if (was.sm != now.sm || was.schema != now.schema || was.consensus_hash != now.consensus_hash)
    return changes_rules(was, now, path);
  // What runs here already needs no process of its own to be tried in.
  TB_TRY(rehearse(*next, old->library()->file().blake3 != next->library()->file().blake3));
  TB_TRY(store_->note(*next->library()));
  TB_TRY(start_face(next));
  const Result<Chain::SwapPlan> plan = chain_.load()->plan_swap(next->machine());
  const GenerationPtr ready = generation_with(id, next);
  const GenerationPtr last = generation();  // ends with this function, not with the task
  // One task: no block sees the new face with the old machine, or the reverse.
  TB_TRY(between_blocks([&]() -> Status {
    publish_with(id, next, ready);
    Status status = chain_.load()->swap_machines(plan.ok() ? &*plan : nullptr);
    if (!status.ok()) publish_with(id, old);
    publish_state(chain_.load()->view());
    return status;
  }));
  old->stop_timers();
  next->start_timers();
  options_.log->target("host").info("plugin reloaded",
                                    {{"plugin", id},
                                     {"version", now.version},
                                     {"blake3", to_hex(next->library()->file().blake3)}});
  return {};
}

namespace {
// Rows of another layout need the steps in this direction.
Status can_migrate(const Manifest& was, const Manifest& now, const Machine& machine,
                   const std::string& file) {
  if (was.schema == now.schema || machine.table->migrate_step != nullptr) return {};
  const std::string way = std::to_string(was.schema) + " -> " + std::to_string(now.schema);
  return Status(Code::kInvalid,
                file + ": the stored rows would have to go from schema " + way +
                    ", and it has no migration steps; " + was.id + " " + was.version +
                    " stays active",
                "build a version with migrate_step for schema " + way +
                    ", or restore a snapshot from before schema " + std::to_string(was.schema));
}

// Runs the switch and its migration on a copy and tells what came of it.
Status try_on_copy(const Chain& chain, const Machine& machine, Host::UpgradePlan* plan) {
  Result<SwitchTrial> trial = chain.try_switch(machine, plan->entry);
  if (!trial.ok()) return trial.status();
  const std::uint64_t ms = trial->micros / 1000;
  plan->report["migration"] = json::object{{"complete", trial->complete},
                                           {"steps", trial->steps},
                                           {"rows", trial->rows},
                                           {"blocks", trial->blocks},
                                           {"ms", ms}};
  if (!trial->error.empty())
    plan->report["migration"].get_object()["error"] = json::string(trial->error);
  plan->diff += "migration: " + std::to_string(trial->rows) + " rows in " +
                std::to_string(trial->steps) + " steps, " + std::to_string(ms) + " ms" +
                (trial->error.empty() ? "" : "; it fails: " + trial->error) + "\n";
  return {};
}
}  // namespace

bool HostImpl::runs_these_rules(const RosterEntry& entry) {
  const auto same = [&](std::uint32_t sm, const Hash& rules) {
    return sm == entry.sm && rules == entry.consensus_hash;
  };
  const PluginMap plugins = present();
  const auto loaded = plugins.find(entry.id);
  if (loaded == plugins.end() ||
      !same(loaded->second->manifest().sm, loaded->second->manifest().consensus_hash))
    return false;
  const StateViewPtr view = chain_.load()->view();
  const std::vector<RosterEntry>& roster = view->machines->roster();
  return std::any_of(roster.begin(), roster.end(), [&](const RosterEntry& e) {
    return e.id == entry.id && same(e.sm, e.consensus_hash);
  });
}

Result<Host::UpgradePlan> HostImpl::stage(const std::string& file, bool dry_run) {
  Operation operation(operation_mutex_);
  if (!running_)
    return Status(Code::kUnavailable, "the node is starting or stopping",
                  "try again when it is ready");
  Result<std::shared_ptr<Plugin>> loaded = load_plugin(file);
  if (!loaded.ok()) return loaded.status();
  std::shared_ptr<Plugin> next = *loaded;
  const Manifest& now = next->manifest();
  if (now.sm == 0)
    return Status(Code::kInvalid, file + ": it has no machine, so it is in no roster",
                  "use: contract-cli plugin load " + file);
  TB_TRY(check_against_others(now));
  UpgradePlan plan;
  plan.entry.id = now.id;
  plan.entry.sm = now.sm;
  plan.entry.schema = now.schema;
  plan.entry.consensus_hash = now.consensus_hash;
  const PluginMap before = present();
  if (auto it = before.find(now.id); it != before.end()) {
    const std::shared_ptr<Plugin> old = it->second;
    const ManifestDiff diff = manifest_diff(old->manifest(), now);
    for (const std::string& line : diff.lines) plan.diff += line + "\n";
    plan.report = diff.json;
    TB_TRY(can_migrate(old->manifest(), now, next->machine(), file));
    // At the old state machine version the new library must do what the old one did.
    const std::uint32_t least = now.sm_min ? now.sm_min : now.sm;
    if (old->manifest().sm >= least && old->manifest().sm <= now.sm &&
        old->manifest().schema == now.schema) {
      TB_TRY(rehearse(*next, true));
    }
  } else {
    plan.diff = "+ plugin " + now.id + " " + now.version + "\n";
  }
  if (dry_run) {
    // First the beginning apart, where each row crosses to another process, for what would take the
    // node along; the figures are those of the node.
    if (!next->library()->isolated())
      TB_TRY(quietly([&] {
        return try_apart(
            *next, {"switched to its rules and rows on a copy",
                    "mend it, and try its migration with TestChain::upgrade() of the "
                    "test kit",
                    kApartStepMs, [&](const Machine& candidate) {
                      return chain_.load()->try_switch(candidate, plan.entry, kApartMs).status();
                    }});
      }));
    TB_TRY(try_on_copy(*chain_.load(), next->machine(), &plan));
    return plan;
  }
  if (runs_these_rules(plan.entry)) {
    // No switch would ever take it: the chain goes on with what runs.
    if (before.at(now.id)->library()->file().blake3 == next->library()->file().blake3) return plan;
    return Status(Code::kInvalid,
                  file + ": " + now.id + " runs at sm " + std::to_string(now.sm) +
                      " with these very rules already, so that there is nothing to switch",
                  "another build of the same rules: contract-cli plugin reload " + now.id +
                      " --file " + file + "; one that is suspended: contract-cli plugin upgrade " +
                      "--resume " + now.id);
  }
  TB_TRY(store_->note(*next->library()));
  {
    std::lock_guard lock(switch_mutex_);
    staged_[plan.entry.id].swap(next);  // one that was staged before ends after the lock
  }
  // A chain that waits for this library goes on at once.
  producer_->run_between_blocks([] {});
  if (!chain_.load()->stalled().ok()) producer_->cut_now();
  return plan;
}

Status HostImpl::load(const std::string& file_or_id) {
  Operation operation(operation_mutex_);
  std::string path = file_or_id;
  if (path.find('/') == std::string::npos && !path.ends_with(".so")) {
    const PluginRequest request = request_for(file_or_id);
    path = path_of(request);
    TB_TRY(check_there(request));
  }
  Result<std::shared_ptr<Plugin>> loaded = load_plugin(path);
  if (!loaded.ok()) return loaded.status();
  const Manifest& m = (*loaded)->manifest();
  if (present().contains(m.id)) {
    return Status(Code::kExists, "plugin '" + m.id + "' is loaded already",
                  "use: contract-cli plugin reload " + m.id + " --file " + path);
  }
  if (m.sm != 0) {
    return Status(Code::kInvalid,
                  path + ": " + m.id + " has a machine; only the log changes which machines run",
                  "use: contract-cli plugin upgrade " + path);
  }
  TB_TRY(check_against_others(m));
  TB_TRY(swap_local(m.id, *loaded));
  std::lock_guard lock(switch_mutex_);
  failed_.erase(m.id);
  return {};
}

Status HostImpl::unload_local(const std::string& id) {
  const PluginMap before = present();
  const auto old = before.find(id);
  if (old == before.end())
    return Status(Code::kNotFound, "no plugin '" + id + "' is loaded here",
                  "`contract-cli plugin list` shows what is");
  if (old->second->manifest().sm != 0) {
    return Status(Code::kInvalid, id + " has a machine and is in the roster",
                  "use: contract-cli plugin upgrade --suspend " + id);
  }
  TB_TRY(between_blocks([&]() -> Status {
    publish_with(id, nullptr);
    return {};
  }));
  old->second->stop_timers();
  return {};
}

Status HostImpl::unload(const std::string& id) {
  Operation operation(operation_mutex_);
  return unload_local(id);
}

// Hashes of images that may go. REQUIRES: operation_mutex_ held.
std::vector<std::string> HostImpl::prune_victims(std::optional<unsigned> keep) const {
  std::set<std::string> in_use;
  {
    std::lock_guard lock(switch_mutex_);
    for (const PluginMap* map : {&plugins_, &staged_}) {
      for (const auto& [id, plugin] : *map) in_use.insert(to_hex(plugin->library()->file().blake3));
    }
    for (const OldImage& old : old_images_) {
      if (auto library = old.library.lock()) in_use.insert(to_hex(library->file().blake3));
    }
  }
  // Without `keep`, the newest build of every state machine version stays: a block in the log may
  // need it for a replay.
  std::set<std::tuple<std::string, std::uint32_t, Hash>> covered;
  std::vector<StoredImage> images = store_->list();
  std::vector<std::string> victims;
  unsigned kept = 0;
  for (auto it = images.rbegin(); it != images.rend(); ++it) {
    const bool first = covered.emplace(it->id, it->sm, it->consensus_hash).second;
    if (in_use.contains(it->hash)) continue;
    const bool stays = keep ? kept < *keep : first;
    if (stays) {
      ++kept;
    } else {
      victims.push_back(it->hash);
    }
  }
  return victims;
}

std::vector<std::string> HostImpl::prunable(std::optional<unsigned> keep) {
  Operation operation(operation_mutex_);
  return store_->files_of(prune_victims(keep));
}

Result<std::vector<std::string>> HostImpl::prune(std::optional<unsigned> keep) {
  Operation operation(operation_mutex_);
  const std::vector<std::string> victims = prune_victims(keep);
  for (const std::string& file : store_->files_of(victims))
    options_.log->target("host").info("removing an image from the plugin store", {{"file", file}});
  return store_->remove(victims);
}

void HostImpl::set_rules(LoadRules rules) {
  Operation operation(operation_mutex_);
  options_.rules = std::move(rules);
}

void HostImpl::on_config_changed(const std::vector<std::string>& keys) {
  std::vector<std::shared_ptr<Plugin>> touched;
  {
    std::lock_guard lock(switch_mutex_);
    for (const auto& [id, plugin] : plugins_) {
      std::string section = id + ".";
      for (char& c : section) c = c == '-' ? '_' : c;
      for (const std::string& key : keys) {
        const bool absolute =
            std::any_of(plugin->manifest().config.begin(), plugin->manifest().config.end(),
                        [&](const ConfigSpec& c) { return c.key == key; });
        if (key.starts_with(section) || absolute) {
          touched.push_back(plugin);
          break;
        }
      }
    }
  }
  face_thread_->post([touched] {
    for (const auto& plugin : touched) plugin->tell_config_changed();
  });
}

}  // namespace blockd
