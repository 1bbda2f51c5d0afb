// Library: what a shared library answers to the host, made of a describe function.
// TB_PLUGIN(describe) is all that an author writes. [any]
//
// The description is built once, at the first call of the entry, and is immutable afterwards. Every
// entry is wrapped: an exception fails the step with internal_plugin_error and its text,
// std::bad_alloc aborts it (lack of memory is trouble of the host, never an outcome).
#pragma once

#include <cstdio>
#include <memory>
#include <new>

#include "tb/plugin.h"
#include "tb/plugin.hpp"

namespace tb::detail {

// A face as the host holds it.
struct Instance {
  Host host;
  void* face;
  const FaceHandlers* handlers;
  ~Instance() {
    if (face != nullptr) handlers->destroy(face);
  }
};

// Runs a handler on `where` (Ctx, View or LocalCall) and turns what it throws into a failure.
template <class Where, class Body>
tb_status guarded(Where& where, Body&& body) {
  const auto settle = [&](Status status) -> tb_status {
    if constexpr (requires { where.settle(status); }) {
      return where.settle(status);
    } else {
      return status.code();
    }
  };
  try {
    return settle(body());
  } catch (const std::bad_alloc&) {
    return TB_ABORTED;
  } catch (const std::exception& error) {
    return settle(where.fail(kInternalError, error.what()));
  } catch (...) {
    return settle(where.fail(kInternalError, "an exception of unknown type"));
  }
}

// The same for notices, which nobody answers: trouble goes to the log.
template <class Body>
void noticed(const Host& host, Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    host.log(TB_LOG_ERROR, error.what());
  } catch (...) {
    host.log(TB_LOG_ERROR, "an exception of unknown type");
  }
}

// The tables of the plugin that `Describe` declares. A describe function with internal linkage
// keeps all of this out of the symbols of the library.
template <void (*Describe)(Plugin&)>
class Library {
 public:
  static const tb_plugin* entry(const tb_host_info*) {
    try {
      const Library& library = get();
      if (library.problem_.empty()) return &library.plugin_;
      std::fprintf(stderr, "error[plugin_declaration]: %s\n", library.problem_.c_str());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error[plugin_declaration]: %s\n", error.what());
    }
    return nullptr;
  }

 private:
  Library() {
    Describe(declaration_);
    problem_ = declaration_.problem();
    manifest_ = declaration_.finish();
    fill_machine();
    fill_face();
    plugin_.size = sizeof(plugin_);
    plugin_.abi_major = TB_ABI_MAJOR;
    plugin_.abi_minor = TB_ABI_MINOR;
    plugin_.manifest = to_str(manifest_);
    plugin_.machine = declaration_.sm_newest() != 0 ? &machine_ : nullptr;
    plugin_.face = has_face() ? &face_ : nullptr;
  }

  static const Library& get() {
    static const Library library;
    return library;
  }
  static const Handlers& handlers() { return get().declaration_.handlers(); }
  static Instance& at(void* instance) { return *static_cast<Instance*>(instance); }

  bool has_face() const {
    const Handlers& all = declaration_.handlers();
    if (all.face.create) return true;
    for (const MethodHandler& method : all.methods) {
      if (method.query || method.local) return true;
    }
    return false;
  }

  void fill_machine() {
    const Handlers& all = declaration_.handlers();
    const MachineHandlers& hooks = all.machine;
    machine_.size = sizeof(machine_);
    machine_.sm = declaration_.sm_newest();
    machine_.sm_min = declaration_.sm_oldest();
    machine_.schema = declaration_.schema_version();
    machine_.apply = &apply;
    if (hooks.genesis) machine_.genesis = &genesis;
    if (hooks.begin)
      machine_.begin = [](tb_ctx* raw) { return hook(raw, handlers().machine.begin); };
    if (hooks.end) machine_.end = [](tb_ctx* raw) { return hook(raw, handlers().machine.end); };
    if (hooks.epoch)
      machine_.epoch = [](tb_ctx* raw) { return hook(raw, handlers().machine.epoch); };
    if (!all.services.empty()) {
      machine_.serve = &serve;
      machine_.answer = &answer;
    }
    if (hooks.check_params) machine_.check_params = &check_params;
    if (hooks.params_changed) machine_.params_changed = &params_changed;
    if (hooks.migrate) machine_.migrate_step = &migrate_step;
  }

  void fill_face() {
    const FaceHandlers& hooks = declaration_.handlers().face;
    face_.size = sizeof(face_);
    face_.create = &create;
    face_.destroy = [](void* instance) { delete &at(instance); };
    face_.query = &query;
    face_.local = &local;
    if (!hooks.routes.empty()) face_.http = &http;
    if (hooks.on_config) face_.on_config = &on_config;
    if (!hooks.timers.empty()) face_.on_timer = &on_timer;
    if (hooks.on_reply) face_.on_reply = &on_reply;
    if (hooks.on_event) face_.on_event = &on_event;
    if (hooks.on_commit) face_.on_commit = &on_commit;
  }

  static tb_status apply(tb_ctx* raw, std::uint32_t method, const tb_value* params,
                         std::uint32_t count, tb_out* result) {
    const auto& methods = handlers().methods;
    if (method >= methods.size() || !methods[method].command) return TB_E_UNSUPPORTED;
    Ctx ctx(raw);
    Out out(result);
    return guarded(ctx, [&] { return methods[method].command(ctx, {params, count}, out); });
  }
  template <class Fn>
  static tb_status hook(tb_ctx* raw, const Fn& fn) {
    Ctx ctx(raw);
    return guarded(ctx, [&] { return fn(ctx); });
  }
  static tb_status genesis(tb_ctx* raw, const tb_value* alloc, std::uint32_t count) {
    Ctx ctx(raw);
    return guarded(ctx, [&] {
      std::vector<Allocation> accounts;
      accounts.reserve(count);
      for (std::uint32_t i = 0; i < count; ++i) {
        accounts.push_back({to_view(alloc[i].name), Value(alloc + i).u64()});
      }
      return handlers().machine.genesis(ctx, accounts);
    });
  }
  static const ServiceHandler* service_at(std::uint32_t service, std::uint32_t function) {
    const auto& services = handlers().services;
    if (service >= services.size() || function >= services[service].size()) return nullptr;
    return &services[service][function];
  }
  static tb_status serve(tb_ctx* raw, std::uint32_t service, std::uint32_t function, tb_str caller,
                         const tb_value* args, std::uint32_t count, tb_out* result) {
    const ServiceHandler* handler = service_at(service, function);
    if (handler == nullptr) return TB_E_UNSUPPORTED;
    Ctx ctx(raw);
    Out out(result);
    return guarded(ctx, [&] { return handler->serve(ctx, to_view(caller), {args, count}, out); });
  }
  static tb_status answer(tb_view* raw, std::uint32_t service, std::uint32_t function,
                          tb_str caller, const tb_value* args, std::uint32_t count, tb_out* result,
                          tb_out* error) {
    const ServiceHandler* handler = service_at(service, function);
    if (handler == nullptr || !handler->answer) return TB_E_UNSUPPORTED;
    View view(raw, error);
    Out out(result);
    return guarded(view, [&] {
      return handler->answer(view, to_view(caller), {args, count}, out);
    });
  }
  static tb_status check_params(tb_ctx* raw, const tb_param_change* changes, std::uint32_t count) {
    const ParamChanges all(changes, count);
    return hook(raw, [&](Ctx& ctx) { return handlers().machine.check_params(ctx, all); });
  }
  static tb_status params_changed(tb_ctx* raw, const tb_param_change* changes,
                                  std::uint32_t count) {
    const ParamChanges all(changes, count);
    return hook(raw, [&](Ctx& ctx) { return handlers().machine.params_changed(ctx, all); });
  }
  static tb_status migrate_step(tb_ctx* raw, std::uint32_t from_schema, tb_str cursor,
                                std::uint32_t rows, const tb_sink* next) {
    Migration migration(from_schema, cursor, rows, next);
    return hook(raw, [&](Ctx& ctx) { return handlers().machine.migrate(ctx, migration); });
  }

  static tb_status create(tb_host* raw, void** instance) {
    const Host host(raw);
    tb_status status = TB_E_INVALID;
    noticed(host, [&] {
      const FaceHandlers& hooks = handlers().face;
      auto made = std::make_unique<Instance>(Instance{host, nullptr, &hooks});
      if (hooks.create) made->face = hooks.create(host);
      *instance = made.release();
      status = TB_OK;
    });
    return status;
  }
  static tb_status query(void* instance, tb_view* raw, std::uint32_t method, const tb_value* params,
                         std::uint32_t count, tb_out* result, tb_out* error) {
    const auto& methods = handlers().methods;
    if (method >= methods.size() || !methods[method].query) return TB_E_UNSUPPORTED;
    View view(raw, error);
    Out out(result);
    return guarded(view, [&] {
      return methods[method].query(at(instance).face, view, {params, count}, out);
    });
  }
  static tb_status local(void* instance, std::uint32_t method, const tb_value* params,
                         std::uint32_t count, tb_out* result, tb_out* error) {
    const auto& methods = handlers().methods;
    if (method >= methods.size() || !methods[method].local) return TB_E_UNSUPPORTED;
    LocalCall call(at(instance).host, error);
    Out out(result);
    return guarded(call, [&] {
      return methods[method].local(at(instance).face, call, {params, count}, out);
    });
  }
  static tb_status http(void* instance, tb_view* raw, const tb_http_request* request,
                        tb_http_reply* reply) {
    const auto& routes = handlers().face.routes;
    if (request->route >= routes.size()) return TB_E_UNSUPPORTED;
    View view(raw, reply->json);  // fail() in a route writes {code, name, text} as the body
    HttpReply answer(reply);
    const tb_status status = guarded(view, [&] {
      return routes[request->route](at(instance).face, view, HttpRequest(request), answer);
    });
    if (status == TB_FAILED && (reply->status == 0 || reply->status == 200)) reply->status = 500;
    return status;
  }
  static void on_config(void* instance) {
    noticed(at(instance).host, [&] { handlers().face.on_config(at(instance).face); });
  }
  static void on_timer(void* instance, std::uint32_t timer) {
    const auto& timers = handlers().face.timers;
    if (timer >= timers.size()) return;
    noticed(at(instance).host, [&] { timers[timer](at(instance).face); });
  }
  static void on_reply(void* instance, std::uint64_t cookie, std::uint32_t ok,
                       const tb_value* value) {
    noticed(at(instance).host, [&] {
      handlers().face.on_reply(at(instance).face, cookie, Reply{ok != 0, Value(value)});
    });
  }
  static tb_status on_event(void* instance, const tb_event* raw) {
    tb_status status = TB_FAILED;  // an exception leaves the cursor where it was
    noticed(at(instance).host, [&] {
      const ChainEvent event{raw->height, raw->index, raw->time_ms, to_view(raw->topic),
                             Value(raw->data)};
      status = handlers().face.on_event(at(instance).face, event).code();
    });
    return status;
  }
  static void on_commit(void* instance, tb_view* raw) {
    noticed(at(instance).host, [&] {
      View view(raw);
      handlers().face.on_commit(at(instance).face, view);
    });
  }

  Plugin declaration_;
  std::string problem_;
  std::string manifest_;
  tb_machine machine_{};
  tb_face face_{};
  tb_plugin plugin_{};
};

}  // namespace tb::detail

namespace tb {

// A plugin as TestChain::add() and upgrade() take it, in a test that has more than one: an earlier
// version, or a stand-in for a provider.
template <void (*Describe)(Plugin&)>
tb_plugin_entry_fn entry_of() {
  return &detail::Library<Describe>::entry;
}

}  // namespace tb

// Defines the one symbol of the library from a function `static void describe(tb::Plugin&)`.
#define TB_PLUGIN(describe)                                                         \
  extern "C" TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info* host) { \
    return tb::detail::Library<&describe>::entry(host);                             \
  }
