// The face of an isolated plugin. Its instance lives in the child and is made again in each new
// one, before the first call that reaches it.
#include <functional>

#include "kernel/host/isolation/isolated.hpp"
#include "kernel/host/plugin_impl.hpp"

namespace blockd::isolation {
namespace {

constexpr std::int32_t kCodeCrashed = -34014;
constexpr std::uint32_t kHttpUnavailable = 503;

struct FarFace {
  IsolatedPlugin* plugin;
  tb_host* host;
  std::mutex mutex;
  std::uint64_t made_in = 0;  // the child that has the instance
};

FarFace& face_of_instance(void* instance) { return *static_cast<FarFace*>(instance); }

struct FaceCall {
  Bytes message;
  tb_view* view = nullptr;
  // Reads what the call returned; false: it cannot be read. Empty: nothing is returned.
  std::function<bool(Reader&)> take = {};
  std::string trouble;  // filled when there is no answer
  tb_status status = TB_FAILED;
};

void begin_call(FaceCall* call, Entry entry, tb_view* view) {
  call->view = view;
  put_u8(call->message, static_cast<std::uint8_t>(entry));
  if (view != nullptr) put_block(call->message, *view->block);
}

std::string failed_in_its_process(IsolatedPlugin& plugin, const IsolatedPlugin::Hold& hold) {
  return "plugin " + plugin.manifest().id +
         " failed in its process: " + plugin.await_death(hold).text;
}

// One call in a lane that is held. False: call->trouble says why there is no answer.
bool call_in(FarFace& face, IsolatedPlugin::Hold& hold, FaceCall* call) {
  IsolatedPlugin& plugin = *face.plugin;
  Session session(hold.process(), hold.lane(), plugin.manifest(), {call->view, nullptr, face.host},
                  nullptr, nullptr);
  switch (session.call(call->message, plugin.step_us())) {
    case Session::End::kReturned: {
      call->status = session.status();
      Reader results = session.results();
      if (!call->take || call->take(results)) return true;
      session.damaged("results that cannot be read");
      call->trouble = failed_in_its_process(plugin, hold);
      return false;
    }
    case Session::End::kThrew:
      call->trouble = "plugin " + plugin.manifest().id + " threw: " + session.text();
      return false;
    default:
      call->trouble = failed_in_its_process(plugin, hold);
      return false;
  }
}

bool ensure_made(FarFace& face, IsolatedPlugin::Hold& hold, std::string* trouble) {
  std::lock_guard lock(face.mutex);
  if (face.made_in == hold.serial()) return true;
  FaceCall create;
  begin_call(&create, Entry::kCreate, nullptr);
  if (!call_in(face, hold, &create)) {
    *trouble = std::move(create.trouble);
    return false;
  }
  if (create.status != TB_OK) {
    *trouble = "plugin " + face.plugin->manifest().id + ": its face could not be made (status " +
               std::to_string(create.status) + "); its log lines say why";
    return false;
  }
  face.made_in = hold.serial();
  return true;
}

bool face_call(FarFace& face, FaceCall* call) {
  IsolatedPlugin::Hold hold;
  if (Status status = face.plugin->take(true, false, &hold); !status.ok()) {
    call->trouble = status.message();
    return false;
  }
  return ensure_made(face, hold, &call->trouble) && call_in(face, hold, call);
}

void log_trouble(FarFace& face, const FaceCall& call) {
  face.host->api->log(face.host, TB_LOG_ERROR, to_str(call.trouble));
}

void tell_error(tb_out* error, const std::string& text) {
  error->api->put_i64(error, to_str("code"), kCodeCrashed);
  error->api->put_str(error, to_str("name"), to_str("plugin_crashed"));
  error->api->put_str(error, to_str("text"), to_str(text));
}

tb_status far_create(tb_host* host, void** instance) {
  const Plugin& plugin = *reinterpret_cast<FaceHost*>(host)->plugin;
  auto face = std::make_unique<FarFace>();
  face->plugin = &IsolatedPlugin::of(plugin.library()->plugin().face);
  face->host = host;
  IsolatedPlugin::Hold hold;
  std::string trouble;
  if (Status status = face->plugin->take(true, false, &hold); !status.ok()) {
    trouble = status.message();
  } else if (ensure_made(*face, hold, &trouble)) {
    *instance = face.release();
    return TB_OK;
  }
  host->api->log(host, TB_LOG_ERROR, to_str(trouble));
  return TB_FAILED;
}

void far_destroy(void* instance) {
  const std::unique_ptr<FarFace> face(&face_of_instance(instance));
  IsolatedPlugin::Hold hold;
  FaceCall call;
  begin_call(&call, Entry::kDestroy, nullptr);
  // Nothing is there to be ended in a child that never had it.
  if (face->plugin->state().pid != 0 && face->plugin->take(true, false, &hold).ok() &&
      hold.serial() == face->made_in)
    (void)call_in(*face, hold, &call);
}

tb_status answer_call(FarFace& face, FaceCall* call, tb_out* result, tb_out* error) {
  call->take = [result, error](Reader& in) {
    const BytesView results = text_of(in), errors = text_of(in);
    return in.done() && play_stream(results, result) && play_stream(errors, error);
  };
  if (face_call(face, call)) return call->status;
  tell_error(error, call->trouble);
  return TB_FAILED;
}

tb_status far_query(void* instance, tb_view* view, std::uint32_t method, const tb_value* params,
                    std::uint32_t count, tb_out* result, tb_out* error) {
  FaceCall call;
  begin_call(&call, Entry::kQuery, view);
  put_u32(call.message, method);
  put_values(call.message, params, count);
  return answer_call(face_of_instance(instance), &call, result, error);
}

tb_status far_local(void* instance, std::uint32_t method, const tb_value* params,
                    std::uint32_t count, tb_out* result, tb_out* error) {
  FaceCall call;
  begin_call(&call, Entry::kLocal, nullptr);
  put_u32(call.message, method);
  put_values(call.message, params, count);
  return answer_call(face_of_instance(instance), &call, result, error);
}

tb_status far_http(void* instance, tb_view* view, const tb_http_request* request,
                   tb_http_reply* reply) {
  FaceCall call;
  begin_call(&call, Entry::kHttp, view);
  put_u32(call.message, request->route);
  put_values(call.message, request->path, request->path_count);
  put_values(call.message, request->query, request->query_count);
  put_text(call.message, request->body);
  put_text(call.message, request->content_type);
  put_u8(call.message, request->json != nullptr ? 1 : 0);
  if (request->json != nullptr) put_value(call.message, *request->json);
  FarFace& face = face_of_instance(instance);
  call.take = [reply](Reader& in) {
    reply->status = in.u32();
    const bool sent = in.u8() != 0;
    const tb_str content_type = to_str(text_of(in)), body = to_str(text_of(in));
    const BytesView stream = text_of(in);
    (void)text_of(in), (void)text_of(in);  // results and errors of other calls
    if (!in.done() || !play_stream(stream, reply->json)) return false;
    if (sent) reply->send(reply, content_type, body);
    return true;
  };
  if (face_call(face, &call)) return call.status;
  log_trouble(face, call);
  reply->status = kHttpUnavailable;
  reply->json->api->put_str(reply->json, to_str("error"), to_str("plugin_crashed"));
  reply->json->api->put_str(reply->json, to_str("message"), to_str(call.trouble));
  return TB_FAILED;
}

// Calls without an answer: trouble goes to the log.
tb_status tell_face(void* instance, FaceCall* call) {
  FarFace& face = face_of_instance(instance);
  if (face_call(face, call)) return call->status;
  log_trouble(face, *call);
  return TB_FAILED;
}

void far_config_changed(void* instance) {
  FaceCall call;
  begin_call(&call, Entry::kConfigChanged, nullptr);
  (void)tell_face(instance, &call);
}

void far_timer(void* instance, std::uint32_t timer) {
  FaceCall call;
  begin_call(&call, Entry::kTimer, nullptr);
  put_u32(call.message, timer);
  (void)tell_face(instance, &call);
}

void far_reply(void* instance, std::uint64_t cookie, std::uint32_t ok, const tb_value* value) {
  FaceCall call;
  begin_call(&call, Entry::kReply, nullptr);
  put_u64(call.message, cookie);
  put_u32(call.message, ok);
  put_value(call.message, *value);
  (void)tell_face(instance, &call);
}

tb_status far_event(void* instance, const tb_event* event) {
  FaceCall call;
  begin_call(&call, Entry::kEvent, nullptr);
  put_u32(call.message, event->index);
  put_u64(call.message, event->height);
  put_u64(call.message, event->time_ms);
  put_text(call.message, event->topic);
  put_value(call.message, *event->data);
  return tell_face(instance, &call);
}

void far_commit(void* instance, tb_view* view) {
  FaceCall call;
  begin_call(&call, Entry::kCommit, view);
  (void)tell_face(instance, &call);
}

}  // namespace

void fill_face_table(const Description& d, tb_face* table) {
  const auto has = [&](Entry entry) {
    return (d.entries >> static_cast<unsigned>(entry) & 1) != 0;
  };
  table->size = sizeof(tb_face);
  table->create = far_create;  // also where the plugin has none: the child is reached through it
  table->destroy = far_destroy;
  if (has(Entry::kQuery)) table->query = far_query;
  if (has(Entry::kLocal)) table->local = far_local;
  if (has(Entry::kHttp)) table->http = far_http;
  if (has(Entry::kConfigChanged)) table->on_config = far_config_changed;
  if (has(Entry::kTimer)) table->on_timer = far_timer;
  if (has(Entry::kReply)) table->on_reply = far_reply;
  if (has(Entry::kEvent)) table->on_event = far_event;
  if (has(Entry::kCommit)) table->on_commit = far_commit;
}

}  // namespace blockd::isolation
