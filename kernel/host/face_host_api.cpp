// The functions that a face may call. Each finds its plugin through FaceHost, checks the thread's
// role first, and translates; what they do lies elsewhere.

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/bus/bus.hpp"
#include "kernel/config/config.hpp"
#include "kernel/host/plugin_impl.hpp"
#include "tb/draft/host_crypto.h"
#include "tb/draft/host_files.h"
#include "tb/draft/host_http.h"

namespace blockd {
namespace {

constexpr std::uint32_t kMaxCallTimeoutMs = 60'000;

Plugin& plugin_of(tb_host* host) { return *reinterpret_cast<FaceHost*>(host)->plugin; }
bool in_face(tb_host* host) { return FaceScope::current() == &plugin_of(host); }

tb_status wrong_thread(tb_host* host, const char* function) {
  Plugin& plugin = plugin_of(host);
  plugin.log(TB_LOG_ERROR, std::string("plugin ") + plugin.manifest().id +
                               " called host function " + function +
                               " from a thread or entry that may not");
  return TB_E_WRONG_THREAD;
}

tb_status code_of(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return TB_OK;
    case Code::kNotFound:
      return TB_NOT_FOUND;
    case Code::kBusy:
      return TB_E_BUSY;
    case Code::kTimeout:
      return TB_E_TIMEOUT;
    case Code::kLimit:
      return TB_E_LIMIT;
    case Code::kInvalid:
      return TB_E_INVALID;
    default:
      return TB_ABORTED;
  }
}

// A value tree as a face reads it from on_reply: see tb/draft/host_http.h.
json::value fetch_answer(const Result<HttpClientResponse>& response) {
  json::object out;
  if (!response.ok()) {
    out["code"] = code_of(response.status());
    out["message"] = response.status().to_string();
    return out;
  }
  out["status"] = static_cast<std::uint64_t>(response->status);
  out["content_type"] = std::string(response->headers.get("content-type"));
  if (Result<json::value> parsed = parse_json(response->body); parsed.ok())
    out["json"] = *std::move(parsed);
  out["body"] = response->body;
  return out;
}

// False: a member is out of bounds.
bool read_fetch(const tb_http_fetch& from, HttpClientRequest* to) {
  to->method = Bytes(to_view(from.method));
  to->url = Bytes(to_view(from.url));
  to->body = Bytes(to_view(from.body));
  to->timeout_ms = from.timeout_ms ? from.timeout_ms : FaceHttp::kDefaultTimeoutMs;
  to->max_response_bytes = from.max_bytes ? from.max_bytes : FaceHttp::kDefaultBytes;
  for (std::uint32_t i = 0; i < std::min<std::size_t>(from.header_count, FaceHttp::kMaxHeaders);
       ++i) {
    if (from.headers[i].type != TB_TYPE_STR) return false;
    to->headers.emplace_back(Bytes(to_view(from.headers[i].name)),
                             Bytes(to_view(from.headers[i].str)));
  }
  return (to->method == "GET" || to->method == "POST") &&
         to->timeout_ms <= FaceHttp::kMaxTimeoutMs &&
         to->max_response_bytes <= FaceHttp::kMaxBytes && to->body.size() <= FaceHttp::kMaxBytes &&
         from.header_count <= FaceHttp::kMaxHeaders;
}

tb_status host_fetch(tb_host* host, const tb_http_fetch* fetch, uint64_t cookie) {
  if (!in_face(host)) return wrong_thread(host, "fetch");
  HttpClientRequest request;
  if (!fetch || fetch->size < sizeof(tb_http_fetch) || !read_fetch(*fetch, &request))
    return TB_E_INVALID;
  Plugin& plugin = plugin_of(host);
  HostServices& services = plugin.services();
  std::weak_ptr<Plugin> weak = plugin.weak_from_this();
  const bool taken = services.http.fetch(
      std::move(request), [weak, &services, cookie](Result<HttpClientResponse> response) {
        services.face_thread->post(
            [weak, cookie, ok = response.ok(), answer = fetch_answer(response)] {
              if (std::shared_ptr<Plugin> self = weak.lock()) self->tell_reply(cookie, ok, answer);
            });
      });
  return taken ? TB_OK : TB_E_BUSY;
}

constexpr tb_host_http kFaceHttp = {host_fetch};

tb_status host_verify(tb_host*, tb_str key, tb_str message, tb_str signature) {
  if (key.len != 32 || signature.len != 64) return TB_NOT_FOUND;
  PublicKey public_key{};
  Signature bytes{};
  std::memcpy(public_key.data(), key.ptr, public_key.size());
  std::memcpy(bytes.data(), signature.ptr, bytes.size());
  return ed25519_verify(public_key, to_view(message), bytes) ? TB_OK : TB_NOT_FOUND;
}

constexpr tb_host_crypto kFaceCrypto = {host_verify};

const void* host_extension(tb_host*, tb_str id) {
  if (to_view(id) == TB_HOST_HTTP_1) return &kFaceHttp;
  if (to_view(id) == TB_HOST_FILES_1) return face_files_api();
  return to_view(id) == TB_HOST_CRYPTO_1 ? static_cast<const void*>(&kFaceCrypto) : nullptr;
}

void host_log(tb_host* host, uint32_t level, tb_str text) {
  plugin_of(host).log(level, to_view(text));
}

uint64_t host_unix_ms(tb_host* host) { return plugin_of(host).services().clock->unix_ms(); }

void host_random(tb_host*, void* out, uint64_t n) {
  random_bytes(out, static_cast<std::size_t>(n));
}

void host_blake3(tb_host*, const tb_str* parts, uint32_t count, uint8_t out[32]) {
  Blake3 hasher;
  for (uint32_t i = 0; i < count; ++i) hasher.update(to_view(parts[i]));
  const Hash hash = hasher.finish();
  std::memcpy(out, hash.data(), hash.size());
}

SigningKey key_of(const uint8_t seed[32]) {
  std::array<std::uint8_t, 32> copy{};
  std::memcpy(copy.data(), seed, copy.size());
  return SigningKey::from_seed(copy);
}

tb_status host_public(tb_host*, const uint8_t seed[32], uint8_t public_key[32]) {
  const SigningKey key = key_of(seed);
  std::memcpy(public_key, key.public_key().data(), 32);
  return TB_OK;
}

tb_status host_sign(tb_host*, const uint8_t seed[32], tb_str message, uint8_t signature[64]) {
  const Signature sig = key_of(seed).sign(to_view(message));
  std::memcpy(signature, sig.data(), sig.size());
  return TB_OK;
}

tb_status host_config(tb_host* host, uint32_t index, void (*read)(void*, const tb_value*),
                      void* user) {
  if (!in_face(host)) return wrong_thread(host, "config");
  Plugin& plugin = plugin_of(host);
  const Manifest& manifest = plugin.manifest();
  if (index >= manifest.config.size() || !read) return TB_E_INVALID;
  const ConfigSpec& spec = manifest.config[index];
  const std::string key = full_config_key(manifest, spec);
  // A plugin that came after the start has keys that the present schema does not know yet: their
  // defaults are in force.
  const std::shared_ptr<const Config> config =
      plugin.services().config ? plugin.services().config() : nullptr;
  const json::value value = config && config->schema().find(key)
                                ? config->get(key)
                                : spec.field.default_value.value_or(json::value());
  ValueArena arena;
  read(user, to_value(in_data_dir(value, plugin.services()), arena));
  return TB_OK;
}

tb_status host_metric(tb_host* host, uint32_t metric, const tb_str* labels, uint32_t count,
                      int64_t value) {
  if (count > kMaxMetricLabels) return TB_E_INVALID;
  std::string_view texts[kMaxMetricLabels];
  for (uint32_t i = 0; i < count; ++i) texts[i] = to_view(labels[i]);
  PluginMetrics* metrics = plugin_of(host).metrics();
  return metrics && metrics->report(metric, {texts, count}, value) ? TB_OK : TB_E_INVALID;
}

tb_status host_publish(tb_host* host, uint32_t event, tb_fill fill, void* user) {
  Plugin& plugin = plugin_of(host);
  if (event >= plugin.manifest().events.size() || plugin.manifest().events[event].durable)
    return TB_E_INVALID;
  JsonOut out;
  if (fill) fill(user, out.out());
  std::string text = out.finish();
  if (!out.error().empty()) return TB_E_INVALID;
  return code_of(
      plugin.services().bus->publish(plugin.manifest().events[event].topic, std::move(text)));
}

tb_status host_with_view(tb_host* host, tb_status (*body)(void*, tb_view*), void* user) {
  if (!in_face(host)) return wrong_thread(host, "with_view");
  Plugin& plugin = plugin_of(host);
  if (!plugin.services().view || !body) return TB_E_UNSUPPORTED;
  ViewContext context(plugin.view_for(plugin.services().view()), plugin.manifest_ptr());
  return body(user, context.view());
}

json::value params_of(tb_fill fill, void* user, std::string* error) {
  JsonOut out;
  if (fill) fill(user, out.out());
  const std::string text = out.finish();
  *error = out.error();
  if (!error->empty()) return {};
  Result<json::value> parsed = parse_json(text);
  if (!parsed.ok()) *error = parsed.status().message();
  return parsed.ok() ? *std::move(parsed) : json::value();
}

// Shared between the waiting face and the answer, whichever comes last.
struct Waiting {
  std::mutex mutex;
  std::condition_variable done;
  bool answered = false, ok = false;
  json::value value;
};

tb_status host_call(tb_host* host, tb_str method, tb_fill params, void* params_user,
                    uint32_t timeout_ms, void (*read)(void*, uint32_t, const tb_value*),
                    void* user) {
  if (!in_face(host) || !FaceScope::may_wait()) return wrong_thread(host, "call");
  Plugin& plugin = plugin_of(host);
  MethodCaller* caller = plugin.services().caller;
  if (!caller) return TB_E_UNSUPPORTED;
  std::string error;
  json::value value = params_of(params, params_user, &error);
  if (!error.empty()) return TB_E_INVALID;
  auto waiting = std::make_shared<Waiting>();
  caller->call_as_plugin(plugin.manifest().id, Bytes(to_view(method)), std::move(value),
                         [waiting](bool ok, json::value answer) {
                           std::lock_guard lock(waiting->mutex);
                           waiting->ok = ok;
                           waiting->value = std::move(answer);
                           waiting->answered = true;
                           waiting->done.notify_all();
                         });
  std::unique_lock lock(waiting->mutex);
  const auto limit = std::chrono::milliseconds(std::min(timeout_ms, kMaxCallTimeoutMs));
  if (!waiting->done.wait_for(lock, limit, [&] { return waiting->answered; })) return TB_E_TIMEOUT;
  ValueArena arena;
  if (read) read(user, waiting->ok ? 1u : 0u, to_value(waiting->value, arena));
  return waiting->ok ? TB_OK : TB_FAILED;
}

tb_status host_post(tb_host* host, tb_str method, tb_fill params, void* user, uint64_t cookie) {
  if (!in_face(host)) return wrong_thread(host, "post");
  Plugin& plugin = plugin_of(host);
  HostServices& services = plugin.services();
  MethodCaller* caller = services.caller;
  if (!caller) return TB_E_UNSUPPORTED;
  std::string error;
  json::value value = params_of(params, user, &error);
  if (!error.empty()) return TB_E_INVALID;
  if (services.posts_under_way.fetch_add(1) >= kMaxPosts) {
    services.posts_under_way.fetch_sub(1);
    return TB_E_BUSY;
  }
  std::weak_ptr<Plugin> weak = plugin.weak_from_this();
  caller->call_as_plugin(
      plugin.manifest().id, Bytes(to_view(method)), std::move(value),
      [weak, &services, cookie](bool ok, json::value answer) {
        services.posts_under_way.fetch_sub(1);
        services.face_thread->post([weak, cookie, ok, answer = std::move(answer)] {
          if (std::shared_ptr<Plugin> self = weak.lock()) self->tell_reply(cookie, ok, answer);
        });
      });
  return TB_OK;
}

tb_status host_store_get(tb_host* host, tb_str key, const tb_sink* value) {
  if (!in_face(host)) return wrong_thread(host, "store_get");
  std::optional<Bytes> found;
  if (Status status = plugin_of(host).store().get(to_view(key), &found); !status.ok())
    return code_of(status);
  if (!found) return TB_NOT_FOUND;
  value->put(value->user, to_str(*found));
  return TB_OK;
}

tb_status store_scan(tb_host* host, tb_str prefix, tb_str edge, uint32_t limit,
                     const tb_row_sink* rows, bool backwards) {
  if (!in_face(host)) return wrong_thread(host, "store_scan");
  return code_of(plugin_of(host).store().scan(
      to_view(prefix), to_view(edge), limit, backwards, [&](BytesView key, BytesView value) {
        return rows->row(rows->user, to_str(key), to_str(value)) != 0;
      }));
}
tb_status host_store_scan(tb_host* host, tb_str prefix, tb_str after, uint32_t limit,
                          const tb_row_sink* rows) {
  return store_scan(host, prefix, after, limit, rows, false);
}
tb_status host_store_scan_back(tb_host* host, tb_str prefix, tb_str before, uint32_t limit,
                               const tb_row_sink* rows) {
  return store_scan(host, prefix, before, limit, rows, true);
}

tb_status host_store_put(tb_host* host, tb_str key, tb_str value) {
  if (!in_face(host)) return wrong_thread(host, "store_put");
  return code_of(plugin_of(host).store().put(to_view(key), Bytes(to_view(value))));
}
tb_status host_store_erase(tb_host* host, tb_str key) {
  if (!in_face(host)) return wrong_thread(host, "store_erase");
  return code_of(plugin_of(host).store().put(to_view(key), std::nullopt));
}

constexpr tb_host_api kFaceHostApi = {
    host_extension,       host_log,       host_unix_ms,    host_random,    host_blake3,
    host_public,          host_sign,      host_config,     host_metric,    host_publish,
    host_with_view,       host_call,      host_post,       host_store_get, host_store_scan,
    host_store_scan_back, host_store_put, host_store_erase};

}  // namespace

const tb_host_api* face_host_api() { return &kFaceHostApi; }

}  // namespace blockd
