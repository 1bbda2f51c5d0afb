// `plugin list`: what each plugin of this node is at this moment, and what keeps the node from
// being ready.
#include <set>

#include "kernel/base/hex.hpp"
#include "kernel/host/host_impl.hpp"

namespace blockd {

std::string HostImpl::OldImage::held_by() const {
  if (auto running = plugin.lock()) {
    return "older image " + version + ", " + std::to_string(running->calls_in_flight()) +
           " calls in flight";
  }
  return library.lock() ? "older image " + version + ", a view of the state" : std::string();
}

std::string HostImpl::state_of(const PluginStatus& row, const RosterEntry* roster,
                               bool stalled) const {
  // Also where its library waits: it may have come, and been suspended in the same block.
  if (roster && roster->status == RosterStatus::kSuspended) return "suspended";
  if (staged_.contains(row.id)) return "staged";
  if (stalled && missing_.contains(row.id)) return "missing";
  if (row.migration) return "migrating";
  if (auto it = plugins_.find(row.id); it != plugins_.end()) {
    // A machine that the roster does not name executes nothing.
    if (running_ && !roster && it->second->manifest().sm != 0) return "stopped";
    return running_ ? "running" : "loading";
  }
  if (roster) return "missing";
  return failed_.contains(row.id) ? "failed" : row.held_by.empty() ? "stopped" : "draining";
}

std::vector<PluginStatus> HostImpl::list() const {
  std::map<std::string, RosterEntry> roster;
  std::map<std::string, MigrationProgress> migrations;
  bool stalled = true;  // before the start: what is missing keeps the chain from opening
  if (Chain* chain = chain_) {
    const StateViewPtr view = chain->view();
    for (const RosterEntry& entry : view->machines->roster()) roster[entry.id] = entry;
    if (auto found = migrations_under_way(*view->state); found.ok()) {
      for (MigrationProgress& m : *found) migrations[m.id] = std::move(m);
    }
    stalled = !chain->stalled().ok();
  }
  std::lock_guard lock(switch_mutex_);
  std::set<std::string> ids;
  for (const auto& [id, plugin] : plugins_) ids.insert(id);
  for (const auto& [id, plugin] : staged_) ids.insert(id);
  for (const auto& [id, why] : failed_) ids.insert(id);
  for (const auto& [id, why] : missing_) {
    if (stalled) ids.insert(id);
  }
  for (const auto& [id, entry] : roster) ids.insert(id);
  std::map<std::string, std::string> held;
  for (const OldImage& old : old_images_) {
    const std::string by = old.held_by();
    if (by.empty()) continue;
    ids.insert(old.id);
    held[old.id] += (held[old.id].empty() ? "" : "; ") + by;
  }
  for (const PluginRequest& r : options_.load) {
    if (!r.enabled) ids.insert(r.id);
  }
  std::vector<PluginStatus> out;
  for (const std::string& id : ids) {
    PluginStatus s;
    s.id = id;
    const RosterEntry* entry = roster.contains(id) ? &roster[id] : nullptr;
    if (auto it = held.find(id); it != held.end()) s.held_by = it->second;
    if (auto it = failed_.find(id); it != failed_.end()) s.error = it->second;
    if (auto it = missing_.find(id); stalled && it != missing_.end()) s.error = it->second.why;
    if (auto it = migrations.find(id); it != migrations.end()) {
      s.migration = it->second;
      if (!it->second.error.empty())
        s.error = "the migration from schema " + std::to_string(it->second.from) +
                  " stopped behind " + std::to_string(it->second.rows) +
                  " rows: " + it->second.error;
    }
    s.state = state_of(s, entry, stalled);
    if (auto it = plugins_.find(id); it != plugins_.end()) {
      const Plugin& p = *it->second;
      s.version = p.manifest().version;
      s.file = p.library()->file().path;
      s.blake3 = to_hex(p.library()->file().blake3);
      s.signature = std::string(signature_state_name(p.library()->file().signature));
      s.sm = p.manifest().sm;
      s.schema = p.manifest().schema;
      s.consensus_hash = to_hex(p.manifest().consensus_hash);
      s.calls_in_flight = p.calls_in_flight();
      s.isolation = p.library()->isolated() ? "process" : "none";
      s.limits = p.library()->limits();
      s.process = p.library()->process();
    }
    if (entry) {
      s.sm = entry->sm;
      s.schema = entry->schema;
      s.since_height = entry->since;
      s.consensus_hash = to_hex(entry->consensus_hash);
    }
    for (const PluginRequest& r : options_.load) {
      if (r.id == id) s.required = r.required;
    }
    out.push_back(std::move(s));
  }
  return out;
}

std::vector<std::string> HostImpl::not_ready() const {
  std::vector<std::string> out;
  for (const PluginStatus& s : list()) {
    const bool works = s.state == "running" || s.state == "staged" || s.state == "migrating";
    if (s.state == "missing" || (s.required && !works)) out.push_back(s.id);
  }
  return out;
}

}  // namespace blockd
