// From a JSON-RPC text to a checked call (the numbered list of node-and-cli spec 5.2), and the run
// of queries.

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "kernel/base/hex.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/rpc/refusals.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

constexpr std::uint32_t kInlineCostUs =
    150;  // a query that takes less on average is answered on the io thread
constexpr std::uint32_t kMaxCountedUs = 5 * kInlineCostUs;  // of one call, in that average
constexpr std::uint32_t kHeightPollMs = 5;
constexpr std::uint64_t kWrongCredentialCost =
    10;  // requests' worth of the client's rate, against guessing

constexpr std::array<std::string_view, 4> kCallMembers = {"jsonrpc", "id", "method", "params"};

// The first member that a call does not have; empty: none. A misspelt `params` would otherwise be a
// call without any.
std::string_view unknown_member(const json::object& call) {
  for (const json::key_value_pair& member : call) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::find(kCallMembers.begin(), kCallMembers.end(), name) == kCallMembers.end())
      return name;
  }
  return {};
}

std::string id_text(const json::value* id) {
  if (!id) return {};
  if (id->is_int64() || id->is_uint64() || id->is_string() || id->is_null())
    return json::serialize(*id);
  return {};
}

// Of the keys that a rate class names ("energy.settle_tokens_per_sec,energy.tokens_per_sec") the
// first that is set; empty: no limit.
std::string limit_key(const Config& config, const RateClassSpec& rate) {
  for (std::string_view rest = rate.config; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string key(rest.substr(0, comma));
    if (config.schema().find(key) && config.has(key)) return key;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return {};
}

RpcError forbidden(const std::string& role) {
  RpcError error = rpc_error(-34003, "forbidden", "this method needs the role " + role, 403);
  error.data["role"] = role;
  error.data["hint"] =
      "send a token of that role, or call over the local socket: "
      "contract-cli --url unix:DATA_DIR/rpc.sock";
  return error;
}

}  // namespace

bool Call::is_envelope() const {
  const json::object* o = params ? params->if_object() : nullptr;
  return o && o->contains("command") && o->contains("signatures");
}

const tb_value& Call::param(std::string_view name) const {
  static const tb_value kNone{};
  const std::vector<Field>& fields = spec().params;
  for (std::size_t i = 0; i < fields.size() && i < values.size(); ++i) {
    if (fields[i].name == name) return values[i];
  }
  return kNone;
}
std::string Call::text(std::string_view name) const {
  const tb_value& v = param(name);
  return v.type == TB_TYPE_STR || v.type == TB_TYPE_BYTES ? Bytes(to_view(v.str)) : std::string();
}
std::uint64_t Call::number(std::string_view name, std::uint64_t otherwise) const {
  const tb_value& v = param(name);
  return v.type == TB_TYPE_U64 || v.type == TB_TYPE_I64 ? v.num : otherwise;
}
bool Call::flag(std::string_view name) const {
  const tb_value& v = param(name);
  return v.type == TB_TYPE_BOOL && v.num != 0;
}

std::shared_ptr<const Plans> RpcImpl::plans(const GenerationPtr& generation) {
  std::lock_guard lock(plans_mutex_);
  if (plans_ && plans_->generation == generation) return plans_;
  auto next = std::make_shared<Plans>();
  next->generation = generation;
  for (const auto& [name, entry] : generation->methods) {
    auto plan = std::make_unique<Plan>();
    plan->entry = entry;
    plan->latency = metrics_.latency->histogram({std::string_view(entry.manifest->id)});
    if (const KernelEntry* kernel = entry.plugin ? nullptr : kernel_method(entry.spec->name)) {
      plan->kernel = kernel->run;
      plan->how = kernel->how;
    }
    next->by_name.emplace(name, std::move(plan));
  }
  if (plans_) remember_gone(*plans_->generation, *generation);
  plans_ = next;
  return next;
}

// Methods of a plugin that was unloaded are told apart from methods that never were. REQUIRES:
// plans_mutex_ held.
void RpcImpl::remember_gone(const Generation& before, const Generation& now) {
  for (const auto& [name, entry] : now.methods) gone_.erase(name);
  for (const auto& [name, entry] : before.methods) {
    if (!now.methods.contains(name) && gone_.size() < kMaxGoneMethods)
      gone_.emplace(name, entry.manifest->id);
  }
}

RpcError RpcImpl::unknown_method(const Plans& plans, std::string_view name) {
  std::string plugin;
  {
    std::lock_guard lock(plans_mutex_);
    if (auto at = gone_.find(std::string(name)); at != gone_.end()) plugin = at->second;
  }
  for (const PluginStatus& status : parts_.host->list()) {
    const bool its = name.size() > status.id.size() && name.starts_with(status.id) &&
                     name[status.id.size()] == '.';
    if (plugin.empty() && its && !plans.generation->find(status.id)) plugin = status.id;
  }
  if (!plugin.empty()) {
    RpcError error = rpc_error(
        -32603, "plugin_disabled",
        "the plugin " + plugin + " of '" + std::string(name) + "' does not run on this node");
    error.data["plugin"] = plugin;
    return error;
  }
  RpcError error = rpc_error(-32601, "method_not_found",
                             "no method '" + std::string(name.substr(0, 128)) + "' here");
  std::vector<std::string> names;
  for (const auto& [known, plan] : plans.by_name) {
    if (!plan->entry.spec->hidden && plan->entry.spec->role != "admin") names.emplace_back(known);
  }
  if (auto near = nearest_name(name.substr(0, 128), names)) error.data["nearest"] = *near;
  return error;
}

void RpcImpl::handle_text(std::shared_ptr<const HttpRequest> request, Caller caller,
                          std::shared_ptr<const Credentials> credentials, std::string owned_body,
                          std::string_view body, Done reply,
                          std::shared_ptr<ClientSession> session) {
  auto message = std::make_shared<Message>();
  message->session = std::move(session);
  message->request = std::move(request);
  message->caller = std::move(caller);
  message->credentials = std::move(credentials);
  message->owned_body = std::move(owned_body);
  message->body = message->owned_body.empty() ? body : std::string_view(message->owned_body);
  Result<json::value> parsed = parse_json(message->body);
  if (!parsed.ok()) {
    RpcError error = rpc_error(-32700, "parse_error", parsed.status().message());
    if (!parsed.status().hint().empty()) error.data["hint"] = parsed.status().hint();
    return refuse_message(error, reply);
  }
  message->root = *std::move(parsed);
  const json::array* batch = message->root.if_array();
  if (!batch) {
    dispatch(message, message->root, std::move(reply));
    return;
  }
  const std::uint64_t max_batch = parts_.config()->u64("rpc.max_batch");
  if (batch->empty() || batch->size() > max_batch) {
    RpcError error = rpc_error(-32600, "invalid_request",
                               batch->empty() ? "an empty batch"
                                              : "a batch of " + std::to_string(batch->size()) +
                                                    " calls; at most " + std::to_string(max_batch));
    error.data["hint"] = batch->empty() ? "send at least one call"
                                        : "send several smaller ones, or raise rpc.max_batch";
    return refuse_message(error, reply);
  }
  message->in_batch = true;
  struct Gather {
    std::mutex mutex;
    std::vector<std::string> texts;
    std::size_t open = 0;
    Done reply;
  };
  auto gather = std::make_shared<Gather>();
  gather->texts.resize(batch->size());
  gather->open = batch->size();
  gather->reply = std::move(reply);
  for (std::size_t i = 0; i < batch->size(); ++i) {
    dispatch(message, (*batch)[i], [gather, i](std::string text, int, std::uint64_t) {
      std::unique_lock lock(gather->mutex);
      gather->texts[i] = std::move(text);
      if (--gather->open > 0) return;
      std::string out;
      for (const std::string& one : gather->texts) {
        if (one.empty()) continue;
        out.append(out.empty() ? "[" : ",").append(one);
      }
      if (!out.empty()) out.push_back(']');
      lock.unlock();
      gather->reply(std::move(out), 200, 0);
    });
  }
}

// What was sent is no call at all.
void RpcImpl::refuse_message(const RpcError& error, const Done& reply) {
  metrics_.client_errors->counter({std::string_view(std::to_string(error.code))})->add();
  reply(error_text("null", error), error.http_status, 0);
}

// Code and state of one moment, which the call keeps to its end.
void RpcImpl::take_view(Call& call) {
  RequestView now = parts_.host->request_view();
  call.plans = plans(now.generation);
  call.view = now.state ? std::move(now.state) : parts_.chain->view();
}

void RpcImpl::dispatch(const MessagePtr& message, const json::value& element, Done done) {
  auto call = std::make_shared<Call>();
  call->message = message;
  call->done = std::move(done);
  call->started_us = parts_.clock->monotonic_us();
  const json::object* o = element.if_object();
  const json::value* id = o ? o->if_contains("id") : nullptr;
  call->id = o && !id ? std::string() : id_text(id);
  auto refuse = [&](RpcError error) {
    if (call->id.empty() && (!o || id)) call->id = "null";
    finish(call, std::move(error), {});
  };
  const json::value* version = o ? o->if_contains("jsonrpc") : nullptr;
  const json::value* method = o ? o->if_contains("method") : nullptr;
  const json::value* params = o ? o->if_contains("params") : nullptr;
  const std::string_view stray = o ? unknown_member(*o) : std::string_view();
  if (!stray.empty()) {
    if (call->id.empty()) call->id = "null";
    RpcError error = rpc_error(-32600, "invalid_request",
                               "a call has no member '" + std::string(stray.substr(0, 64)) + "'");
    error.data["field"] = stray.substr(0, 64);
    if (auto nearest = nearest_name(stray.substr(0, 64), kCallMembers))
      error.data["nearest"] = *nearest;
    return refuse(std::move(error));
  }
  if (!o || (id && call->id.empty()) || !version || !version->is_string() ||
      version->get_string() != "2.0" || !method || !method->is_string() ||
      (params && !params->is_object() && !params->is_array())) {
    if (call->id.empty()) call->id = "null";  // it is no notification: nobody knows what it is
    return refuse(rpc_error(
        -32600, "invalid_request",
        R"(expected {"jsonrpc":"2.0","id":text, integer or null,"method":text,"params":object or array})"));
  }
  if (message->in_batch && &element != &message->root.get_array()[0]) {
    // The first call of a batch was paid for when the request came.
    if (auto error = take_tokens(message->caller, 1)) return refuse(std::move(*error));
  }
  call->params = params;
  take_view(*call);
  auto found = call->plans->by_name.find(std::string_view(method->get_string()));
  // A credential is looked at before the method, so that a stranger learns nothing of what exists
  // here.
  const bool guarded_method =
      found != call->plans->by_name.end() && message->credentials &&
      found->second->entry.manifest->unauthorized.code != 0 &&
      message->credentials->plugin_guarded(found->second->entry.manifest->id);
  if (!message->caller.plugin && !guarded_method &&
      (message->caller.bad_credential ||
       (message->credentials && message->credentials->credential_required() &&
        !message->caller.has_credential))) {
    std::uint64_t ignored = 0;
    if (!message->caller.ip.empty())
      limiter_.take(message->caller.ip, kWrongCredentialCost, &ignored);
    return refuse(rpc_error(-34000, "unauthorized",
                            message->caller.bad_credential
                                ? "the credential that was sent is not valid here"
                                : "this node demands a bearer token",
                            401));
  }
  if (found == call->plans->by_name.end()) {
    return refuse(unknown_method(*call->plans, method->get_string()));
  }
  call->plan = found->second.get();
  if (auto error = check_ready(*call)) return refuse(std::move(*error));
  if (auto error = check_access(*call)) return refuse(std::move(*error));
  if (auto error = check_rates(*call)) return refuse(std::move(*error));
  if (auto error = take_options(*call)) return refuse(std::move(*error));
  run(std::move(call));
}

// Commands need a node that makes blocks; queries are answered on the newest view whatever happens.
std::optional<RpcError> RpcImpl::check_ready(const Call& call) const {
  if (!call.is_command()) return std::nullopt;
  if (stopping_.load()) return rpc_error(-34004, "not_ready", "the node is stopping");
  const Status stalled = parts_.chain->stalled();
  if (stalled.ok()) return std::nullopt;
  if (stalled.code() != Code::kUnavailable) return from_status(stalled);
  RpcError error = rpc_error(-34004, "plugin_missing", stalled.message());
  if (!stalled.hint().empty()) error.data["hint"] = stalled.hint();
  error.data["height"] = parts_.chain->view()->height + 1;
  return error;
}

std::optional<RpcError> RpcImpl::check_access(Call& call) {
  const Message& m = *call.message;
  if (m.caller.plugin) return std::nullopt;
  const MethodSpec& spec = call.spec();
  const Manifest& manifest = call.manifest();
  const RoleTable& roles = m.credentials->roles();
  const bool signed_command = spec.kind == MethodKind::kCommand && call.is_envelope();
  if (manifest.unauthorized.code != 0 && m.credentials->plugin_guarded(manifest.id)) {
    // The role that loopback has without a credential does not count here.
    if (m.caller.bad_credential || !m.caller.has_credential || !m.caller.may(spec.role, roles)) {
      std::uint64_t ignored = 0;
      if (m.caller.bad_credential && !m.caller.ip.empty())
        limiter_.take(m.caller.ip, kWrongCredentialCost, &ignored);
      count_unauthorized(*parts_.metrics, manifest);
      return rpc_error(manifest.unauthorized.code, manifest.unauthorized.name,
                       "this method needs a token of role " + spec.role);
    }
    return std::nullopt;
  }
  // An envelope carries its own authority; a plugin's read roles matter only where tokens for them
  // are configured.
  if (signed_command) return std::nullopt;
  if (spec.kind != MethodKind::kCommand && level_of(spec.role) == Level::kNone && !spec.hidden)
    return std::nullopt;
  // An open command is open to whoever signs it. Without a signature this node would sign, with
  // the key of its operator, whose money and rights are not for everybody.
  const bool open_to_signers =
      manifest.id == "chain" ||
      (spec.kind == MethodKind::kCommand && (spec.role == "open" || spec.role == "read"));
  if (open_to_signers && !m.caller.may("operator", roles)) return forbidden("operator");
  if (m.caller.may(spec.role, roles)) return std::nullopt;
  if (spec.hidden || spec.role == "admin")
    return rpc_error(-32601, "method_not_found", "no method '" + spec.name + "' here");
  return forbidden(spec.role);
}

std::optional<RpcError> RpcImpl::check_rates(Call& call) {
  const Manifest& manifest = call.manifest();
  if (manifest.rate_limited.code == 0 || call.message->caller.plugin ||
      call.message->caller.ip.empty())
    return std::nullopt;
  const std::shared_ptr<const Config> config = parts_.config();
  std::uint64_t wait = 0;
  bool pass = true;
  if (!manifest.window_config.empty() && config->schema().find(manifest.window_config)) {
    std::uint64_t limit = config->u64(manifest.window_config);
    if (limit == 0) limit = 50;
    pass = limiter_.window(manifest.id, call.message->caller.ip, limit, &wait);
  }
  for (const RateClassSpec& c : manifest.rate_classes) {
    if (!pass || c.name != call.spec().rate_class) continue;
    if (const std::string key = limit_key(*config, c); !key.empty())
      pass = limiter_.bucket(manifest.id + "." + c.name, call.message->caller.ip, config->u64(key),
                             &wait);
  }
  if (pass) return std::nullopt;
  count_rate_limited(*parts_.metrics, manifest, call.spec().rate_class);
  RpcError error = rpc_error(manifest.rate_limited.code, manifest.rate_limited.name,
                             "too many requests from this address");
  error.retry_after_ms = wait;
  return error;
}

// Takes `min_height` (queries) and `_tx` (commands) out of the params, then decodes the rest by the
// manifest.
std::optional<RpcError> RpcImpl::take_options(Call& call) {
  const bool command = call.is_command();
  const json::object* o = call.params ? call.params->if_object() : nullptr;
  const std::string_view name = command ? "_tx" : "min_height";
  if (o && o->contains(name)) {
    const json::value& option = o->at(name);
    if (command) {
      if (!option.is_object())
        return from_param_error({"_tx", "expected an object", {}, {}, {}, {}},
                                call.manifest().invalid_params_name);
      call.tx = option.get_object();
      if (auto error = check_tx_options(call)) return error;
    } else {
      if (!option.is_int64() || option.get_int64() < 0) {
        return from_param_error({"min_height", "expected a height", {}, {}, {}, {}},
                                call.manifest().invalid_params_name);
      }
      call.min_height = static_cast<std::uint64_t>(option.get_int64());
    }
    json::object rest = *o;
    rest.erase(name);
    call.own_params = std::move(rest);
    call.params = &call.own_params;
    o = &call.own_params.get_object();
  }
  if (command && call.is_envelope()) return std::nullopt;
  return decode_call_params(call);
}

std::optional<RpcError> RpcImpl::decode_call_params(Call& call) const {
  static const json::value kNoParams = nullptr;
  if (auto error = decode_params(call.spec().params, call.params ? *call.params : kNoParams,
                                 call.arena, &call.values)) {
    return from_param_error(*error, call.manifest().invalid_params_name);
  }
  return std::nullopt;
}

void RpcImpl::run(CallPtr call) {
  if (call->is_command()) {
    if (call->message->caller.plugin) return run_command(std::move(call));
    const std::uint64_t queued_us = parts_.clock->monotonic_us();
    if (!parts_.workers->submit([this, call, queued_us] {
          metrics_.telemetry.spawn_latency->observe(
              static_cast<double>(parts_.clock->monotonic_us() - queued_us) * 1e-6);
          run_command(call);
        }))
      finish(call, busy_error(), {});
    return;
  }
  if (call->view->height < call->min_height) return wait_for_height(std::move(call));
  const bool quick = call->plan->how == KernelRun::kQuick &&
                     call->plan->cost_us.load(std::memory_order_relaxed) <= kInlineCostUs;
  if (quick || call->message->caller.plugin) return run_query(std::move(call));
  // Local methods (audits, replays, exports) take their time.
  if (call->spec().kind == MethodKind::kQuery) {
    const std::uint64_t limit_ms = parts_.config()->u64("rpc.request_timeout_ms");
    if (!running_->add(call, static_cast<std::uint32_t>(limit_ms)))
      return finish(call, busy_error(), {});
  }
  const bool taken = parts_.workers->submit([this, call] {
    run_query(call);
    running_->remove(*call);
  });
  if (taken) return;
  running_->remove(*call);
  finish(call, busy_error(), {});
}

// A client hears of a query that takes too long. What its worker answers is dropped.
void RpcImpl::too_late(const CallPtr& call, std::uint32_t limit_ms) {
  finish(call,
         rpc_error(-34001, "timeout",
                   call->spec().name + " gave no answer in " + std::to_string(limit_ms) +
                       " ms; ask for less at once, or raise rpc.request_timeout_ms"),
         {});
}

void RpcImpl::wait_for_height(CallPtr call) {
  const std::shared_ptr<const Plans> before = call->plans;
  take_view(*call);
  if (call->view->height >= call->min_height) {
    if (call->plans != before) {
      if (auto error = look_up_again(*call, before)) return finish(call, std::move(error), {});
    }
    return run(std::move(call));
  }
  const StateViewPtr view = call->view;
  call->plans = before;  // until it runs: its plan and its params belong to this one
  const std::uint64_t limit_ms = parts_.config()->u64("rpc.request_timeout_ms");
  if (parts_.clock->monotonic_us() - call->started_us > limit_ms * 1000 || stopping_.load()) {
    RpcError error = rpc_error(-34001, "timeout",
                               "height " + std::to_string(call->min_height) +
                                   " was not reached in " + std::to_string(limit_ms) + " ms");
    error.data["height"] = view->height;
    return finish(call, std::move(error), {});
  }
  parts_.io->post_after(kHeightPollMs, [this, call] { wait_for_height(call); });
}

// The plugins changed while the call waited: its method and the form of its params are those of the
// generation that answers.
std::optional<RpcError> RpcImpl::look_up_again(Call& call,
                                               const std::shared_ptr<const Plans>& before) {
  const std::string name = call.spec().name;
  auto found = call.plans->by_name.find(std::string_view(name));
  if (found == call.plans->by_name.end()) {
    RpcError error = unknown_method(*call.plans, name);
    call.plans = before;
    return error;
  }
  call.plan = found->second.get();
  call.values.clear();
  return decode_call_params(call);
}

void RpcImpl::run_query(CallPtr call) {
  const std::uint64_t begin = parts_.clock->monotonic_us();
  std::string result;
  std::optional<RpcError> error;
  if (call->plan->kernel) {
    error = call->plan->kernel(*this, *call, &result);
  } else if (call->plan->entry.plugin) {
    PluginInstance& plugin = *call->plan->entry.plugin;
    std::optional<CallError> failed =
        call->spec().kind == MethodKind::kLocal
            ? plugin.local(call->plan->entry.index, call->values, &result)
            : plugin.query(call->view, call->plan->entry.index, call->values, &result);
    if (failed) error = from_call_error(std::move(*failed));
  } else {
    error = rpc_error(-32603, "internal", "the method has no handler");
  }
  const std::uint64_t took = parts_.clock->monotonic_us() - begin;
  // One call that the system interrupted for some milliseconds does not send the next ones to the
  // workers, a second one in a row does.
  const std::uint64_t counted = std::min<std::uint64_t>(took, kMaxCountedUs);
  const std::uint32_t old = call->plan->cost_us.load(std::memory_order_relaxed);
  const std::uint64_t mean = old == 1'000'000 ? took : (std::uint64_t{old} * 7 + counted) / 8;
  call->plan->cost_us.store(static_cast<std::uint32_t>(std::min<std::uint64_t>(mean, 999'999)),
                            std::memory_order_relaxed);
  finish(call, std::move(error), std::move(result));
}

// Puts a number into the answer that the log line bears too.
void RpcImpl::note_internal(const Call& call, RpcError* error) const {
  std::array<std::uint8_t, 8> number{};
  random_bytes(number.data(), number.size());
  const std::string id = to_hex(number);
  error->data["request_id"] = id;
  parts_.log->target("rpc").error("internal error",
                                  {{"request_id", id},
                                   {"method", call.plan ? call.spec().name : std::string()},
                                   {"reason", error->message}});
}

void RpcImpl::finish(const CallPtr& call, std::optional<RpcError> error, std::string result) {
  if (call->finished.exchange(true)) return;
  if (call->plan && call->plan->latency) {
    call->plan->latency->observe(
        static_cast<double>(parts_.clock->monotonic_us() - call->started_us) * 1e-6);
  }
  if (error) {
    metrics_.client_errors->counter({std::string_view(std::to_string(error->code))})->add();
    if (error->name == "internal") note_internal(*call, &*error);
  }
  if (call->id.empty()) return call->done({}, 204, 0);
  if (error)
    return call->done(error_text(call->id, *error), error->http_status, error->retry_after_ms);
  call->done(result_text(call->id, result), 200, 0);
}

void RpcImpl::call_as_plugin(const std::string& plugin, const std::string& method,
                             json::value params, std::function<void(bool ok, json::value)> done) {
  auto message = std::make_shared<Message>();
  message->caller.plugin = true;
  message->caller.level = Level::kOperator;
  message->caller.id = "plugin:" + plugin;
  message->credentials = credentials();
  json::object root;
  root["jsonrpc"] = "2.0";
  root["id"] = 1;
  root["method"] = method;
  if (params.is_object() || params.is_array()) root["params"] = std::move(params);
  message->root = std::move(root);
  dispatch(message, message->root, [done = std::move(done)](std::string text, int, std::uint64_t) {
    Result<json::value> parsed = parse_json(text);
    json::object* o = parsed.ok() ? parsed->if_object() : nullptr;
    if (o && o->contains("result")) return done(true, std::move(o->at("result")));
    if (o && o->contains("error")) return done(false, std::move(o->at("error")));
    json::object broken;
    broken["code"] = -32603;
    broken["message"] = "internal: the answer could not be read";
    done(false, std::move(broken));
  });
}

}  // namespace blockd
