// HostImpl: see host.hpp. Not for other folders.
//
// Locks, in order: operation_mutex_ (held by one operation at a time, never by the executor),
// publish_mutex_ (held while the set of plugins changes; faces may be made or end under it, and no
// function that a face can reach takes it), then the leaves switch_mutex_, metrics_mutex_ and
// generation_mutex_, none of which is held while code of a plugin, the chain or the disk is at
// work.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "kernel/host/follower.hpp"
#include "kernel/host/host.hpp"
#include "kernel/host/plugin_impl.hpp"
#include "kernel/host/plugin_store.hpp"
#include "kernel/host/upkeep.hpp"

namespace blockd {

class MetricFamily;  // kernel/metrics

class HostImpl final : public Host {
 public:
  HostImpl(HostOptions options, std::unique_ptr<PluginStore> store);
  ~HostImpl() override;
  Status declare_child_metrics();  // before anything else

  Status load_all() override;
  std::vector<RosterEntry> genesis_roster() const override;
  Status start(Chain* chain, Producer* producer, MethodCaller* caller) override;
  void stop() override;
  GenerationPtr generation() const override;
  RequestView request_view() const override;
  std::vector<PluginStatus> list() const override;
  std::vector<std::string> not_ready() const override;
  Status reload(const std::string& id, const std::string& file) override;
  Result<UpgradePlan> stage(const std::string& file, bool dry_run) override;
  // Whether the loaded library and the roster have this version of its rules.
  bool runs_these_rules(const RosterEntry& entry);
  Status load(const std::string& file_or_id) override;
  Status unload(const std::string& id) override;
  Result<std::vector<std::string>> prune(std::optional<unsigned> keep) override;
  std::vector<std::string> prunable(std::optional<unsigned> keep) override;
  void set_rules(LoadRules rules) override;
  Result<std::shared_ptr<Pending>> prepare_requests(std::vector<PluginRequest> requests) override;
  std::vector<RosterWish> apply_requests(const std::shared_ptr<Pending>& pending) override;
  void on_config_changed(const std::vector<std::string>& keys) override;
  Status visit_local(const std::string& id, const std::vector<std::string>& prefixes,
                     std::size_t limit, const RowVisitor& visit) override;
  Status put_local(const std::string& id,
                   const std::vector<std::pair<Bytes, Bytes>>& rows) override;

  // MachineProvider [executor]
  Result<Machine> find(const RosterEntry& entry) override;
  // EffectSink [executor]
  void metric(const Manifest& plugin, std::uint32_t metric, const std::vector<std::string>& labels,
              std::int64_t value) override;
  void log(const Manifest& plugin, std::uint32_t level, std::string_view text,
           std::uint64_t height) override;
  void committed(const std::shared_ptr<const BlockRecord>& block,
                 const StateViewPtr& view) override;

 private:
  using PluginMap = std::map<std::string, std::shared_ptr<Plugin>>;
  class PendingPlugins;  // plugin_wanted.cpp
  static constexpr std::size_t kMaxOldImages = 1024;
  static constexpr std::uint64_t kDrainMs = 30'000;
  static constexpr std::size_t kMaxArrivals = 64;  // files that one look tries

  // An image that was replaced and is somewhere still in use.
  struct OldImage {
    std::string id, version;
    std::weak_ptr<Plugin> plugin;
    std::weak_ptr<Library> library;
    std::uint64_t since_us = 0;
    bool told = false;            // that it outlived the drain
    std::string held_by() const;  // empty: it is gone
  };
  // What the roster needs and nobody here has.
  struct Missing {
    std::string why;
    RosterEntry entry;
  };

  std::string path_of(const PluginRequest& request) const;
  // Errors: kNotFound, with the library that may have been meant.
  Status check_there(const PluginRequest& request) const;
  // The rules in force, with the processes of plugins that are to have one.
  LoadRules loading_rules();
  Result<IsolatedImage> isolate(const std::string& path);
  ProcessLimits limits_of(const std::string& id);
  Status rehearse(const Plugin& next, bool apart);
  // Runs the machine of `next` in a process of its own, which a crash or a hang costs and not the
  // node. Errors: those of `run`; kInvalid if the process ended. Ok with a line in the log where
  // the system allows no such process.
  struct ApartTrial {
    const char *what, *hint;  // "executed …", for the error
    std::uint64_t step_ms;    // at least so long may it think about a call
    std::function<Status(const Machine& candidate)> run;
  };
  Status try_apart(const Plugin& next, const ApartTrial& trial);
  void note_child_death(const std::string& id, const std::string& reason, const std::string& text,
                        std::uint64_t pause_ms);
  // Runs `id` again from its file. REQUIRES: operation_mutex_ held.
  Status reload_held(const std::string& id, const std::string& file);
  // Reloads what runs in another mode than plugins.load now says. REQUIRES: the same.
  void follow_isolation();
  // Checks, probes and maps the file; it is not accepted yet.
  // Libraries that no known signer signed are named in `unsigned_files` if it is given, else in the
  // log.
  Result<std::shared_ptr<Plugin>> load_plugin(const std::string& path,
                                              std::vector<std::string>* unsigned_files = nullptr);
  void log_unsigned(const std::vector<std::string>& files) const;
  // The one store object of this id, as long as anybody uses it: its database can be opened only
  // once.
  std::shared_ptr<LocalStore> store_of(const std::string& id);
  Status check_against_others(const Manifest& manifest) const;
  // A local plugin whose required services nobody here provides. Errors: kInvalid.
  Status check_services(const Manifest& manifest) const;
  Status start_face(const std::shared_ptr<Plugin>& plugin);
  PluginMap present() const;
  // Publishes `plugins` as the next generation, with `state` (null: the present one) in the same
  // moment. REQUIRES: publish_mutex_ held.
  // `ready`: a generation of these plugins that was built before; null, or no longer the next one:
  // it is built now.
  void publish(PluginMap plugins, StateViewPtr state = nullptr, GenerationPtr ready = nullptr);
  void publish_state(StateViewPtr state);
  // Plugin null: removes it. Takes publish_mutex_.
  void publish_with(const std::string& id, std::shared_ptr<Plugin> plugin,
                    GenerationPtr ready = nullptr);
  PluginMap present_with(const std::string& id, std::shared_ptr<Plugin> plugin) const;
  std::uint64_t next_generation() const;
  // The generation that publish_with() would make now. [worker]
  GenerationPtr generation_with(const std::string& id, std::shared_ptr<Plugin> plugin);
  // Libraries of machines in `machines` that the present generation does not run: staged ones, or
  // ones out of the store.
  PluginMap not_yet_running(const MachineSet& machines);
  // Whether adopt() has seen this very set last. REQUIRES: publish_mutex_ held.
  bool is_adopted(const std::shared_ptr<const MachineSet>& machines) const;
  // Takes those over and publishes the view. REQUIRES: publish_mutex_ held. [executor, or the
  // thread of start]
  void adopt(const StateViewPtr& view);
  // Notes what the switches and migrations of a block refused. [executor]
  void note_refusals(const BlockRecord& block);
  std::shared_ptr<PluginMetrics> metrics_of(const Manifest& manifest);
  // Runs `body` between two blocks and waits for it. Errors: kAborted when the node stops first.
  // [worker]
  Status between_blocks(const std::function<Status()>& body);
  // Both REQUIRE: operation_mutex_ held. [worker]
  Status swap_local(const std::string& id, std::shared_ptr<Plugin> next);
  Status unload_local(const std::string& id);
  Result<Machine> find_in_store(const RosterEntry& entry);
  // Of given_, those that something still keeps.
  std::vector<std::shared_ptr<Library>> given();
  PluginRequest request_for(const std::string& id) const;
  // REQUIRES: switch_mutex_ held.
  std::string state_of(const PluginStatus& row, const RosterEntry* roster, bool stalled) const;
  void add_old_image(const std::shared_ptr<Plugin>& old);  // REQUIRES: switch_mutex_ held
  std::vector<std::string> prune_victims(std::optional<unsigned> keep) const;

  // Once a second, on a thread of its own: host_upkeep.cpp.
  void look_after();
  void look_after_drains();
  void look_for_missing();
  bool try_arrival(const std::string& path, const std::map<std::string, Missing>& missing);

  HostOptions options_;
  HostServices services_;
  std::unique_ptr<PluginStore> store_;
  MetricFamily* child_crashes_ = nullptr;
  MetricFamily* child_restarts_ = nullptr;
  std::unique_ptr<FaceThread> face_thread_;
  std::unique_ptr<Follower> follower_;
  std::atomic<Follower*> follower_now_{
      nullptr};  // for the executor, which runs while start() is at work
  std::atomic<Chain*> chain_{nullptr};
  std::atomic<bool> running_{false};
  Producer* producer_ = nullptr;  // operation_mutex_

  mutable std::mutex operation_mutex_;
  std::mutex publish_mutex_;
  std::weak_ptr<const MachineSet> adopted_;  // publish_mutex_; the one of most blocks
  mutable std::mutex switch_mutex_;          // all that follow, up to the next mutex
  PluginMap plugins_;
  PluginMap staged_;  // by id: loaded, waiting for the roster
  // Of the store, given to the chain, whose machines keep them: a block in flight may bring one.
  std::vector<std::weak_ptr<Library>> given_;
  std::map<std::string, std::string> failed_;  // id -> reason
  std::map<std::string, Missing> missing_;     // by id; counts only while the chain is stalled
  std::vector<OldImage> old_images_;           // at most kMaxOldImages
  std::map<std::string, std::weak_ptr<LocalStore>> stores_;
  std::mutex metrics_mutex_;
  std::map<std::shared_ptr<const Manifest>, std::shared_ptr<PluginMetrics>>
      metrics_;  // of the manifests that machines run under
  mutable std::mutex generation_mutex_;
  GenerationPtr generation_;
  StateViewPtr state_;
  std::size_t leaks_told_ = 0;                   // upkeep's own, as what follows
  std::map<std::string, std::string> arrivals_;  // files that were looked at: path -> stamp
  std::unique_ptr<Upkeep> upkeep_;
};

// Whether a library with this manifest executes what the roster's entry names, as its own version
// or as an older one. [any]
bool implements(const Manifest& manifest, const RosterEntry& entry);

// Builds the tables of a generation. [any]
GenerationPtr build_generation(std::uint64_t number,
                               const std::vector<std::shared_ptr<const Manifest>>& kernel_manifests,
                               const std::map<std::string, std::shared_ptr<Plugin>>& plugins);

}  // namespace blockd
