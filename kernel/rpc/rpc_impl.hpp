// RpcImpl: see rpc.hpp. Not for other folders.
//
// Threads: handle() and WebSocket messages come on io threads; queries that have shown to be quick
// are answered there, all else goes to the workers. Answers may come from any thread. Everything
// shared is immutable behind one pointer (Access, Plans) or guarded by a mutex of its own; no mutex
// is held while plugin code runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "kernel/bus/bus.hpp"
#include "kernel/config/config.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/io_pool.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/rpc/caller.hpp"
#include "kernel/rpc/checkpoints.hpp"
#include "kernel/rpc/credentials.hpp"
#include "kernel/rpc/event_stream.hpp"
#include "kernel/rpc/preview_jobs.hpp"
#include "kernel/rpc/process_metrics.hpp"
#include "kernel/rpc/rate_limiter.hpp"
#include "kernel/rpc/replay_nonces.hpp"
#include "kernel/rpc/rpc.hpp"
#include "kernel/rpc/rpc_error.hpp"
#include "kernel/rpc/running_queries.hpp"
#include "kernel/rpc/store_jobs.hpp"
#include "kernel/rpc/telemetry_metrics.hpp"
#include "kernel/rpc/tls_warnings.hpp"
#include "kernel/rpc/tx_index.hpp"

namespace blockd {

class RpcImpl;

inline constexpr std::size_t kMaxGoneMethods = 10'000;  // names of plugins that ran here once

// What the configuration says of who may come in. Immutable; configure() makes a new one.
struct Access {
  std::shared_ptr<const Credentials> credentials;
  std::vector<std::string> hosts, origins;
  bool exempt_loopback = false;
  bool telemetry = true;
};

// One received text with everything that its calls share.
struct Message {
  std::shared_ptr<const HttpRequest> request;  // null for calls of plugins
  Caller caller;
  std::shared_ptr<const Credentials> credentials;
  std::string_view body;   // the text, for signed commands
  std::string owned_body;  // of a WebSocket message
  json::value root;
  bool in_batch = false;
  std::shared_ptr<ClientSession> session;  // of a WebSocket's message
};
using MessagePtr = std::shared_ptr<const Message>;

// How an answer leaves: `text` is empty for a notification.
using Done = std::function<void(std::string text, int http_status, std::uint64_t retry_after_ms)>;

struct Call;
struct CommandWait;
// A method of the kernel. Returns an error or fills `result` with JSON. [io when quick, else
// worker]
using KernelMethod = std::optional<RpcError> (*)(RpcImpl& rpc, const Call& call,
                                                 std::string* result);

enum class KernelRun : std::uint8_t {
  kQuick,   // where its cost so far says
  kWorker,  // may block: never on an io thread
  kSigned,  // takes an envelope: goes the way of commands
};
struct KernelEntry {
  std::string_view name;
  KernelMethod run = nullptr;
  KernelRun how = KernelRun::kQuick;
};

// What is known of a method beside its manifest entry. One for each method and generation.
struct Plan {
  MethodEntry entry;
  KernelMethod kernel = nullptr;
  KernelRun how = KernelRun::kQuick;
  Histogram* latency = nullptr;
  std::atomic<std::uint32_t> cost_us{
      1'000'000};  // moving average; starts high, so the first calls go to a worker
};
struct Plans {
  GenerationPtr generation;
  std::unordered_map<std::string_view, std::unique_ptr<Plan>> by_name;
};

// One call of a message, checked as far as its method.
struct Call {
  MessagePtr message;
  std::string id;                      // JSON text; empty: a notification
  std::shared_ptr<const Plans> plans;  // keeps the generation and its images
  Plan* plan = nullptr;
  const json::value* params = nullptr;  // object or array, null when absent
  json::value own_params;               // when members of ours were taken out
  StateViewPtr view;
  ValueArena arena;
  std::vector<tb_value> values;  // params in declared order
  std::uint64_t min_height = 0;
  json::object tx;  // member `_tx`
  std::uint64_t started_us = 0;
  Done done;
  std::optional<std::uint32_t> running_slot;  // RunningQueries' own, under its lock
  std::atomic<bool> finished{false};          // answered, by the handler or by the limit

  // A command, or a method that takes one.
  bool is_command() const {
    return spec().kind == MethodKind::kCommand || plan->how == KernelRun::kSigned;
  }
  bool is_envelope() const;  // params are {command, signatures}
  const MethodSpec& spec() const { return *plan->entry.spec; }
  const Manifest& manifest() const { return *plan->entry.manifest; }
  // Value of param `name` of the method; a NONE value when absent.
  const tb_value& param(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;
  bool flag(std::string_view name) const;
};
using CallPtr = std::shared_ptr<Call>;

// Counters and gauges of node-and-cli spec section 8 that belong here.
struct RpcMetrics {
  MetricFamily *latency, *client_errors, *tx_rejected, *tokens_available, *plugin_commands,
      *results_dropped;
  MetricFamily *mempool_size, *plugin_info, *upgrade_ready;
  MetricFamily *migration_rows, *images_draining;
  Gauge* images_leaked;
  Counter *log_correlation_fails, *rate_attempts, *rate_rejects, *bans, *submitted, *admitted,
      *mined;
  Counter *duplicates, *floor_rejects, *selector_rejects, *overflow_rejects;
  Gauge *height, *finalized, *pool_total, *sync_lag, *storage_bytes, *storage_capacity, *block_time;
  TelemetryMetrics telemetry;
  ProcessMetrics process;
  static Result<RpcMetrics> declare(MetricRegistry& registry);
  // Counts a refusal of admission, under its word and in the counter of its own if it has one.
  void rejected(std::string_view reason) const;
};

class RpcImpl final : public Rpc, public std::enable_shared_from_this<RpcImpl> {
 public:
  explicit RpcImpl(RpcParts parts);
  ~RpcImpl() override;
  Status init();

  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override;
  WsAnswer accept_ws(std::shared_ptr<const HttpRequest> request) override;
  void plugins_changed() override { plans(parts_.host->request_view().generation); }
  void call_as_plugin(const std::string& plugin, const std::string& method, json::value params,
                      std::function<void(bool ok, json::value)> done) override;
  Status configure() override;
  Status check(const Config& next) const override;
  void refused(const Config& next) override { note_tls(next); }
  void stopping() override;
  void set_starting(bool starting) override { starting_.store(starting); }
  void committed(const std::shared_ptr<const BlockRecord>& block) override;

  // A whole JSON-RPC text, single or batch. `reply` gets the answer's text ("" for notifications
  // only) and the HTTP status.
  void handle_text(std::shared_ptr<const HttpRequest> request, Caller caller,
                   std::shared_ptr<const Credentials> credentials, std::string owned_body,
                   std::string_view body, Done reply,
                   std::shared_ptr<ClientSession> session = nullptr);

  const RpcParts& parts() const { return parts_; }
  std::shared_ptr<const Access> access() const;
  std::shared_ptr<const Credentials> credentials() const { return access()->credentials; }
  std::shared_ptr<const Plans> plans(const GenerationPtr& generation);
  bool is_stopping() const { return stopping_.load(); }
  std::uint64_t uptime_secs() const;
  // Whether the node can take commands and, if not, why: words of /readyz in their order.
  std::vector<std::string> not_ready_reasons() const;
  // start_mining: a block now, and one each interval until the monotonic clock says `until_us`; 0
  // ends it. [any]
  void mine_until(std::uint64_t until_us);
  // Runs `work` on a worker, later if all are busy; not at all when the node is stopping. [any]
  void run_later(std::function<void()> work);
  RpcError admission(const Refusal& refusal, const Call& call);  // counts it
  RpcMetrics& metrics() { return metrics_; }
  const SigningKey* key_for(const Call& call) const { return key_for(call.spec(), *call.message); }
  // The key that signs an unsigned call of `method`.
  const SigningKey* key_for(const MethodSpec& method, const Message& message) const;
  const TxIndex& transactions() const { return transactions_; }
  EventLog& events() { return events_; }
  ReplayNonces& nonces() { return nonces_; }
  // Of what monitor.catalogue answers now; made again when the plugins in force changed. [any]
  std::string catalogue_hash();
  std::mutex& token_mutex() { return token_mutex_; }  // of the file of listed tokens
  // Waits on a worker until `done` holds, asked after each block; false when `limit_ms` passed
  // before.
  bool wait_for_block(std::uint64_t limit_ms, const std::function<bool()>& done);
  std::uint64_t finalized_height() const {
    return parts_.chain->view()->height;
  }  // a block of one validator is final when committed
  std::uint64_t last_block_ms() const { return last_block_ms_.load(); }
  std::uint64_t storage_bytes();
  bool is_validator() const;  // of this chain, by its genesis
  // Bytes of what rpc.discover answers this caller; made once for each generation and set of
  // visible methods.
  std::string discovery(const Call& call);
  // Until the next reload of the configuration. Returns what it was.
  std::uint64_t set_pool_cap(Lane lane, std::uint64_t cap);
  json::object status_document() const;
  PreviewJobs& previews() { return previews_; }
  StoreJobs& store_jobs() { return store_jobs_; }
  const Checkpoints& checkpoints() const { return *checkpoints_; }
  const TlsWarnings& tls_warnings() const { return tls_warnings_; }
  void watch(const std::shared_ptr<ClientSession>& session);
  // A rate refusal of this caller, or nothing. Counts.
  std::optional<RpcError> take_tokens(const Caller& caller, std::uint64_t cost);

 private:
  // rpc.cpp
  void index_recent_blocks();
  void update_gauges();
  void pump_sessions();
  void note_tls(const Config& config);
  void mine_again();
  void remember_gone(const Generation& before, const Generation& now);
  RpcError unknown_method(const Plans& plans, std::string_view name);

  // http_routes.cpp
  std::optional<HttpResponse> foreign_origin(const Access& access,
                                             const HttpRequest& request) const;
  bool serve_node_route(const Access& access, const HttpRequest& request, const HttpReply& reply);
  void serve_plugin_route(const Access& access, const std::shared_ptr<const HttpRequest>& request,
                          HttpReply reply);
  void post_rpc(const Access& access, const std::shared_ptr<const HttpRequest>& request,
                HttpReply reply);
  HttpResponse healthz() const;
  HttpResponse readyz() const;
  HttpResponse health_report() const;
  HttpResponse checkpoint_page(bool latest) const;

  // dispatch.cpp
  void refuse_message(const RpcError& error, const Done& reply);
  void dispatch(const MessagePtr& message, const json::value& element, Done done);
  std::optional<RpcError> check_ready(const Call& call) const;
  std::optional<RpcError> check_access(Call& call);
  std::optional<RpcError> check_rates(Call& call);
  std::optional<RpcError> take_options(Call& call);
  void take_view(Call& call);
  std::optional<RpcError> decode_call_params(Call& call) const;
  std::optional<RpcError> look_up_again(Call& call, const std::shared_ptr<const Plans>& before);
  void note_internal(const Call& call, RpcError* error) const;
  void run(CallPtr call);
  void run_query(CallPtr call);
  void too_late(const CallPtr& call, std::uint32_t limit_ms);
  void wait_for_height(CallPtr call);
  void finish(const CallPtr& call, std::optional<RpcError> error, std::string result);

  // commands.cpp
  void run_command(CallPtr call);
  void run_unsigned(CallPtr call);
  void run_signed(CallPtr call);
  void run_draft(const CallPtr& call, const SigningKey& key);
  void dry_run(const CallPtr& call, const SigningKey& key);
  Result<CommandPtr> draft(const Call& call, const SigningKey& key, bool next_in_pool) const;
  std::optional<Refusal> submit_command(const CallPtr& call, const CommandPtr& command,
                                        bool until_committed);
  void note_command(const Command& command, const std::optional<Refusal>& refusal) const;
  void note_included(const BlockRecord& block) const;
  std::optional<Refusal> hand_in(const CallPtr& call, const CommandPtr& command,
                                 bool until_committed);
  std::shared_ptr<CommandWait> start_wait(const CallPtr& call, std::optional<Hash> id);
  void answer_command(const CallPtr& call, const CommandResult& result, CommandWait& wait);

  RpcParts parts_;
  PreviewJobs previews_;  // ended by stopping()
  StoreJobs store_jobs_;  // the same
  const std::shared_ptr<Checkpoints> checkpoints_;
  RpcMetrics metrics_{};
  RateLimiter limiter_;
  std::shared_ptr<RunningQueries> running_;
  TlsWarnings tls_warnings_;
  TxIndex transactions_;
  EventLog events_;
  ReplayNonces nonces_{*parts_.clock};
  std::atomic<bool> stopping_{false}, starting_{false};
  std::uint64_t started_us_ = 0;
  mutable std::mutex access_mutex_;
  std::shared_ptr<const Access> access_;
  std::mutex plans_mutex_;
  std::shared_ptr<const Plans> plans_;
  std::unordered_map<std::string, std::string>
      gone_;  // method -> plugin that had it; under plans_mutex_
  std::atomic<std::uint64_t> mine_until_us_{0};
  std::atomic<bool> mining_{false};
  std::atomic<std::uint64_t> last_block_ms_{0};  // between the newest two blocks
  std::atomic<std::uint64_t> last_time_ms_{0};
  std::mutex blocks_mutex_;
  std::condition_variable blocks_changed_;
  std::uint64_t blocks_seen_ = 0;
  std::mutex sessions_mutex_;
  std::vector<std::weak_ptr<ClientSession>> sessions_;
  std::mutex token_mutex_, draft_mutex_, storage_mutex_, discovery_mutex_;
  std::uint64_t storage_bytes_ = 0, storage_at_us_ = 0;
  std::map<std::string, std::string> discovery_;  // at most kMaxDiscoveries
  std::mutex caps_mutex_;
  std::mutex catalogue_mutex_;
  std::string catalogue_key_, catalogue_hash_;  // the plugins in force, and the hash for them
  BusSubscription generations_;
  // What MetricRegistry::on_render may still call: it outlives this object.
  struct Gauges {
    std::mutex mutex;
    RpcImpl* rpc = nullptr;
  };
  std::shared_ptr<Gauges> gauges_;
};

// kernel_methods.cpp: how a method of the kernel is run; nullptr if there is none of that name.
const KernelEntry* kernel_method(std::string_view name);
// http_routes.cpp: a refusal outside of JSON-RPC: {"error":{code,message,data}} under its HTTP
// status.
HttpResponse error_response(const RpcError& error);
// kernel_manifest.cpp: parsed once.
const std::vector<std::shared_ptr<const Manifest>>& kernel_manifest_list();
// commands.cpp
std::optional<RpcError> check_tx_options(const Call& call);
// kernel_methods_monitor.cpp: topic of the event that the answer of monitor.catalogue changed.
inline constexpr std::string_view kCatalogueTopic = "monitor.catalogue_changed";

}  // namespace blockd
