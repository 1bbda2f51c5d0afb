// Rpc: JSON-RPC 2.0, REST routes, metrics and event streams over whatever transport hands it
// requests.
//
// Threads: all functions [any]. Destroy it when the io pool, the workers and the producer have
// ended: all of them hold calls of it. Its destructor touches none of its parts.
//
// One Rpc serves every listener. It finds the method in the host's present generation, checks
// credential, role, rate and fields by the manifest before any plugin code runs, and then queries a
// view or submits a command.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host.hpp"
#include "kernel/net/http.hpp"

namespace blockd {

class WorkerPool;       // kernel/net
class IoPool;           // kernel/net
class Config;           // kernel/config
class ConfigService;    // kernel/config
class LogViews;         // kernel/chain/store
class SnapshotService;  // kernel/snapshot

// One of the node's own keys, for unsigned commands: the account that signs calls admitted by a
// role (node-and-cli spec 3.6).
struct NodeKeys {
  std::shared_ptr<const SigningKey> node, validator, op, admin, oracle;
  // The key for RoleSpec::key ("operator", "admin", "oracle").
  const SigningKey* for_role(std::string_view name) const;
};

struct MirrorInfo;  // kernel/snapshot/mirror.hpp

struct RpcParts {  // all outlive the Rpc
  Host* host = nullptr;
  Chain* chain = nullptr;
  Producer* producer = nullptr;
  MetricRegistry* metrics = nullptr;
  Bus* bus = nullptr;
  Logger* log = nullptr;
  Clock* clock = nullptr;
  WorkerPool* workers = nullptr;
  IoPool* io = nullptr;
  NodeKeys keys;
  std::function<std::shared_ptr<const Config>()> config;
  std::string data_dir, version;
  std::function<void()> request_shutdown;
  Disk* log_disk = nullptr;   // of the block log; null: the system's
  std::string log_dir;        // empty: <data>/chain
  LogViews* views = nullptr;  // may be null: commands are then found among the newest only
  ConfigService* config_service = nullptr;  // reload, history, diff and rollback
  SnapshotService* snapshots = nullptr;     // null where nothing is produced
  // Writes the mirror of a plugin's namespace; null: there are none.
  std::function<Result<MirrorInfo>(const std::string& plugin)> write_mirror;
  // Before a plugin is sent into the roster that is not in force: has the rows of its mirror wait
  // for it. An error keeps it out. Null: there are no mirrors. [worker]
  std::function<Status(const RosterEntry&)> before_joining;
};

// Folder of the searchable log (log.index, else <data>/logs.db); empty: there is none.
std::string log_folder(const Config& config, const std::string& data_dir);

class Rpc : public HttpHandler, public MethodCaller {
 public:
  // Shared: listeners hold it as their handler.
  static Result<std::shared_ptr<Rpc>> create(RpcParts parts);
  ~Rpc() override = default;
  // The manifests of the kernel's own methods, for HostOptions::kernel_manifests.
  static std::vector<std::shared_ptr<const Manifest>> kernel_manifests();
  // Tokens, hosts, limits and roles are read again (config generation, SIGHUP).
  virtual Status configure() = 0;
  // Whether configure() could take what `next` says of tokens. Errors: kInvalid.
  virtual Status check(const Config& next) const = 0;
  // `next` was refused, for whatever reason: what is odd about its TLS settings is told and
  // counted.
  virtual void refused(const Config& next) = 0;
  // The node's HTTP server reports to it: request_duration_seconds.
  static Result<std::shared_ptr<HttpObserver>> request_observer(MetricRegistry& metrics);
  // A block was committed and its view is published: indexes its commands, wakes who waits for a
  // height or for events. Never waits. [executor]
  virtual void committed(const std::shared_ptr<const BlockRecord>& block) = 0;
  // While true, readyz says "starting". False at first.
  virtual void set_starting(bool starting) = 0;
  // Not ready any more: readyz says "stopping", commands are refused.
  virtual void stopping() = 0;
};

}  // namespace blockd
