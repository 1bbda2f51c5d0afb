// Host: which plugins run here, and how calls reach them.
//
// The present set of plugins is a Generation: immutable, published as one pointer. A request takes
// the generation once and keeps it to its end, so that a plugin can be swapped while calls are in
// flight; the images that it holds stay mapped until then.
//
// Lifetime: a Host is made before the chain and the producer, which it outlives; its caller lives
// until stop() has returned. Nothing here writes replicated state.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/host/library.hpp"
#include "kernel/manifest/manifest.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

class Config;          // kernel/config
class MetricRegistry;  // kernel/metrics
class Bus;             // kernel/bus
class Logger;          // kernel/log
class Producer;

// The error of a call as a client gets it.
struct CallError {
  std::int32_t code = -32603;
  std::string name = "internal", message;
  json::object data;  // further members of `data`
};

// Calls a method of this node on behalf of a plugin: implemented by the RPC dispatcher, used by
// tb_host_api.call and post.
class MethodCaller {
 public:
  virtual ~MethodCaller() = default;
  // `done(ok, result or error object {code,message,data})` is called once, on any thread.
  virtual void call_as_plugin(const std::string& plugin, const std::string& method,
                              json::value params,
                              std::function<void(bool ok, json::value)> done) = 0;
  // The plugins are others than before: what is kept of the earlier ones between calls can go, so
  // that their images are closed even if nobody calls. May come late and more than once. [upkeep]
  virtual void plugins_changed() = 0;
};

// A loaded plugin with its face instance. Destroyed when the last request that uses it has ended.
class PluginInstance {
 public:
  virtual ~PluginInstance() = default;
  virtual const Manifest& manifest() const = 0;
  virtual std::shared_ptr<const Manifest> manifest_ptr() const = 0;
  virtual std::shared_ptr<Library> library() const = 0;
  virtual Machine machine() const = 0;  // table == nullptr: a local plugin
  virtual bool has_face() const = 0;
  virtual std::uint64_t calls_in_flight() const = 0;

  // Runs a query or local method on `view`; `params` are decoded already. Exceptions of the plugin
  // become error -34014. Returns the result as JSON text. [worker]
  virtual std::optional<CallError> query(const StateViewPtr& view, std::uint32_t method,
                                         const std::vector<tb_value>& params,
                                         std::string* result) = 0;
  virtual std::optional<CallError> local(std::uint32_t method, const std::vector<tb_value>& params,
                                         std::string* result) = 0;
  struct HttpCall {
    std::uint32_t route = 0;
    std::vector<std::pair<std::string, std::string>> path, query;
    std::string body, content_type;
  };
  struct HttpAnswer {
    unsigned status = 200;
    std::string content_type = "application/json", body;
  };
  virtual HttpAnswer http(const StateViewPtr& view, const HttpCall& call) = 0;  // [worker]
};

struct MethodEntry {
  std::shared_ptr<PluginInstance> plugin;  // null: a method of the kernel
  const Manifest* manifest = nullptr;
  const MethodSpec* spec = nullptr;
  std::uint32_t index = 0;
};
struct RouteEntry {
  std::shared_ptr<PluginInstance> plugin;
  const HttpRoute* route = nullptr;
  std::uint32_t index = 0;
};

struct Generation {
  std::uint64_t number = 0;
  std::vector<std::shared_ptr<PluginInstance>> plugins;    // by id
  std::vector<std::shared_ptr<const Manifest>> manifests;  // kernel manifests first
  std::unordered_map<std::string, MethodEntry> methods;    // by name and alias
  std::vector<RouteEntry> routes;
  std::shared_ptr<PluginInstance> find(std::string_view id) const;
};
using GenerationPtr = std::shared_ptr<const Generation>;

// Code and state of one moment: what a request takes once and keeps to its end. A switch of the
// roster publishes both at once, so that no image reads rows of a layout that came after it.
struct RequestView {
  GenerationPtr generation;
  StateViewPtr state;  // null before start(): the chain's own view
};

// Topic of the bus: another generation is in force, {"number":N}.
inline constexpr const char* kGenerationTopic = "node.generation";

struct PluginStatus {  // one row of `plugin list`
  std::string id, version, state, file, blake3, signature, isolation = "none", error, held_by;
  bool required = false;
  std::uint32_t sm = 0, schema = 0;
  std::string consensus_hash;
  std::uint64_t since_height = 0, calls_in_flight = 0;
  IsolatedImage::State process;                // with isolation "process"
  ProcessLimits limits;                        // the same
  std::optional<MigrationProgress> migration;  // under way
};

struct PluginRequest {  // one entry of plugins.load
  std::string id, file;
  bool required = false, enabled = true;
  bool isolated = false;  // isolation: process
  // Limits of that process that are not the ones of HostOptions.
  struct OwnLimits {
    std::optional<std::uint64_t> memory_mb, step_ms, cpu_percent;
    bool operator==(const OwnLimits&) const = default;
  } limits = {};
  bool operator==(const PluginRequest&) const = default;
};

struct HostOptions {
  LoadRules rules;
  std::string plugins_dir;
  // Where a library that the roster needs and nobody has may arrive while the node runs.
  std::vector<std::string> library_dirs;
  std::vector<PluginRequest> load;
  std::string stores_dir;  // <data>/stores: local stores of faces
  std::vector<std::shared_ptr<const Manifest>> kernel_manifests;
  MetricRegistry* metrics = nullptr;
  Bus* bus = nullptr;
  Logger* log = nullptr;
  Clock* clock = nullptr;
  std::function<std::shared_ptr<const Config>()>
      config;                  // the present generation of the configuration
  ProcessLimits child_limits;  // of plugins with isolation: process that have none of their own
  std::uint64_t child_max_pause_ms = 5'000;  // before such a process is started again
  bool run_timers = true;  // false: faces answer and follow the log, and do nothing by themselves
};

class Host : public MachineProvider, public EffectSink {
 public:
  static Result<std::unique_ptr<Host>> create(HostOptions options);

  // Loads the libraries of options.load (no chain needed yet); required ones that fail are errors,
  // others are listed as failed.
  virtual Status load_all() = 0;
  // The roster that the loaded machines would give a new genesis.
  virtual std::vector<RosterEntry> genesis_roster() const = 0;
  // Makes the faces, starts timers, event followers and commit notices. Call when chain and
  // producer run.
  virtual Status start(Chain* chain, Producer* producer, MethodCaller* caller) = 0;
  virtual void stop() = 0;  // faces destroyed in reverse dependency order

  virtual GenerationPtr generation() const = 0;                                 // [any]
  virtual RequestView request_view() const { return {generation(), nullptr}; }  // [any]
  virtual std::vector<PluginStatus> list() const = 0;
  // Names of plugins that keep the node from being ready: in the roster and missing, or required
  // and not running.
  virtual std::vector<std::string> not_ready() const = 0;

  // Operations of node-and-cli spec 5.16. Refusals: kInvalid / kDenied with what was expected and
  // found and the line to use instead. All run on the calling worker; the switch itself happens
  // between two blocks. [worker]
  virtual Status reload(const std::string& id, const std::string& file) = 0;
  struct UpgradePlan {
    RosterEntry entry;    // for chain.set_plugin
    std::string diff;     // of the manifests, for people
    json::object report;  // the same for programs, with migration rows when asked
  };
  // Stages the file (checked, probed, loaded, rehearsed) so that the provider finds it when the
  // roster switches.
  virtual Result<UpgradePlan> stage(const std::string& file, bool dry_run) = 0;
  virtual Status load(const std::string& file_or_id) = 0;  // local plugins
  virtual Status unload(const std::string& id) = 0;        // local plugins
  virtual Result<std::vector<std::string>> prune(std::optional<unsigned> keep) = 0;
  // What prune(keep) would remove: names of files. [worker]
  virtual std::vector<std::string> prunable(std::optional<unsigned> keep) {
    (void)keep;
    return {};
  }

  // Rules for files that are loaded from now on (signers, policy, least versions). [worker]
  virtual void set_rules(LoadRules rules) { (void)rules; }
  // A new plugins.load, in two steps, so that a configuration is refused whole. prepare_requests
  // loads and checks every library that is named and not here, and publishes nothing.
  // apply_requests makes it so: local plugins come and go, and what has a machine is left staged
  // and named in the answer, since only the log changes which machines run.
  class Pending {
   public:
    virtual ~Pending() = default;
    // Of all plugins that would be here, kernel manifests first.
    virtual std::vector<std::shared_ptr<const Manifest>> manifests() const = 0;
  };
  struct RosterWish {
    RosterEntry entry;
    bool active = true;  // false: suspend it
  };
  virtual Result<std::shared_ptr<Pending>> prepare_requests(std::vector<PluginRequest> requests) {
    (void)requests;
    return Status(Code::kUnavailable, "this node loads no plugins while it runs");
  }
  // Errors of single plugins are logged and listed as failed.
  virtual std::vector<RosterWish> apply_requests(const std::shared_ptr<Pending>& pending) {
    (void)pending;
    return {};
  }
  virtual void on_config_changed(const std::vector<std::string>& keys) = 0;

  // Rows of the local store of plugin `id` below these prefixes, at most `limit` of each. [any]
  virtual Status visit_local(const std::string& id, const std::vector<std::string>& prefixes,
                             std::size_t limit, const RowVisitor& visit) {
    (void)id, (void)prefixes, (void)limit, (void)visit;
    return {};
  }
  virtual Status put_local(const std::string& id,
                           const std::vector<std::pair<Bytes, Bytes>>& rows) {
    (void)id, (void)rows;
    return Status(Code::kUnavailable, "this node keeps no local stores");
  }
};

}  // namespace blockd
