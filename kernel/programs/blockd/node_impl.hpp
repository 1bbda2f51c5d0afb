// NodeImpl: see node.hpp. Not for other folders.
#pragma once

#include <atomic>

#include "kernel/base/file.hpp"
#include "kernel/bus/bus.hpp"
#include "kernel/config/config_service.hpp"
#include "kernel/config/config_watcher.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/host.hpp"
#include "kernel/log/log_index.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/http_server.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/programs/blockd/local_scripts.hpp"
#include "kernel/programs/blockd/node.hpp"
#include "kernel/programs/blockd/node_mirrors.hpp"
#include "kernel/programs/blockd/node_stores.hpp"
#include "kernel/rpc/rpc.hpp"
#include "kernel/snapshot/service.hpp"

namespace blockd {

// Effects of committed blocks go to the host's faces, to whoever waits at the RPC, and to the
// scripts of this node.
class NodeEffects final : public EffectSink {
 public:
  void attach(Host* host) { host_ = host; }
  void attach(Rpc* rpc) { rpc_.store(rpc); }
  void attach(LocalScripts* scripts) { scripts_ = scripts; }
  void attach(LogViews* views) { views_.store(views); }
  void attach(SnapshotService* snapshots) { snapshots_.store(snapshots); }
  void attach(NodeMirrors* mirrors) { mirrors_.store(mirrors); }
  Rpc* rpc() const { return rpc_.load(); }
  void metric(const Manifest& plugin, std::uint32_t metric, const std::vector<std::string>& labels,
              std::int64_t value) override {
    host_->metric(plugin, metric, labels, value);
  }
  void log(const Manifest& plugin, std::uint32_t level, std::string_view text,
           std::uint64_t height) override {
    host_->log(plugin, level, text, height);
  }
  void committed(const std::shared_ptr<const BlockRecord>& block,
                 const StateViewPtr& view) override {
    if (LogViews* views = views_.load()) views->committed(block);
    if (SnapshotService* snapshots = snapshots_.load()) snapshots->committed(*block);
    host_->committed(block, view);
    if (Rpc* rpc = rpc_.load()) rpc->committed(block);
    if (scripts_ != nullptr) scripts_->committed(*block);
    if (NodeMirrors* mirrors = mirrors_.load()) mirrors->committed(view);
  }

 private:
  Host* host_ = nullptr;
  std::atomic<Rpc*> rpc_{nullptr};
  std::atomic<LogViews*> views_{nullptr};
  LocalScripts* scripts_ = nullptr;
  std::atomic<SnapshotService*> snapshots_{nullptr};
  std::atomic<NodeMirrors*> mirrors_{nullptr};
};

class NodeImpl final : public Node {
 public:
  NodeImpl(const NodeFlags& flags, std::string program)
      : flags_(flags), program_(std::move(program)) {}
  ~NodeImpl() override;

  Status start(int* exit_code);
  // The same without producer, listeners and timers, and one call. [main]
  int call(const OfflineCall& call);
  int run() override;
  std::string greeting() const override;

 private:
  Status open_offline(int* exit_code);
  Status load_first_config(int* exit_code);
  Status open_data_dir();
  Status open_log();
  Status open_log_index(const std::string& folder);
  Status load_plugins();
  Status load_full_config(int* exit_code);
  Status load_local_scripts(int* exit_code);
  Status check_new_genesis() const;
  Status open_chain();
  void told_of_stall(const Status& why);
  Status start_services();
  // node_snapshots.cpp
  Status start_snapshots();
  Status begin_from_snapshot(const Config& config, const Genesis& genesis);
  SnapshotSettings snapshot_settings(const Config& config) const;
  void ask_macro_point(PointAnswer answer);
  void macro_root_ready();  // [any]
  Status make_mirrors();
  Status start_mirrors();
  Status clean_imports();
  Status open_listeners();
  void apply_config(const std::shared_ptr<const Config>& config,
                    const std::vector<std::string>& changed);
  Status reload(const std::string& source);
  // live_config.cpp: a reload's beginning, what only the running parts can judge, and its end.
  Result<std::shared_ptr<const ConfigSchema>> begin_change();
  std::vector<ConfigProblem> check_change(const Config& next);
  void end_change(const ReloadReport& report, const std::string& source);
  Status watch_config();
  void take_change();
  Status show_wakeups();
  void install_new_plugins();
  void install_plugin(const RosterEntry& entry, const Manifest* manifest);
  void send_roster_wish(const RosterEntry& entry, std::string_view status, const std::string& done);
  void stop();

  Result<LoadRules> load_rules(const Config& config) const;
  std::vector<PluginRequest> plugin_requests(const Config& config) const;
  MempoolLimits mempool_limits(const Config& config) const;
  ProducerOptions producer_options(const Config& config) const;
  HttpLimits http_limits(const Config& config) const;
  using Manifests = std::vector<std::shared_ptr<const Manifest>>;
  static std::shared_ptr<const Manifest> manifest_in(const Manifests& list, const std::string& id);
  Manifests manifests_here();
  std::vector<ListenerConfig> listeners(const Config& config, const Manifests& manifests) const;
  std::shared_ptr<const Config> config() const {
    return service_ ? service_->current() : first_config_;
  }

  NodeFlags flags_;
  std::string program_;
  ConfigInputs inputs_;
  std::shared_ptr<const Config> first_config_;
  ConfigLoad first_load_;
  std::string data_dir_;
  NodeKeys keys_;
  std::vector<std::string> notes_;
  std::atomic<bool> shutdown_{false};
  bool stopped_ = false;
  bool offline_ = false;  // only reads its data
  std::atomic<int> exit_code_{0};
  std::atomic<bool> storage_full_{false};

  // In order of making; destroyed in reverse.
  std::optional<DirectoryLock> lock_;
  MetricRegistry metrics_;
  std::unique_ptr<LogIndex> log_index_;  // outlives the logger, whose thread writes to it
  std::unique_ptr<Logger> log_;
  Bus bus_;
  std::unique_ptr<ConfigService> service_;
  std::unique_ptr<IoPool> io_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<LocalScripts> local_scripts_;  // null in a node that only reads
  NodeEffects effects_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<NodeStores> stores_;         // outlives the chain, which asks it for room
  std::unique_ptr<ImportFiles> import_files_;  // as well
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<NodeMirrors> mirrors_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<SnapshotService> snapshots_;  // null in a node that only reads
  std::mutex cut_mutex_;
  Producer* cut_ = nullptr;  // under cut_mutex_: whom a state root that is ready asks for a block
  std::shared_ptr<Rpc> rpc_;
  std::shared_ptr<HttpServer> server_;  // shared with a render of the metrics
  // What the reload under way has prepared; guarded by the service's own exclusion of reloads.
  struct Change {
    std::vector<PluginRequest> requests;
    std::shared_ptr<Host::Pending> plugins;  // null: plugins.load is as before
    std::shared_ptr<HttpServer::Change> listeners;
    std::optional<LoadRules> rules;
  };
  Change change_;
  Manifests coming_;                     // of plugins that are on their way into the roster
  std::vector<PluginRequest> requests_;  // plugins.load in force
  MetricFamily* reloads_ = nullptr;
  Gauge* reloaded_at_ = nullptr;
  std::unique_ptr<ConfigWatcher> watcher_;
};

}  // namespace blockd
