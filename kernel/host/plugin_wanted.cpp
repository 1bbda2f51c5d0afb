// A new plugins.load on a running node: what it newly names is loaded and checked before the
// configuration is accepted; then local plugins come and go, and wishes for the roster are told.

#include <algorithm>

#include "kernel/chain/producer.hpp"
#include "kernel/host/host_impl.hpp"
#include "kernel/host/library_there.hpp"
#include "kernel/manifest/clash.hpp"

namespace blockd {

class HostImpl::PendingPlugins final : public Host::Pending {
 public:
  std::vector<std::shared_ptr<const Manifest>> manifests() const override { return manifests_; }

  std::vector<PluginRequest> requests_;
  PluginMap fresh_;
  std::vector<std::shared_ptr<const Manifest>> manifests_;
};

namespace {

const PluginRequest* request_of(const std::vector<PluginRequest>& list, const std::string& id) {
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const PluginRequest& r) { return r.id == id; });
  return it == list.end() ? nullptr : &*it;
}

Status needs_governance(const std::string& id) {
  return Status(Code::kDenied,
                "plugins.load: " + id +
                    ": it has a machine, and on this chain governance alone changes which run",
                "make a release proposal: contract-cli gov release propose");
}

}  // namespace

Result<std::shared_ptr<Host::Pending>> HostImpl::prepare_requests(
    std::vector<PluginRequest> requests) {
  std::lock_guard operation(operation_mutex_);
  if (!running_)
    return Status(Code::kUnavailable, "the node is starting or stopping",
                  "try again when it is ready");
  auto pending = std::make_shared<PendingPlugins>();
  const bool governed = chain_.load()->genesis().authority != "operator";
  const StateViewPtr view = chain_.load()->view();
  const std::vector<RosterEntry>& roster = view->machines->roster();
  const PluginMap before = present();
  for (const PluginRequest& request : requests) {
    const auto running = before.find(request.id);
    const bool machine = running != before.end() && running->second->manifest().sm != 0;
    const PluginRequest* was = request_of(options_.load, request.id);
    if (machine && governed && was != nullptr && was->enabled != request.enabled)
      return needs_governance(request.id);
    if (!request.enabled || running != before.end()) continue;
    TB_TRY(check_there(request).in("plugins.load"));
    Result<std::shared_ptr<Plugin>> loaded = load_plugin(path_of(request));
    if (!loaded.ok()) return loaded.status().in("plugins.load: " + request.id);
    const Manifest& m = (*loaded)->manifest();
    TB_TRY(library_is(request.id, path_of(request), m.id).in("plugins.load"));
    TB_TRY(check_against_others(m).in("plugins.load"));
    const bool listed = std::any_of(roster.begin(), roster.end(),
                                    [&](const RosterEntry& e) { return e.id == m.id; });
    if (m.sm != 0 && !listed && governed) return needs_governance(m.id);
    pending->fresh_[m.id] = *loaded;
  }
  pending->manifests_ = options_.kernel_manifests;
  for (const PluginMap* map : {&before, &std::as_const(pending->fresh_)}) {
    for (const auto& [id, plugin] : *map) {
      const PluginRequest* request = request_of(requests, id);
      const bool leaves = plugin->manifest().sm == 0 && request_of(options_.load, id) != nullptr &&
                          (request == nullptr || !request->enabled);
      if (!leaves) pending->manifests_.push_back(plugin->manifest_ptr());
    }
  }
  TB_TRY(check_clashes(pending->manifests_).in("plugins.load"));
  pending->requests_ = std::move(requests);
  return std::shared_ptr<Pending>(std::move(pending));
}

std::vector<Host::RosterWish> HostImpl::apply_requests(const std::shared_ptr<Pending>& given) {
  std::lock_guard operation(operation_mutex_);
  auto& pending = static_cast<PendingPlugins&>(*given);
  const LogTarget log = options_.log->target("host");
  const std::vector<PluginRequest> was = options_.load;
  {
    std::lock_guard lock(switch_mutex_);
    options_.load = pending.requests_;
  }
  auto refuse = [&](const std::string& id, const Status& status) {
    log.error("plugin not changed", {{"plugin", id}, {"reason", status.message()}});
    std::lock_guard lock(switch_mutex_);
    failed_[id] = status.message();
  };
  for (const auto& [id, plugin] : present()) {
    const PluginRequest* request = request_of(pending.requests_, id);
    const bool leaves = plugin->manifest().sm == 0 && request_of(was, id) != nullptr &&
                        (request == nullptr || !request->enabled);
    if (!leaves) continue;
    if (Status status = unload_local(id); !status.ok()) refuse(id, status);
  }
  follow_isolation();
  std::vector<RosterWish> wishes;
  const StateViewPtr view = chain_.load()->view();
  for (auto& [id, plugin] : pending.fresh_) {
    if (plugin->manifest().sm == 0) {
      if (Status status = swap_local(id, plugin); !status.ok()) refuse(id, status);
      continue;
    }
    if (Status status = store_->note(*plugin->library()); !status.ok()) {
      refuse(id, status);
      continue;
    }
    const Manifest& m = plugin->manifest();
    RosterEntry entry;
    entry.id = id;
    entry.sm = m.sm;
    entry.schema = m.schema;
    entry.consensus_hash = m.consensus_hash;
    std::shared_ptr<Plugin> staged = plugin;
    {
      std::lock_guard lock(switch_mutex_);
      staged_[id].swap(staged);
    }
    const std::vector<RosterEntry>& roster = view->machines->roster();
    if (std::none_of(roster.begin(), roster.end(), [&](const auto& e) { return e.id == entry.id; }))
      wishes.push_back({entry, true});
  }
  for (const RosterEntry& entry : view->machines->roster()) {
    const PluginRequest* request = request_of(pending.requests_, entry.id);
    const PluginRequest* before = request_of(was, entry.id);
    if (request == nullptr || before == nullptr || request->enabled == before->enabled) continue;
    // A suspension may be in the next block and not yet in the view; whoever switches on is served
    // even so, and installing what is active changes nothing.
    if (request->enabled || entry.status == RosterStatus::kActive)
      wishes.push_back({entry, request->enabled});
  }
  producer_->run_between_blocks([] {});  // a chain that waits for one of them goes on at once
  return wishes;
}

}  // namespace blockd
