// A well-behaved plugin that uses every entry which the host's tests look at. The build makes
// several of it by macros: GOOD_VERSION, GOOD_SM, GOOD_BONUS (added to what greet stores: other
// behaviour under the same manifest), GOOD_LOCAL (no machine).
#include <cstring>
#include <string>

#include "tb/plugin.h"

#ifndef GOOD_VERSION
#define GOOD_VERSION "1.0.0"
#endif
#ifndef GOOD_SM
#define GOOD_SM 1
#endif
#ifndef GOOD_BONUS
#define GOOD_BONUS 0
#endif
#ifndef GOOD_LOCAL
#define GOOD_LOCAL 0
#endif
#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

namespace {

constexpr char kManifest[] =
#if GOOD_LOCAL
    R"({"id":"local","version":")" GOOD_VERSION
    R"(","summary":"Counts calls of this node.","follows":["good.was_set"],"methods":[)"
    R"({"name":"local.events","kind":"query","role":"read","summary":"Events seen"},)"
    R"({"name":"local.wait","kind":"local","role":"read","summary":"Calls the node and waits"},)"
    R"({"name":"local.limit","kind":"local","role":"read","summary":"The limit in force"},)"
    R"({"name":"local.fail","kind":"local","role":"read","summary":"Fails with a reason"},)"
    R"({"name":"local.throw","kind":"local","role":"read","summary":"Throws"},)"
    R"({"name":"local.version","kind":"local","role":"read","summary":"Which build answers"}],)"
    R"("events":[{"topic":"local.tick","durable":false,"fields":[{"name":"n","type":"u64"}]}],)"
    R"("metrics":[{"name":"local_ticks_total","type":"counter","help":"Timer calls"}],)"
    R"("config":[{"key":"limit","type":"u64","default":7,"help":"a number"}],)"
    R"("timers":[{"name":"tick","interval_ms":10}],)"
    R"("http":[{"method":"GET","path":"/local/:name","summary":"Greets"},{"method":"GET","path":"/broken","summary":"Fails"}]})";
#else
    R"({"id":"good","version":")" GOOD_VERSION R"(","sm":)" NUMBER(
        GOOD_SM) R"(,"sm_min":1,"schema":1,"summary":"Keeps a number.","methods":[)"
                 R"({"name":"good.set","kind":"command","role":"operator","summary":"Set the number","params":[{"name":"value","type":"u64"}]},)"
                 R"({"name":"good.get","kind":"query","role":"read","summary":"The number"},)"
                 R"({"name":"good.version","kind":"local","role":"read","summary":"Which build answers"}],)"
                 R"("events":[{"topic":"good.was_set","fields":[{"name":"value","type":"u64"}]}],)"
                 R"("metrics":[{"name":"good_sets_total","type":"counter","help":"Commands"}]})";
#endif

template <std::size_t N>
tb_str text(const char (&literal)[N]) {
  return {literal, N - 1};
}
tb_str text(const std::string& s) { return {s.data(), s.size()}; }

// A static with a constructor and a heap allocation: what a reload must give back.
const std::string kVersion = GOOD_VERSION;

struct Face {
  explicit Face(tb_host* h) : host(h) {}
  tb_host* host;
  std::uint64_t ticks = 0;
};

void take_text(void* user, tb_str value) {
  static_cast<std::string*>(user)->assign(value.ptr, value.len);
}

tb_status create(tb_host* host, void** instance) {
  *instance = new Face(host);
  return TB_OK;
}
void destroy(void* instance) { delete static_cast<Face*>(instance); }

#if GOOD_LOCAL
Face& face_of(void* instance) { return *static_cast<Face*>(instance); }

std::string stored(Face& face, tb_str key) {
  std::string value;
  const tb_sink sink{&value, take_text};
  return face.host->api->store_get(face.host, key, &sink) == TB_OK ? value : "";
}

tb_status query(void* instance, tb_view*, std::uint32_t, const tb_value*, std::uint32_t,
                tb_out* result, tb_out*) {
  result->api->put_str(result, text("seen"), text(stored(face_of(instance), text("seen"))));
  return TB_OK;
}

tb_status wait(Face& face, tb_out* result) {
  auto read = [](void* user, std::uint32_t, const tb_value*) {
    *static_cast<std::uint32_t*>(user) += 1;
  };
  std::uint32_t answers = 0;
  const tb_status status =
      face.host->api->call(face.host, text("test.gate"), nullptr, nullptr, 60'000, read, &answers);
  result->api->put_i64(result, text("status"), status);
  result->api->put_u64(result, text("answers"), answers);
  return TB_OK;
}

tb_status limit(Face& face, tb_out* result) {
  auto read = [](void* user, const tb_value* value) {
    *static_cast<std::uint64_t*>(user) = value->num;
  };
  std::uint64_t value = 0;
  const tb_status status = face.host->api->config(face.host, 0, read, &value);
  if (status == TB_OK) result->api->put_u64(result, text("limit"), value);
  return status;
}

tb_status local(void* instance, std::uint32_t method, const tb_value*, std::uint32_t,
                tb_out* result, tb_out* error) {
  Face& face = face_of(instance);
  switch (method) {
    case 1:
      return wait(face, result);
    case 2:
      return limit(face, result);
    case 3:
      error->api->put_i64(error, text("code"), -40'001);
      error->api->put_str(error, text("name"), text("TooLate"));
      error->api->put_str(error, text("text"), text("the day is over"));
      error->api->put_u64(error, text("hour"), 25);
      return TB_FAILED;
    case 4:
      throw std::string("not caught by anybody");
    default:
      result->api->put_str(result, text("version"), text(kVersion));
      return TB_OK;
  }
}

tb_status http(void*, tb_view*, const tb_http_request* request, tb_http_reply* reply) {
  if (request->route == 1) {
    reply->status = 409;
    reply->json->api->put_str(reply->json, text("name"), text("Broken"));
    return TB_FAILED;
  }
  reply->json->api->put_str(reply->json, text("hello"), request->path[0].str);
  return TB_OK;
}

void on_timer(void* instance, std::uint32_t) {
  Face& face = face_of(instance);
  face.ticks += 1;
  face.host->api->metric(face.host, 0, nullptr, 0, 1);
  auto fill = [](void* user, tb_out* out) {
    out->api->put_u64(out, text("n"), *static_cast<std::uint64_t*>(user));
  };
  face.host->api->publish(face.host, 0, fill, &face.ticks);
}

// Keeps "<height>:<value> " of every event in one row.
tb_status on_event(void* instance, const tb_event* event) {
  Face& face = face_of(instance);
  const std::string seen = stored(face, text("seen")) + std::to_string(event->height) + ":" +
                           std::to_string(event->data->items[0].num) + " ";
  return face.host->api->store_put(face.host, text("seen"), text(seen));
}

constexpr tb_face kFace = {sizeof(tb_face), 0,        create,  destroy,  query,  local, http,
                           nullptr,         on_timer, nullptr, on_event, nullptr};
const tb_plugin kPlugin = {
    sizeof(tb_plugin), TB_ABI_MAJOR, TB_ABI_MINOR, 0, {kManifest, sizeof kManifest - 1},
    nullptr,           &kFace,       nullptr};
#else
tb_status apply(tb_ctx* ctx, std::uint32_t, const tb_value* params, std::uint32_t, tb_out*) {
  const std::uint64_t value = params[0].num + GOOD_BONUS;
  if (value == 666) throw std::string("an exception in apply");
  auto fill = [](void* user, tb_out* out) {
    out->api->put_u64(out, text("value"), *static_cast<const std::uint64_t*>(user));
  };
  std::uint64_t shown = value;
  ctx->api->metric(ctx, 0, nullptr, 0, 1);
  if (const tb_status status = ctx->api->emit(ctx, 0, fill, &shown); status != TB_OK) return status;
  return ctx->api->put(ctx, text("value"), text(std::to_string(value)));
}

tb_status query(void*, tb_view* view, std::uint32_t, const tb_value*, std::uint32_t, tb_out* result,
                tb_out*) {
  std::string value;
  const tb_sink sink{&value, take_text};
  const tb_status status = view->api->get(view, text("value"), &sink);
  if (status < 0) return status;
  result->api->put_str(result, text("value"), text(value));
  return TB_OK;
}

tb_status local(void*, std::uint32_t, const tb_value*, std::uint32_t, tb_out* result, tb_out*) {
  result->api->put_str(result, text("version"), text(kVersion));
  return TB_OK;
}

constexpr tb_machine kMachine = {sizeof(tb_machine),
                                 GOOD_SM,
                                 1,
                                 1,
                                 nullptr,
                                 apply,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};
constexpr tb_face kFace = {sizeof(tb_face), 0,       create,  destroy, query,   local,
                           nullptr,         nullptr, nullptr, nullptr, nullptr, nullptr};
const tb_plugin kPlugin = {
    sizeof(tb_plugin), TB_ABI_MAJOR, TB_ABI_MINOR, 0, {kManifest, sizeof kManifest - 1},
    &kMachine,         &kFace,       nullptr};
#endif

}  // namespace

extern "C" TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info*) { return &kPlugin; }
