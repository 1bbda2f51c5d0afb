// NodeMirrors: the mirrors of this node's plugins (kernel/snapshot/mirror.hpp) and the imports from
// them.
//
// Each plugin whose manifest names a folder for it has its namespace mirrored there: at every
// snapshot, when the node stops, and on demand. The way back is taken only where nothing can be
// lost by it: when a plugin's namespace is empty. A chain that is made begins with the rows of the
// mirrors in its genesis; on a chain whose only validator is this node they come by the command
// chain.import_namespace, at the start or before the plugin comes into the roster. A mirror that
// does not hold is an error, never an empty namespace, unless plugins.load says `ignore_mirror`.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/host.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/manifest/mirror_key.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/snapshot/mirror.hpp"

namespace blockd {

class NodeMirrors {
 public:
  struct Parts {
    Host* host = nullptr;
    ImportFiles* files = nullptr;
    std::function<std::shared_ptr<const Config>()> config;
    Logger* log = nullptr;
    MetricRegistry* metrics = nullptr;
    std::string data_dir;
  };
  static Result<std::unique_ptr<NodeMirrors>> create(Parts parts);

  // For a chain that is about to be made with the plugins at hand: the mirrors that its genesis
  // begins with, kept as files. Errors: those of load_mirror(), kInvalid (another schema).
  Result<std::vector<NamespaceImport>> for_genesis();
  // Local rows of the mirrors that for_genesis() took. REQUIRES: no face runs.
  Status put_genesis_locals();

  // From here on `chain` runs; `send` submits chain.import_namespace by the operator account, and
  // has the block behind it made at once.
  using Answer = std::function<void(const Status&, std::uint64_t height)>;
  using Send = std::function<void(json::object params, Answer answer)>;
  void attach(const Chain* chain, WorkerPool* workers, Send send);
  // Imports what is to be imported, waits for it, and says where a mirror is of another height.
  // Errors: those of load_mirror() and of the command, each with the plugin.
  Status start();
  struct Place {
    std::string plugin, dir;
    std::uint32_t schema = 0;
    std::vector<std::string> local;
    bool ignored = false;    // nothing is imported from it
    bool has_hooks = false;  // which write rows of their own in its first block
  };
  // Where a plugin that is about to come into the roster may find rows to import; nullopt: it has
  // no mirror, or has rows.
  std::optional<Place> place_ahead(const RosterEntry& entry, const Manifest& manifest) const;
  // Sends them, so that they wait for the plugin. Errors: those of load_mirror() and of the
  // command: then the plugin must not come. [worker]
  Status import_ahead(const Place& place);
  // Both of them, for a plugin that somebody is about to send into the roster. [worker]
  Status before_joining(const RosterEntry& entry);
  // Wakes who waits for a block; plugins that came into the roster with it are looked at on a
  // worker. [executor]
  void committed(const StateViewPtr& view);
  void detach();  // nothing is sent any more

  // Errors: kNotFound (it has no mirror, or is not active), and those of write_mirror(). [worker]
  Result<MirrorInfo> write(const std::string& plugin);
  // Of all, or of these namespaces, that hold rows; trouble is logged and counted. [any]
  void write_all(const std::vector<std::string>& only = {});
  // At the stop: those that are behind the state.
  void write_behind();

 private:
  explicit NodeMirrors(Parts parts) : parts_(std::move(parts)) {}
  Place place_of(const Manifest& manifest, const MirrorKey& key, std::uint32_t schema) const;
  std::vector<Place> places(const MachineSet& machines) const;
  Result<MirrorInfo> write_place(const Place& place, const StateView& view);
  void try_write(const Place& place, const StateView& view);
  // nullopt: there is nothing to bring.
  Result<std::optional<Mirror>> to_import(const Place& place) const;
  Status import(const Place& place, const Mirror& mirror);
  Status may_import(const Place& place) const;
  Result<std::uint64_t> send_import(const Place& place, const Mirror& mirror);
  // How the block behind the command's took the rows.
  Status outcome_of(const Place& place, const Mirror& mirror, std::uint64_t height) const;
  Status look(const StateViewPtr& view, bool at_start);
  Status look_at(const Place& place, const StateView& view, bool at_start);

  const Parts parts_;
  MetricFamily* failures_ = nullptr;
  std::vector<std::pair<std::string, RowPairs>> genesis_locals_;
  const Chain* chain_ = nullptr;
  WorkerPool* workers_ = nullptr;
  std::mutex send_mutex_;
  Send send_;
  std::mutex height_mutex_;
  std::condition_variable grew_;
  std::uint64_t height_ = 0;
  std::mutex write_mutex_;  // one file at a time
  std::atomic<bool> watching_{false};
  std::atomic<const MachineSet*> seen_{nullptr};  // compared, never used
};

}  // namespace blockd
