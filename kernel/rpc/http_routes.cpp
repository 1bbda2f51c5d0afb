// HTTP: what is asked before a call is looked at (origin, rate, content type), the node's own
// routes and those of plugins (node-and-cli spec 5.2, 9.1, 9.2).

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "kernel/base/hex.hpp"
#include "kernel/console/console.hpp"
#include "kernel/rpc/log_pages.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kStalledMs = 10'000;     // without a sign of the executor
constexpr std::string_view kCorsMaxAge = "600";  // seconds

bool is_rpc_listener(std::string_view name) {
  return name == "rpc" || name == "metrics" || name == "socket";
}

HttpResponse json_response(int status, std::string body) {
  HttpResponse out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

HttpResponse plain_error(int status, std::string name, std::string message) {
  return error_response(
      rpc_error(status == 404 ? -34006 : -32600, std::move(name), std::move(message), status));
}

// "[::1]:8545" -> "[::1]", "node:8545" -> "node".
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos)
    return host;
  return host.substr(0, colon);
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) {
    return item == "*" || equal_ignoring_case(item, text);
  });
}

// An origin that this node serves itself: "http://node:8545" for Host "node:8545".
bool same_origin(std::string_view origin, std::string_view host) {
  const std::size_t slashes = origin.find("://");
  return slashes != std::string_view::npos && equal_ignoring_case(origin.substr(slashes + 3), host);
}

void add_cors(const Access& access, const HttpRequest& request, HttpResponse* response) {
  const std::string_view origin = request.headers.get("Origin");
  if (origin.empty() || !contains(access.origins, origin)) return;
  response->headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  response->headers.emplace_back("Vary", "Origin");
}

HttpResponse preflight(const Access& access, const HttpRequest& request) {
  HttpResponse out;
  out.status = 204;
  out.content_type.clear();
  out.headers.emplace_back("Allow", "GET, HEAD, POST, OPTIONS");
  add_cors(access, request, &out);
  if (out.headers.size() == 1) return out;  // not an origin of ours: the browser goes no further
  out.headers.emplace_back("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
  out.headers.emplace_back("Access-Control-Allow-Headers", "Content-Type, Authorization");
  out.headers.emplace_back("Access-Control-Max-Age", std::string(kCorsMaxAge));
  return out;
}

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return equal_ignoring_case(type, "application/json");
}

// "/meter/:id/reading" against "/meter/7/reading": fills the captured parts.
bool path_matches(std::string_view pattern, std::string_view path,
                  std::vector<std::pair<std::string, std::string>>* captured) {
  captured->clear();
  for (;;) {
    const std::size_t p = pattern.find('/', 1), q = path.find('/', 1);
    const std::string_view want = pattern.substr(0, p), have = path.substr(0, q);
    if (want.size() > 2 && want.starts_with("/:")) {
      if (have.size() < 2) return false;
      captured->emplace_back(want.substr(2), have.substr(1));
    } else if (want != have) {
      return false;
    }
    if ((p == std::string_view::npos) != (q == std::string_view::npos)) return false;
    if (p == std::string_view::npos) return true;
    pattern.remove_prefix(p);
    path.remove_prefix(q);
  }
}

}  // namespace

HttpResponse error_response(const RpcError& error) {
  json::object body;
  body["error"] = error_object(error);
  HttpResponse out = json_response(error.http_status, json::serialize(body));
  if (error.retry_after_ms)
    out.headers.emplace_back("Retry-After", std::to_string((error.retry_after_ms + 999) / 1000));
  if (error.http_status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  return out;
}

std::optional<RpcError> RpcImpl::take_tokens(const Caller& caller, std::uint64_t cost) {
  if (caller.ip.empty() || caller.plugin) return std::nullopt;
  const bool loopback = caller.ip.starts_with("127.") || caller.ip == "::1";
  if (loopback && access()->exempt_loopback) return std::nullopt;
  metrics_.rate_attempts->add();
  std::uint64_t wait_ms = 0;
  const RateLimiter::Verdict verdict = limiter_.take(caller.ip, cost, &wait_ms);
  if (verdict == RateLimiter::Verdict::kPass) return std::nullopt;
  const bool banned = verdict == RateLimiter::Verdict::kBanned;
  metrics_.rate_rejects->add();
  metrics_.client_errors->counter({banned ? "2001" : "2000"})->add();
  if (!banned) metrics_.bans->add();
  RpcError error =
      banned ? rpc_error(-32002, "banned",
                         "this address sent too many requests and is shut out for a while", 429)
             : rpc_error(-32001, "rate_limited",
                         "rate limited: too many requests from this address", 429);
  error.retry_after_ms = wait_ms;
  return error;
}

// Nothing, or the 403 for a Host or an Origin that this node does not serve.
std::optional<HttpResponse> RpcImpl::foreign_origin(const Access& access,
                                                    const HttpRequest& request) const {
  if (request.over_unix_socket) return std::nullopt;
  const std::string_view host = request.headers.get("Host"), origin = request.headers.get("Origin");
  if (!contains(access.hosts, without_port(host))) {
    return plain_error(
        403, "host_not_allowed",
        "the Host '" + std::string(host.substr(0, 128)) + "' is not in rpc.allowed_hosts");
  }
  if (origin.empty() || same_origin(origin, host) || contains(access.origins, origin))
    return std::nullopt;
  return plain_error(
      403, "origin_not_allowed",
      "the Origin '" + std::string(origin.substr(0, 128)) + "' is not in rpc.cors_allow_origins");
}

void RpcImpl::handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) {
  const std::shared_ptr<const Access> now = access();
  if (!now->origins.empty() && request->headers.has("Origin")) {
    reply = [now, request, send = std::move(reply)](HttpResponse response) {
      if (request->method != "OPTIONS") add_cors(*now, *request, &response);
      send(std::move(response));
    };
  }
  if (request->listener == "status") {
    reply = [self = shared_from_this(), request, begun = parts_.clock->monotonic_us(),
             send = std::move(reply)](HttpResponse response) {
      self->metrics_.process.answered(request->method, response.status,
                                      self->parts_.clock->monotonic_us() - begun);
      send(std::move(response));
    };
  }
  if (request->method == "POST" && request->path == "/" && is_rpc_listener(request->listener))
    return post_rpc(*now, request, std::move(reply));
  if (request->path == "/logs/search" && request->method == "GET" &&
      is_rpc_listener(request->listener)) {
    if (auto foreign = foreign_origin(*now, *request)) return reply(*std::move(foreign));
    return serve_log_search(*this, *now, request, reply);
  }
  if (serve_node_route(*now, *request, reply)) return;
  serve_plugin_route(*now, request, std::move(reply));
}

void RpcImpl::post_rpc(const Access& access, const std::shared_ptr<const HttpRequest>& request,
                       HttpReply reply) {
  Caller caller = access.credentials->identify(*request);
  if (auto refused = take_tokens(caller, 1)) {
    HttpResponse out = error_response(*refused);
    out.body = error_text("null", *refused);
    return reply(std::move(out));
  }
  if (auto foreign = foreign_origin(access, *request)) return reply(*std::move(foreign));
  if (!is_json(request->headers.get("Content-Type"))) {
    return reply(plain_error(415, "unsupported_media_type",
                             "send JSON-RPC with Content-Type: application/json"));
  }
  handle_text(
      request, std::move(caller), access.credentials, {}, request->body,
      [send = std::move(reply)](std::string text, int status, std::uint64_t retry_after_ms) {
        const int code = text.empty() ? 204 : status;
        HttpResponse out = json_response(code, std::move(text));
        if (out.status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
        if (retry_after_ms)
          out.headers.emplace_back("Retry-After", std::to_string((retry_after_ms + 999) / 1000));
        if (out.status == 204) out.content_type.clear();
        send(std::move(out));
      });
}

HttpResponse RpcImpl::checkpoint_page(bool latest) const {
  constexpr std::uint64_t kListed = 100;
  HttpResponse out;
  const std::optional<std::uint64_t> newest = checkpoints_->newest();
  if (!latest) {
    out = json_response(200, json::serialize(checkpoints_->list(kListed)));
  } else if (!newest) {
    out = plain_error(404, "not_found", "no epoch has ended yet");
  } else if (Result<json::object> checkpoint = checkpoints_->make(*newest); checkpoint.ok()) {
    out = json_response(200, json::serialize(*checkpoint));
  } else {
    out = error_response(from_status(checkpoint.status()));
  }
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

// Routes that are there with every list of plugins.
bool RpcImpl::serve_node_route(const Access& access, const HttpRequest& request,
                               const HttpReply& reply) {
  const std::string& l = request.listener;
  const bool rpc = is_rpc_listener(l), status = l == "status";
  if (request.method == "OPTIONS" && rpc) {
    auto foreign = foreign_origin(access, request);
    reply(foreign ? *std::move(foreign) : preflight(access, request));
    return true;
  }
  const bool get = request.method == "GET" || request.method == "HEAD";
  const std::string& path = request.path;
  const bool metrics_path = path == "/metrics" && (l == "metrics" || l == "telemetry");
  const bool probe = (path == "/healthz" || path == "/readyz") && (rpc || status);
  const bool page =
      status && (path == "/" || path == "/live" || path == "/ready" || path == "/v1/status" ||
                 path == "/v1/peers" || path.starts_with("/v1/health") ||
                 path.starts_with("/v1/checkpoints"));
  if (path == "/" && rpc) {
    HttpResponse out = plain_error(405, "method_not_allowed", "JSON-RPC is sent by POST");
    out.headers.emplace_back("Allow", "POST, OPTIONS");
    reply(std::move(out));
    return true;
  }
  if (l == "rpc" || l == "socket") {
    if (auto console = serve_console(request)) return reply(*std::move(console)), true;
  }
  if (!metrics_path && !probe && !page) return false;
  if (!get) {
    HttpResponse out = plain_error(405, "method_not_allowed", "this page can only be read");
    out.headers.emplace_back("Allow", "GET, HEAD");
    reply(std::move(out));
    return true;
  }
  if (metrics_path) {
    if (!access.telemetry)
      return reply(plain_error(404, "not_found", "telemetry.enabled is false on this node")), true;
    // Sizes of files are among the gauges: not on an io thread.
    const bool taken = parts_.workers->submit([this, reply] {
      HttpResponse out = json_response(200, parts_.metrics->render());
      out.content_type = std::string(MetricRegistry::kContentType);
      reply(std::move(out));
    });
    if (!taken) reply(error_response(busy_error()));
    return true;
  }
  if (path == "/v1/checkpoints" || path == "/v1/checkpoints/latest") {
    // Blocks are read: not on an io thread.
    const bool latest = path.ends_with("latest");
    const bool taken =
        parts_.workers->submit([this, reply, latest] { reply(checkpoint_page(latest)); });
    if (!taken) reply(error_response(busy_error()));
    return true;
  }
  HttpResponse out;
  if (path == "/healthz" || path == "/live" || path == "/v1/health/live") {
    out = healthz();
  } else if (path == "/readyz" || path == "/ready" || path == "/v1/health/ready") {
    out = readyz();
  } else if (path == "/v1/peers") {
    // This build has no peer network: the list is there for who reads it, and is empty.
    out = json_response(200, R"({"count":0,"peers":[]})");
  } else if (path == "/v1/status") {
    out = json_response(200, json::serialize(status_document()));
  } else if (path == "/v1/health") {
    out = health_report();
  } else if (path == "/") {
    out = text_response(200, "height: " + std::to_string(parts_.chain->view()->height));
  } else {
    out = plain_error(404, "not_found", "nothing at " + path.substr(0, 128));
  }
  out.headers.emplace_back("Cache-Control", "no-store");
  reply(std::move(out));
  return true;
}

void RpcImpl::serve_plugin_route(const Access& access,
                                 const std::shared_ptr<const HttpRequest>& request,
                                 HttpReply reply) {
  const std::string_view listener =
      request->listener == "socket" ? std::string_view("rpc") : std::string_view(request->listener);
  const std::string_view method =
      request->method == "HEAD" ? std::string_view("GET") : std::string_view(request->method);
  const RequestView now = parts_.host->request_view();
  const GenerationPtr generation = now.generation;
  PluginInstance::HttpCall call;
  const RouteEntry* found = nullptr;
  std::string allow;
  for (const RouteEntry& entry : generation->routes) {
    std::vector<std::pair<std::string, std::string>> captured;
    if (entry.route->listener != listener ||
        !path_matches(entry.route->path, request->path, &captured))
      continue;
    allow += (allow.empty() ? "" : ", ") + entry.route->method;
    if (entry.route->method != method || found) continue;
    found = &entry;
    call.path = std::move(captured);
  }
  if (!found) {
    HttpResponse out =
        allow.empty() ? plain_error(404, "not_found", "nothing at " + request->path.substr(0, 128))
                      : plain_error(405, "method_not_allowed", "this path knows " + allow);
    if (!allow.empty()) out.headers.emplace_back("Allow", allow);
    return reply(std::move(out));
  }
  const Caller caller = access.credentials->identify(*request);
  if (auto refused = take_tokens(caller, 1)) return reply(error_response(*refused));
  if (is_rpc_listener(request->listener)) {
    if (auto foreign = foreign_origin(access, *request)) return reply(*std::move(foreign));
  }
  const std::string& role = found->route->role;
  if (caller.bad_credential)
    return reply(error_response(
        rpc_error(-34000, "unauthorized", "the credential that was sent is not valid here", 401)));
  if (role != "open" && !caller.may(role, access.credentials->roles())) {
    RpcError error = rpc_error(-34003, "forbidden", "this page needs the role " + role,
                               caller.has_credential ? 403 : 401);
    error.data["role"] = role;
    return reply(error_response(error));
  }
  call.route = found->index;
  call.query = request->query;
  call.body = request->body;
  call.content_type = std::string(request->headers.get("Content-Type"));
  const bool taken =
      parts_.workers->submit([generation, plugin = found->plugin, call = std::move(call), reply,
                              view = now.state ? now.state : parts_.chain->view()] {
        PluginInstance::HttpAnswer answer = plugin->http(view, call);
        HttpResponse out = json_response(static_cast<int>(answer.status), std::move(answer.body));
        out.content_type = std::move(answer.content_type);
        reply(std::move(out));
      });
  if (!taken) reply(error_response(busy_error()));
}

HttpResponse RpcImpl::healthz() const {
  const std::uint64_t now = parts_.clock->monotonic_us() / 1000,
                      last = parts_.producer->last_sign_ms();
  if (now > last && now - last > kStalledMs) {
    return json_response(503, R"({"status":"fail","reason":"executor_stalled","since_ms":)" +
                                  std::to_string(now - last) + "}");
  }
  json::object out;
  out["status"] = "ok";
  out["version"] = parts_.version;
  out["uptime_secs"] = uptime_secs();
  return json_response(200, json::serialize(out));
}

HttpResponse RpcImpl::readyz() const {
  const std::vector<std::string> reasons = not_ready_reasons();
  json::object out;
  out["ready"] = reasons.empty();
  out["height"] = parts_.chain->view()->height;
  if (!reasons.empty()) out["reasons"] = json::array(reasons.begin(), reasons.end());
  return json_response(reasons.empty() ? 200 : 503, json::serialize(out));
}

// moloch spec 5.9: the worst of the checks.
HttpResponse RpcImpl::health_report() const {
  const std::vector<std::string> words = not_ready_reasons();
  auto told = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  json::object checks{{"storage", "ok"}, {"peers", "ok"}, {"finality", "ok"},
                      {"sync", "ok"},    {"clock", "ok"}, {"plugins", "ok"}};
  json::array reasons;
  bool fail = false, degraded = false;
  if (told("storage_full") || told("storage_error")) {
    checks["storage"] = told("storage_full") ? "full" : "error";
    reasons.emplace_back(told("storage_full") ? "the storage is full: make room or raise its limit"
                                              : "the storage answers with errors: see the log");
    fail = true;
  }
  for (const std::string& word : words) {
    if (!word.starts_with("plugin:")) continue;
    checks["plugins"] = "failed_required";
    reasons.emplace_back("the plugin " + word.substr(7) + " is needed here and does not run");
    fail = true;
  }
  for (const PluginStatus& plugin : parts_.host->list()) {
    if (fail || plugin.state != "failed") continue;
    checks["plugins"] = "failed";
    reasons.emplace_back("the plugin " + plugin.id + " failed: " + plugin.error);
    degraded = true;
  }
  for (const char* word : {"starting", "stopping"}) {
    if (!told(word)) continue;
    reasons.emplace_back(word);
    fail = true;
  }
  json::object out;
  out["status"] = fail ? "fail" : degraded ? "degraded" : "ok";
  out["height"] = parts_.chain->view()->height;
  out["checks"] = std::move(checks);
  out["reasons"] = std::move(reasons);
  return json_response(fail ? 503 : 200, json::serialize(out));
}

json::object RpcImpl::status_document() const {
  const StateViewPtr view = parts_.chain->view();
  const Result<Header> head = parts_.chain->header(view->height);
  const Mempool::Stats pool = parts_.producer->pool().stats();
  const std::string hash = to_hex(view->head_hash);
  json::object out;
  out["chain_id"] = parts_.chain->genesis().chain_id;
  out["head_height"] = view->height;
  out["head_hash"] = hash;
  out["finalized_height"] = finalized_height();
  out["peer_count"] = 0;
  out["syncing"] = false;
  out["version"] = parts_.version;
  out["mempool_size"] = pool.size[0] + pool.size[1] + pool.size[2];
  out["mmr_root"] = head.ok() ? json::value(to_hex(head->mmr_root)) : json::value(nullptr);
  out["mmr_leaves"] = view->height + 1;
  out["epoch"] = view->epoch;
  out["validator"] = is_validator();
  out["uptime_seconds"] = uptime_secs();
  out["sync"] = json::object{{"state", "synced"},
                             {"mode", "catchup"},
                             {"lag", 0},
                             {"target_height", view->height},
                             {"blocks_per_second", 0},
                             {"eta_seconds", nullptr},
                             {"progress_bps", 10'000}};
  out["height"] = view->height;
  out["latest_block"] = hash;
  out["pending_events"] = 0;
  return out;
}

}  // namespace blockd
