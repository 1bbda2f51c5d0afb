// NodeImpl: see node.hpp. Not for other folders.
#pragma once

#include <atomic>

#include "kernel/base/file.hpp"
#include "kernel/bus/bus.hpp"
#include "kernel/config/config_service.hpp"
#include "kernel/config/config_watcher.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/host.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/http_server.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/programs/blockd/local_scripts.hpp"
#include "kernel/programs/blockd/node.hpp"
#include "kernel/rpc/rpc.hpp"

namespace blockd {

// Effects of committed blocks go to the host's faces, to whoever waits at the RPC, and to the
// scripts of this node.
class NodeEffects final : public EffectSink {
 public:
  void attach(Host* host) { host_ = host; }
  void attach(Rpc* rpc) { rpc_.store(rpc); }
  void attach(LocalScripts* scripts) { scripts_ = scripts; }
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
    host_->committed(block, view);
    if (Rpc* rpc = rpc_.load()) rpc->committed(block);
    if (scripts_ != nullptr) scripts_->committed(*block);
  }

 private:
  Host* host_ = nullptr;
  std::atomic<Rpc*> rpc_{nullptr};
  LocalScripts* scripts_ = nullptr;
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
  Status load_plugins();
  Status load_full_config(int* exit_code);
  Status load_local_scripts(int* exit_code);
  Status open_chain();
  Status start_services();
  Status open_listeners();
  void apply_config(const std::shared_ptr<const Config>& config,
                    const std::vector<std::string>& changed);
  Status reload(const std::string& source);
  void install_new_plugins();
  void stop();

  LoadRules load_rules(const Config& config) const;
  std::vector<PluginRequest> plugin_requests(const Config& config) const;
  MempoolLimits mempool_limits(const Config& config) const;
  ProducerOptions producer_options(const Config& config) const;
  HttpLimits http_limits(const Config& config) const;
  std::vector<ListenerConfig> listeners(const Config& config) const;
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

  // In order of making; destroyed in reverse.
  std::optional<DirectoryLock> lock_;
  MetricRegistry metrics_;
  std::unique_ptr<Logger> log_;
  Bus bus_;
  std::unique_ptr<ConfigService> service_;
  std::unique_ptr<IoPool> io_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<LocalScripts> local_scripts_;  // null in a node that only reads
  NodeEffects effects_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<Producer> producer_;
  std::shared_ptr<Rpc> rpc_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::string> listener_names_;
  std::unique_ptr<ConfigWatcher> watcher_;
};

}  // namespace blockd
