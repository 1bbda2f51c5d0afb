// RpcImpl: see rpc.hpp. Not for other folders.
//
// Threads: handle() and WebSocket messages come on io threads; queries that have shown to be quick are answered there, all else
// goes to the workers. Answers may come from any thread. Everything shared is immutable behind one pointer (Access, Plans)
// or guarded by a mutex of its own; no mutex is held while plugin code runs.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "kernel/config/config.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/io_pool.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/rpc/caller.hpp"
#include "kernel/rpc/credentials.hpp"
#include "kernel/rpc/rate_limiter.hpp"
#include "kernel/rpc/rpc.hpp"
#include "kernel/rpc/rpc_error.hpp"

namespace blockd {

class RpcImpl;

// One received text with everything that its calls share.
struct Message {
  std::shared_ptr<const HttpRequest> request;  // null for calls of plugins
  Caller caller;
  std::shared_ptr<const Credentials> credentials;
  std::string_view body;   // the text, for signed commands
  std::string owned_body;  // of a WebSocket message
  json::value root;
  bool in_batch = false;
};
using MessagePtr = std::shared_ptr<const Message>;

// How an answer leaves: `text` is empty for a notification.
using Done = std::function<void(std::string text, int http_status)>;

struct Call;
// A method of the kernel. Returns an error or fills `result` with JSON. [io when quick, else worker]
using KernelMethod = std::optional<RpcError> (*)(RpcImpl& rpc, const Call& call, std::string* result);

// What is known of a method beside its manifest entry. One for each method and generation.
struct Plan {
  MethodEntry entry;
  KernelMethod kernel = nullptr;
  Histogram* latency = nullptr;
  std::atomic<std::uint32_t> cost_us{1'000'000};  // moving average; starts high, so the first calls go to a worker
};
struct Plans {
  GenerationPtr generation;
  std::unordered_map<std::string_view, std::unique_ptr<Plan>> by_name;
};

// One call of a message, checked as far as its method.
struct Call {
  MessagePtr message;
  std::string id;                       // JSON text; empty: a notification
  std::shared_ptr<const Plans> plans;   // keeps the generation and its images
  Plan* plan = nullptr;
  const json::value* params = nullptr;  // object or array, null when absent
  json::value own_params;               // when members of ours were taken out
  StateViewPtr view;
  ValueArena arena;
  std::vector<tb_value> values;         // params in declared order
  std::uint64_t min_height = 0;
  json::object tx;                      // member `_tx`
  std::uint64_t started_us = 0;
  Done done;

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
  MetricFamily *latency, *client_errors, *tx_rejected, *tokens_available;
  Counter *rate_attempts, *rate_rejects, *bans, *submitted, *admitted;
  Histogram* request_duration;
  static Result<RpcMetrics> declare(MetricRegistry& registry);
};

class RpcImpl final : public Rpc, public std::enable_shared_from_this<RpcImpl> {
 public:
  explicit RpcImpl(RpcParts parts);
  ~RpcImpl() override;
  Status init();

  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override;
  WsAnswer accept_ws(std::shared_ptr<const HttpRequest> request) override;
  void call_as_plugin(const std::string& plugin, const std::string& method, json::value params,
                      std::function<void(bool ok, json::value)> done) override;
  Status configure() override;
  void stopping() override { stopping_.store(true); }

  // A whole JSON-RPC text, single or batch. `reply` gets the answer's text ("" for notifications only) and the HTTP status.
  void handle_text(std::shared_ptr<const HttpRequest> request, Caller caller, std::shared_ptr<const Credentials> credentials,
                   std::string owned_body, std::string_view body, Done reply);

  const RpcParts& parts() const { return parts_; }
  std::shared_ptr<const Credentials> credentials() const;
  std::shared_ptr<const Plans> plans();
  bool is_stopping() const { return stopping_.load(); }
  std::uint64_t uptime_secs() const;
  // Whether the node can take commands and, if not, why: words of /readyz in their order.
  std::vector<std::string> not_ready_reasons() const;
  // start_mining: a block now, and one each interval until `until_ms`. [any]
  void mine_until(std::uint64_t until_ms);
  std::optional<RpcError> admission(const Refusal& refusal, const Call& call);
  RpcMetrics& metrics() { return metrics_; }
  const SigningKey* key_for(const Call& call) const;

 private:
  // http_routes.cpp
  HttpResponse preflight(const HttpRequest& request) const;
  bool host_allowed(const HttpRequest& request) const;
  bool origin_allowed(const HttpRequest& request) const;
  void add_cors(const HttpRequest& request, HttpResponse* response) const;
  bool serve_node_route(const HttpRequest& request, const HttpReply& reply);
  bool serve_plugin_route(const std::shared_ptr<const HttpRequest>& request, const Caller& caller, const HttpReply& reply);
  std::optional<HttpResponse> limit(const Caller& caller);
  void post_rpc(std::shared_ptr<const HttpRequest> request, Caller caller, HttpReply reply);
  HttpResponse healthz() const;
  HttpResponse readyz() const;
  HttpResponse status_page(bool json) const;

  // dispatch.cpp
  void dispatch(const MessagePtr& message, const json::value& element, Done done);
  std::optional<RpcError> check_access(Call& call);
  std::optional<RpcError> check_rates(Call& call);
  std::optional<RpcError> take_options(Call& call);
  void run(CallPtr call);
  void run_query(CallPtr call);
  void wait_for_height(CallPtr call);
  void finish(const CallPtr& call, std::optional<RpcError> error, std::string result);

  // commands.cpp
  void run_command(CallPtr call);
  void run_unsigned(CallPtr call);
  void run_signed(CallPtr call, const json::object& params);
  void answer_command(const CallPtr& call, const CommandResult& result, const std::shared_ptr<std::atomic<bool>>& answered);

  RpcParts parts_;
  RpcMetrics metrics_{};
  RateLimiter limiter_;
  std::atomic<bool> stopping_{false};
  std::uint64_t started_us_ = 0;
  mutable std::mutex access_mutex_;
  std::shared_ptr<const Credentials> credentials_;
  std::mutex plans_mutex_;
  std::shared_ptr<const Plans> plans_;
  std::atomic<std::uint64_t> mine_until_ms_{0};

  friend void submit_command(RpcImpl&, const CallPtr&, const CommandPtr&, bool);
};

// kernel_methods.cpp: the handler of a kernel method by name; nullptr if it has none.
KernelMethod kernel_method(std::string_view name);
// commands.cpp
void submit_command(RpcImpl& rpc, const CallPtr& call, const CommandPtr& command, bool wait);

}  // namespace blockd
