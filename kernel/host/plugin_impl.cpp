#include "kernel/host/plugin_impl.hpp"

#include <atomic>
#include <boost/json/serialize.hpp>

#include "kernel/base/crypto.hpp"
#include "kernel/bus/bus.hpp"

namespace blockd {
namespace {

thread_local Plugin* current_plugin = nullptr;
thread_local bool current_may_wait = false;

constexpr std::int32_t kInternalPluginError = -34014;

CallError internal_error(std::string text) {
  CallError error;
  error.code = kInternalPluginError;
  error.name = "internal_plugin_error";
  error.message = std::move(text);
  return error;
}

// What the plugin wrote to its `error` writer -> the error of the call.
CallError error_from(const tb_value& tree, tb_status status, const Manifest& manifest,
                     std::string_view method) {
  CallError error = internal_error("plugin " + manifest.id + " failed " + std::string(method) +
                                   " without saying why (status " + std::to_string(status) + ")");
  bool named = false;
  ValueArena arena;
  for (std::uint32_t i = 0; tree.type == TB_TYPE_RECORD && i < tree.count; ++i) {
    const tb_value& member = tree.items[i];
    const BytesView name = to_view(member.name);
    if (name == "code" && (member.type == TB_TYPE_I64 || member.type == TB_TYPE_U64)) {
      error.code = static_cast<std::int32_t>(static_cast<std::int64_t>(member.num));
    } else if (name == "name" && member.type == TB_TYPE_STR) {
      error.name = Bytes(to_view(member.str));
      named = true;
    } else if (name == "text" && member.type == TB_TYPE_STR) {
      error.message = Bytes(to_view(member.str));
    } else {
      JsonOut one;
      write_value(one.out(), name, member);
      Result<json::value> parsed = parse_json(one.finish());
      if (parsed.ok() && parsed->is_object()) {
        for (auto& kv : parsed->get_object()) error.data[kv.key()] = std::move(kv.value());
      }
    }
  }
  if (!named && status == TB_ABORTED)
    error.message =
        "trouble of this host while plugin " + manifest.id + " answered " + std::string(method);
  return error;
}

struct InFlight {
  explicit InFlight(std::atomic<std::uint64_t>& n) : count(n) { count.fetch_add(1); }
  ~InFlight() { count.fetch_sub(1); }
  std::atomic<std::uint64_t>& count;
};

}  // namespace

FaceScope::FaceScope(Plugin* plugin, bool worker)
    : previous_(current_plugin), previous_worker_(current_may_wait) {
  current_plugin = plugin;
  current_may_wait = worker;
}
FaceScope::~FaceScope() {
  current_plugin = previous_;
  current_may_wait = previous_worker_;
}
Plugin* FaceScope::current() { return current_plugin; }
bool FaceScope::may_wait() { return current_may_wait; }

Plugin::Plugin(HostServices& services, std::shared_ptr<Library> library,
               std::shared_ptr<LocalStore> store)
    : services_(services), library_(std::move(library)), store_(std::move(store)) {
  static std::atomic<std::uint64_t> faces{0};
  host_.abi.api = face_host_api();
  host_.serial = ++faces;
  host_.plugin = this;
}

Status Plugin::declare_metrics() {
  if (metrics_) return {};
  Result<std::shared_ptr<PluginMetrics>> metrics =
      PluginMetrics::declare(*services_.metrics, manifest_ptr());
  if (!metrics.ok()) return metrics.status();
  metrics_ = *metrics;
  return {};
}

Plugin::~Plugin() {
  if (face_made_ && face().destroy) {
    FaceScope scope(this, false);
    (void)guarded("destroy", [&] { face().destroy(instance_); });
  }
}

template <class Body>
std::optional<std::string> Plugin::guarded(const char* entry, Body&& body) {
  try {
    body();
    return std::nullopt;
  } catch (const std::exception& e) {
    return "plugin " + manifest().id + " threw in " + entry + ": " + e.what();
  } catch (...) {
    return "plugin " + manifest().id + " threw in " + entry;
  }
}

Machine machine_of(const std::shared_ptr<Library>& library) {
  return Machine{library->manifest(), library->plugin().machine, library};
}

Machine Plugin::machine() const { return machine_of(library_); }

Status Plugin::create_face() {
  if (!has_face() || face_made_) return {};
  tb_status status = TB_OK;
  if (face().create) {
    FaceScope scope(this,
                    false);  // it may run on the executor, for which a command would wait in vain
    std::optional<std::string> thrown =
        guarded("create", [&] { status = face().create(&host_.abi, &instance_); });
    if (thrown) return Status(Code::kInvalid, *thrown);
  }
  if (status != TB_OK) {
    return Status(Code::kInvalid,
                  "plugin " + manifest().id + ": its face could not be created (status " +
                      std::to_string(status) + ")",
                  "its log lines above say why");
  }
  face_made_ = true;
  return {};
}

void Plugin::start_timers() {
  if (!has_face() || !face().on_timer) return;
  std::lock_guard lock(timers_mutex_);
  if (!timers_.empty()) return;
  for (std::uint32_t i = 0; i < manifest().timers.size(); ++i) {
    std::weak_ptr<Plugin> weak = weak_from_this();
    timers_.push_back(services_.face_thread->add_timer(manifest().timers[i].interval_ms, [weak, i] {
      std::shared_ptr<Plugin> self = weak.lock();
      if (!self || !self->face_made_) return;
      FaceScope scope(self.get(), true);
      if (auto thrown =
              self->guarded("on_timer", [&] { self->face().on_timer(self->instance_, i); }))
        self->log(TB_LOG_ERROR, *thrown);
    }));
  }
}

void Plugin::stop_timers() {
  std::vector<std::uint64_t> timers;
  {
    std::lock_guard lock(timers_mutex_);
    timers.swap(timers_);
  }
  for (std::uint64_t id : timers) services_.face_thread->remove_timer(id);
}

std::optional<CallError> Plugin::query(const StateViewPtr& view, std::uint32_t method,
                                       const std::vector<tb_value>& params, std::string* result) {
  const std::string& name = manifest().methods[method].name;
  if (!face_made_ || !face().query)
    return internal_error("plugin " + manifest().id + " does not answer queries");
  InFlight flight(in_flight_);
  FaceScope scope(this, true);
  ViewContext context(view, manifest_ptr());
  JsonOut out;
  ValueArena arena;
  ValueOut error(arena);
  tb_status status = TB_OK;
  auto thrown = guarded(name.c_str(), [&] {
    status = face().query(instance_, context.view(), method, params.data(),
                          static_cast<std::uint32_t>(params.size()), out.out(), error.out());
  });
  if (thrown) return internal_error(*thrown);
  if (status != TB_OK) return error_from(*error.finish(), status, manifest(), name);
  *result = out.finish();
  if (!out.error().empty())
    return internal_error("plugin " + manifest().id + ", " + name + ": " + out.error());
  return std::nullopt;
}

std::optional<CallError> Plugin::local(std::uint32_t method, const std::vector<tb_value>& params,
                                       std::string* result) {
  const std::string& name = manifest().methods[method].name;
  if (!face_made_ || !face().local)
    return internal_error("plugin " + manifest().id + " has no local methods");
  InFlight flight(in_flight_);
  FaceScope scope(this, true);
  JsonOut out;
  ValueArena arena;
  ValueOut error(arena);
  tb_status status = TB_OK;
  auto thrown = guarded(name.c_str(), [&] {
    status = face().local(instance_, method, params.data(),
                          static_cast<std::uint32_t>(params.size()), out.out(), error.out());
  });
  if (thrown) return internal_error(*thrown);
  if (status != TB_OK) return error_from(*error.finish(), status, manifest(), name);
  *result = out.finish();
  if (!out.error().empty())
    return internal_error("plugin " + manifest().id + ", " + name + ": " + out.error());
  return std::nullopt;
}

namespace {
// The reply of a route while the plugin fills it.
struct Reply {
  tb_http_reply abi;  // must stay the first member
  PluginInstance::HttpAnswer* answer;
  bool sent;
};

std::vector<tb_value> text_values(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<tb_value> out;
  out.reserve(pairs.size());
  for (const auto& [name, value] : pairs) {
    tb_value v{};
    v.type = TB_TYPE_STR;
    v.name = to_str(name);
    v.str = to_str(value);
    out.push_back(v);
  }
  return out;
}
}  // namespace

PluginInstance::HttpAnswer Plugin::http(const StateViewPtr& view, const HttpCall& call) {
  HttpAnswer answer;
  auto refuse = [&](std::string_view why) {
    answer.status = 500;
    answer.content_type = "application/json";
    answer.body = "{\"error\":";
    append_json_string(answer.body, why);
    answer.body += "}";
    return answer;
  };
  if (!face_made_ || !face().http) return refuse("this plugin serves no routes");
  InFlight flight(in_flight_);
  FaceScope scope(this, true);
  ViewContext context(view, manifest_ptr());
  const std::vector<tb_value> path = text_values(call.path), query = text_values(call.query);
  ValueArena arena;
  Result<json::value> body = call.body.empty()
                                 ? Result<json::value>(Status(Code::kInvalid, "empty"))
                                 : parse_json(call.body);
  tb_http_request request{};
  request.size = sizeof request;
  request.route = call.route;
  request.path = path.data();
  request.path_count = static_cast<std::uint32_t>(path.size());
  request.query = query.data();
  request.query_count = static_cast<std::uint32_t>(query.size());
  request.body = to_str(call.body);
  request.content_type = to_str(call.content_type);
  request.json = body.ok() ? to_value(*body, arena) : nullptr;
  JsonOut out;
  Reply reply{};
  reply.abi.size = sizeof reply.abi;
  reply.abi.status = 200;
  reply.abi.json = out.out();
  reply.abi.send = [](tb_http_reply* r, tb_str content_type, tb_str text) {
    auto* self = reinterpret_cast<Reply*>(r);
    self->answer->content_type = Bytes(to_view(content_type));
    self->answer->body = Bytes(to_view(text));
    self->sent = true;
  };
  reply.answer = &answer;
  tb_status status = TB_OK;
  if (auto thrown = guarded(
          "http", [&] { status = face().http(instance_, context.view(), &request, &reply.abi); })) {
    log(TB_LOG_ERROR, *thrown);
    return refuse("the plugin failed; the node's log says how");
  }
  // A route that fails may have said why in the body, and with which status.
  const bool told = reply.sent || !out.empty();
  if (status != TB_OK && !told)
    return refuse("the plugin failed to answer (status " + std::to_string(status) + ")");
  answer.status = status != TB_OK && reply.abi.status < 400 ? 500 : reply.abi.status;
  if (answer.status < 200 || answer.status > 599)
    return refuse("the plugin set the status " + std::to_string(answer.status));
  if (!reply.sent) answer.body = out.finish();
  return out.error().empty() ? answer : refuse(out.error());
}

void Plugin::retire(StateViewPtr last) {
  std::lock_guard lock(retired_mutex_);
  if (!retired_) retired_ = std::move(last);
}

StateViewPtr Plugin::view_for(StateViewPtr newest) const {
  std::lock_guard lock(retired_mutex_);
  return retired_ ? retired_ : newest;
}

void Plugin::tell_config_changed() {
  if (!face_made_ || !face().on_config) return;
  FaceScope scope(this, true);
  if (auto thrown = guarded("on_config", [&] { face().on_config(instance_); }))
    log(TB_LOG_ERROR, *thrown);
}

void Plugin::tell_commit(const StateViewPtr& view) {
  if (!face_made_ || !face().on_commit) return;
  FaceScope scope(this, true);
  ViewContext context(view_for(view), manifest_ptr());
  if (auto thrown = guarded("on_commit", [&] { face().on_commit(instance_, context.view()); }))
    log(TB_LOG_ERROR, *thrown);
}

void Plugin::tell_reply(std::uint64_t cookie, bool ok, const json::value& value) {
  if (!face_made_ || !face().on_reply) return;
  FaceScope scope(this, true);
  ValueArena arena;
  const tb_value* tree = to_value(value, arena);
  if (auto thrown =
          guarded("on_reply", [&] { face().on_reply(instance_, cookie, ok ? 1u : 0u, tree); }))
    log(TB_LOG_ERROR, *thrown);
}

bool Plugin::wants(std::string_view topic) const {
  for (const EventSpec& event : manifest().events) {
    if (event.durable && event.topic == topic) return true;
  }
  for (const std::string& pattern : manifest().follows) {
    if (topic_matches(pattern, topic)) return true;
  }
  return false;
}

bool Plugin::tell_event(std::uint64_t height, std::uint64_t time_ms, std::uint32_t index,
                        const Event& event) {
  if (!face_made_ || !face().on_event) return true;
  Result<json::value> parsed = parse_json(event.data);
  if (!parsed.ok()) {
    log(TB_LOG_ERROR, "event " + event.topic + " of block " + std::to_string(height) +
                          " cannot be read: " + parsed.status().message());
    return false;
  }
  FaceScope scope(this, true);
  ValueArena arena;
  tb_event abi{};
  abi.size = sizeof abi;
  abi.index = index;
  abi.height = height;
  abi.time_ms = time_ms;
  abi.topic = to_str(event.topic);
  abi.data = to_value(*parsed, arena);
  tb_status status = TB_OK;
  if (auto thrown = guarded("on_event", [&] { status = face().on_event(instance_, &abi); })) {
    log(TB_LOG_ERROR, *thrown);
    return false;
  }
  return status == TB_OK;
}

void Plugin::log(std::uint32_t level, std::string_view text) {
  const LogLevel levels[] = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError};
  services_.log->target(manifest().id).log(levels[std::min(level, 3u)], text);
}

}  // namespace blockd
