// HostImpl: see host.hpp. Not for other folders.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>

#include "kernel/host/follower.hpp"
#include "kernel/host/host.hpp"
#include "kernel/host/plugin_impl.hpp"
#include "kernel/host/plugin_store.hpp"

namespace blockd {

class HostImpl final : public Host {
 public:
  HostImpl(HostOptions options, std::unique_ptr<PluginStore> store);
  ~HostImpl() override;

  Status load_all() override;
  std::vector<RosterEntry> genesis_roster() const override;
  Status start(Chain* chain, Producer* producer, MethodCaller* caller) override;
  void stop() override;
  GenerationPtr generation() const override;
  std::vector<PluginStatus> list() const override;
  std::vector<std::string> not_ready() const override;
  Status reload(const std::string& id, const std::string& file) override;
  Result<UpgradePlan> stage(const std::string& file, bool dry_run) override;
  Status load(const std::string& file_or_id) override;
  Status unload(const std::string& id) override;
  Result<std::vector<std::string>> prune(std::optional<unsigned> keep) override;
  void on_config_changed(const std::vector<std::string>& keys) override;

  // MachineProvider [executor]
  Result<Machine> find(const RosterEntry& entry) override;
  // EffectSink [executor]
  void metric(const Manifest& plugin, std::uint32_t metric, const std::vector<std::string>& labels, std::int64_t value) override;
  void log(const Manifest& plugin, std::uint32_t level, std::string_view text, std::uint64_t height) override;
  void committed(const std::shared_ptr<const BlockRecord>& block, const StateViewPtr& view) override;

 private:
  using PluginMap = std::map<std::string, std::shared_ptr<Plugin>>;

  std::string path_of(const PluginRequest& request) const;
  Result<std::shared_ptr<Plugin>> load_plugin(const std::string& path, std::shared_ptr<LocalStore> store);
  std::shared_ptr<LocalStore> store_of(const std::string& id) const;
  Status check_against_others(const Manifest& manifest) const;
  // Publishes `plugins` as the next generation and starts what is new. REQUIRES: switch_mutex_ held.
  void publish(PluginMap plugins);
  // Takes over machines that the chain runs and the present generation does not. [executor]
  void adopt(const MachineSet& machines);
  // Runs `body` between two blocks and waits for it. [worker]
  Status between_blocks(const std::function<Status()>& body);
  Status swap_local(const std::string& id, std::shared_ptr<Plugin> next);
  std::string state_of(const std::string& id, const RosterEntry* roster) const;

  HostOptions options_;
  HostServices services_;
  std::unique_ptr<PluginStore> store_;
  std::unique_ptr<FaceThread> face_thread_;
  std::unique_ptr<Follower> follower_;
  Chain* chain_ = nullptr;
  Producer* producer_ = nullptr;

  mutable std::mutex operation_mutex_;       // one operation at a time; never held by the executor
  mutable std::mutex switch_mutex_;          // plugins_, staged_, failed_
  PluginMap plugins_;
  PluginMap staged_;                         // by id: loaded, waiting for the roster
  std::map<std::string, std::string> failed_;  // id or file -> reason
  std::map<std::string, std::weak_ptr<Plugin>> draining_;
  std::mutex metrics_mutex_;                 // metrics_by_id_; innermost
  std::map<std::string, std::shared_ptr<PluginMetrics>, std::less<>> metrics_by_id_;
  mutable std::mutex generation_mutex_;
  GenerationPtr generation_;
  bool running_ = false;
};

// Builds the tables of a generation. [any]
GenerationPtr build_generation(std::uint64_t number, const std::vector<std::shared_ptr<const Manifest>>& kernel_manifests,
                               const std::map<std::string, std::shared_ptr<Plugin>>& plugins);

}  // namespace blockd
