// Plugin: the declaration of a plugin, with its handlers next to what they answer.
//
//   static void describe(tb::Plugin& p) {
//     p.id("greeter").version("1.0.0").sm(1).schema(1).summary("Greets people and counts.");
//     p.command("greeter.greet", &greet).role("operator").summary("Greet someone");
//     p.query("greeter.greetings", &Face::greetings).role("read");
//     p.event(kGreeted, "greeter.greeted");
//   }
//   TB_PLUGIN(describe)
//
// The order of calls gives every entry its place, which handles name (handles.hpp). A function may
// be a free one or, for what a face does, a member of the class given to face<F>(). The first
// mistake is kept in problem() and stops the load.
//
// Handler types; `const P&` may be left out by a method without params:
//   command   Status(Ctx&, const P&, Out&)
//   query     Status(View&, const P&, Out&)                       free or member of the face
//   local     Status(LocalCall&, const P&, Out&)                  free or member of the face
//   function  Status(Ctx& | View&, std::string_view caller, const P&, Out&)   View: of kind "read"
//   route     Status(View&, const HttpRequest&, HttpReply&)       fail() writes the error as body,
//                                                                 with status 500 unless one is set
#pragma once

#include <list>
#include <map>

#include "tb/declare.hpp"
#include "tb/detail/handlers.hpp"

namespace tb {

class Plugin;

// A service that the plugin provides, and one of its functions. function() after a function
// declares the next one.
class FunctionEntry : public FieldsEntry<FunctionEntry> {
 public:
  static constexpr const char* kFieldsKey = "params";
  FunctionEntry(detail::Json& json, detail::Problem& problem, std::string name,
                class ServiceEntry* service)
      : FieldsEntry(json, problem, std::move(name)), service_(service) {}

  FunctionEntry& error(std::int32_t code, std::string_view name, std::string_view help = {}) {
    detail::Json& entry = json_->array_at("errors").push(detail::Json::object());
    entry.set("code", code);
    entry.set("name", name);
    if (!help.empty()) entry.set("help", help);
    return *this;
  }
  FunctionEntry& error(const Error& error, std::string_view help = {}) {
    return this->error(error.code, error.name, help);
  }
  template <class P, class Where>
  FunctionEntry& function(std::string_view name,
                          Status (*fn)(Where&, std::string_view, const P&, Out&));

 private:
  ServiceEntry* service_;
};

class ServiceEntry {
 public:
  ServiceEntry(detail::Json& json, detail::Problem& problem, detail::Handlers& handlers,
               std::size_t place)
      : json_(&json), problem_(&problem), handlers_(&handlers), place_(place) {}

  template <class P, class Where>
  FunctionEntry& function(std::string_view name,
                          Status (*fn)(Where&, std::string_view, const P&, Out&));

 private:
  detail::Json* json_;
  detail::Problem* problem_;
  detail::Handlers* handlers_;
  std::size_t place_;
  std::list<FunctionEntry> functions_;
};

// A service that the plugin requires: name every function that it calls, in the order of the
// handles' places.
class RequireEntry {
 public:
  RequireEntry(detail::Json& json, detail::Problem& problem, Service slot)
      : json_(&json), problem_(&problem), slot_(slot) {}

  RequireEntry& optional() {
    json_->set("optional", true);
    return *this;
  }
  template <class Args, class Result>
  RequireEntry& function(Function<Args, Result> handle, std::string_view name) {
    detail::Json& functions = json_->array_at("functions");
    if (handle.service.index != slot_.index) {
      problem_->report("required function '" + std::string(name) +
                       "': its handle names another service slot");
    }
    if (handle.index != functions.size()) {
      problem_->report("required function '" + std::string(name) + "' is declared at place " +
                       std::to_string(functions.size()) + " but its handle says " +
                       std::to_string(handle.index) +
                       "; number the handles in the order of the declarations");
    }
    functions.push(name);
    return *this;
  }

 private:
  detail::Json* json_;
  detail::Problem* problem_;
  Service slot_;
};

// A row of a table of parameters, for Plugin::params().
struct ParamSpec {
  std::string_view key;
  std::uint64_t default_value = 0, min = 0, max = 0;
  std::string_view unit, help;
};

class Plugin {
 public:
  Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  Plugin& id(std::string_view id) { return set("id", id); }
  Plugin& version(std::string_view version) { return set("version", version); }
  Plugin& summary(std::string_view text) { return set("summary", text); }
  // The newest state machine version that the library implements, and the oldest (as the newest
  // unless given).
  Plugin& sm(std::uint32_t newest, std::uint32_t oldest = 0);
  Plugin& schema(std::uint32_t version);
  // Spelling of data.name when params are refused.
  Plugin& invalid_params_name(std::string_view name) {
    handlers_.invalid_params_name = name;
    return set("invalid_params_name", name);
  }
  // What callers without the role are told, and callers above a limit; the node's own errors unless
  // declared. With unauthorized() and configured tokens every method demands one of them.
  Plugin& unauthorized(std::int32_t code, std::string_view name, std::string_view help = {}) {
    return refusal("unauthorized", code, name, help);
  }
  Plugin& rate_limited(std::int32_t code, std::string_view name, std::string_view help = {}) {
    return refusal("rate_limited", code, name, help);
  }
  // The config key that holds the requests per second of one client address, over all methods.
  Plugin& window_config(std::string_view key) { return set("window_config", key); }
  // A method name outside "<id>." that this plugin owns: "balance".
  Plugin& method_prefix(std::string_view prefix) { return add("method_prefixes", prefix); }
  // System accounts that this plugin may debit: "energy".
  Plugin& escrow_prefix(std::string_view prefix) { return add("escrow_prefixes", prefix); }
  // A topic of another plugin that on_event wants.
  Plugin& follow(std::string_view topic) { return add("follows", topic); }

  template <class P>
  Method& command(std::string_view name, Status (*fn)(Ctx&, const P&, Out&)) {
    handlers_.methods.push_back({[this_name = names(), fn](Ctx& ctx, detail::Args args, Out& out) {
                                   return detail::with_params<P>(
                                       *this_name, ctx, args,
                                       [&](const P& params) { return fn(ctx, params, out); });
                                 },
                                 {},
                                 {}});
    return method<P>(name, "command");
  }
  Method& command(std::string_view name, Status (*fn)(Ctx&, Out&)) {
    handlers_.methods.push_back(
        {[fn](Ctx& ctx, detail::Args, Out& out) { return fn(ctx, out); }, {}, {}});
    return method<NoArgs>(name, "command");
  }
  template <class Fn>
  Method& command(std::string_view name,
                  Fn) requires detail::NoHandler<Fn, Status (*)(Ctx&, Out&)> {
    static_assert(detail::kUnsupported<Fn>,
                  "a command is handled by a function tb::Status f(tb::Ctx&, const P&, tb::Out&), "
                  "or f(tb::Ctx&, tb::Out&) without params; P is a described struct. A lambda "
                  "with params needs a + in front");
    return method<NoArgs>(name, "command");
  }

  template <class P>
  Method& query(std::string_view name, Status (*fn)(View&, const P&, Out&)) {
    return add_query<P>(
        name, [fn](void*, View& view, const P& params, Out& out) { return fn(view, params, out); });
  }
  template <class P, class F>
  Method& query(std::string_view name, Status (F::*fn)(View&, const P&, Out&)) {
    return add_query<P>(
        name,
        [fn](void* face, View& view, const P& params, Out& out) {
          return (static_cast<F*>(face)->*fn)(view, params, out);
        },
        &typeid(F));
  }
  template <class P, class F>
  Method& query(std::string_view name, Status (F::*fn)(View&, const P&, Out&) const) {
    return add_query<P>(
        name,
        [fn](void* face, View& view, const P& params, Out& out) {
          return (static_cast<const F*>(face)->*fn)(view, params, out);
        },
        &typeid(F));
  }
  Method& query(std::string_view name, Status (*fn)(View&, Out&)) {
    return add_query<NoArgs>(
        name, [fn](void*, View& view, const NoArgs&, Out& out) { return fn(view, out); });
  }
  template <class F>
  Method& query(std::string_view name, Status (F::*fn)(View&, Out&)) {
    return add_query<NoArgs>(
        name,
        [fn](void* face, View& view, const NoArgs&, Out& out) {
          return (static_cast<F*>(face)->*fn)(view, out);
        },
        &typeid(F));
  }

  template <class Fn>
  Method& query(std::string_view name, Fn) requires detail::NoHandler<Fn, Status (*)(View&, Out&)> {
    static_assert(detail::kUnsupported<Fn>,
                  "a query is answered by a function tb::Status f(tb::View&, const P&, tb::Out&), "
                  "or f(tb::View&, tb::Out&) without params, free or a member of the face; P is a "
                  "described struct. A query reads only, so it takes no tb::Ctx");
    return method<NoArgs>(name, "query");
  }

  template <class P>
  Method& local(std::string_view name, Status (*fn)(LocalCall&, const P&, Out&)) {
    return add_local<P>(name, [fn](void*, LocalCall& call, const P& params, Out& out) {
      return fn(call, params, out);
    });
  }
  template <class P, class F>
  Method& local(std::string_view name, Status (F::*fn)(LocalCall&, const P&, Out&)) {
    return add_local<P>(
        name,
        [fn](void* face, LocalCall& call, const P& params, Out& out) {
          return (static_cast<F*>(face)->*fn)(call, params, out);
        },
        &typeid(F));
  }
  template <class F>
  Method& local(std::string_view name, Status (F::*fn)(LocalCall&, Out&)) {
    return add_local<NoArgs>(
        name,
        [fn](void* face, LocalCall& call, const NoArgs&, Out& out) {
          return (static_cast<F*>(face)->*fn)(call, out);
        },
        &typeid(F));
  }

  template <class Fn>
  Method& local(std::string_view name, Fn) requires detail::NoHandler<Fn> {
    static_assert(detail::kUnsupported<Fn>,
                  "a local method is answered by a function tb::Status f(tb::LocalCall&, const "
                  "P&, tb::Out&), free or a member of the face; a member may leave P out");
    return method<NoArgs>(name, "local");
  }

  template <class T>
  EventEntry& event(Event<T> handle, std::string_view topic) {
    EventEntry& entry = place(events_, "events", "topic", topic, handle.index);
    entry.template take_fields<T>();
    return entry;
  }
  template <class T>
  RecordEntry& record(Record<T> handle, std::string_view kind) {
    RecordEntry& entry = place(records_, "records", "kind", kind, handle.index);
    entry.template take_fields<T>();
    return entry;
  }
  MetricEntry& counter(Counter handle, std::string_view name) {
    return metric(handle.index, name, "counter");
  }
  MetricEntry& gauge(Gauge handle, std::string_view name) {
    return metric(handle.index, name, "gauge");
  }
  MetricEntry& histogram(Histogram handle, std::string_view name) {
    return metric(handle.index, name, "histogram");
  }
  ParamEntry& param(Param handle, std::string_view key, std::uint64_t default_value,
                    std::uint64_t min, std::uint64_t max);
  // All rows of a plugin's own table, in their order: `spec(row)` answers a ParamSpec, and
  // `more(place, row, entry)` says what is particular to one. Each waits two epochs, can be taken
  // back for one, and is known in PascalCase too.
  template <class Table, class Spec, class More>
  void params(const Table& table, Spec spec, More more);
  template <class T>
  ConfigEntry& config(Config<T> handle, std::string_view key) {
    ConfigEntry& entry = place(config_, "config", "key", key, handle.index);
    detail::describe_type<T>(*last("config"));
    return entry;
  }
  template <class T>
  ConfigEntry& config(Config<T> handle, std::string_view key,
                      const std::type_identity_t<T>& default_value) {
    return config(handle, key).default_value(default_value);
  }

  RequireEntry& requires_service(Service slot, std::string_view name);
  ServiceEntry& provides(std::string_view name);
  RoleEntry& role(std::string_view name) { return entry(roles_, "roles", "name", name); }
  RateClassEntry& rate_class(std::string_view name) {
    return entry(rate_classes_, "rate_classes", "name", name);
  }
  AlertEntry& alert(std::string_view name) { return entry(alerts_, "alerts", "name", name); }
  // A series that Prometheus computes: recording("treasury:balance:total",
  // "max(treasury_balance)").
  Plugin& recording(std::string_view name, std::string_view expr);
  PanelEntry& panel(std::string_view row, std::string_view title, std::string_view expr);

  // The class of the outward half; constructed with a tb::Host, or with nothing.
  template <class F>
  Plugin& face() {
    handlers_.face.create = [](Host host) -> void* {
      if constexpr (std::is_constructible_v<F, Host>) {
        return new F(host);
      } else {
        return new F();
      }
    };
    handlers_.face.destroy = [](void* instance) { delete static_cast<F*>(instance); };
    face_type_ = &typeid(F);
    return *this;
  }
  template <class F>
  RouteEntry& route(std::string_view method, std::string_view path,
                    Status (F::*fn)(View&, const HttpRequest&, HttpReply&)) {
    use_face(&typeid(F));
    handlers_.face.routes.push_back(
        [fn](void* face, View& view, const HttpRequest& request, HttpReply& reply) {
          return (static_cast<F*>(face)->*fn)(view, request, reply);
        });
    RouteEntry& added = entry(routes_, "http", "method", method);
    last("http")->set("path", path);
    return added;
  }
  template <class F>
  Plugin& timer(std::string_view name, std::uint64_t interval_ms, void (F::*fn)()) {
    use_face(&typeid(F));
    handlers_.face.timers.push_back([fn](void* face) { (static_cast<F*>(face)->*fn)(); });
    detail::Json& json = json_.array_at("timers").push(detail::Json::object());
    json.set("name", name);
    json.set("interval_ms", interval_ms);
    return *this;
  }
  template <class Fn>
  RouteEntry& route(std::string_view method, std::string_view, Fn) requires detail::NoHandler<Fn> {
    static_assert(detail::kUnsupported<Fn>,
                  "a route is answered by a member of the face: tb::Status f(tb::View&, const "
                  "tb::HttpRequest&, tb::HttpReply&)");
    return entry(routes_, "http", "method", method);
  }
  template <class Fn>
  Plugin& timer(std::string_view, std::uint64_t, Fn) requires detail::NoHandler<Fn> {
    static_assert(detail::kUnsupported<Fn>, "a timer is a member of the face: void f()");
    return *this;
  }
  template <class F>
  Plugin& on_config(void (F::*fn)()) {
    use_face(&typeid(F));
    handlers_.face.on_config = [fn](void* face) { (static_cast<F*>(face)->*fn)(); };
    return *this;
  }
  template <class F>
  Plugin& on_event(Status (F::*fn)(const ChainEvent&)) {
    use_face(&typeid(F));
    handlers_.face.on_event = [fn](void* face, const ChainEvent& event) {
      return (static_cast<F*>(face)->*fn)(event);
    };
    return *this;
  }
  template <class F>
  Plugin& on_commit(void (F::*fn)(View&)) {
    use_face(&typeid(F));
    handlers_.face.on_commit = [fn](void* face, View& view) { (static_cast<F*>(face)->*fn)(view); };
    return *this;
  }
  template <class F>
  Plugin& on_reply(void (F::*fn)(std::uint64_t cookie, const Reply&)) {
    use_face(&typeid(F));
    handlers_.face.on_reply = [fn](void* face, std::uint64_t cookie, const Reply& reply) {
      (static_cast<F*>(face)->*fn)(cookie, reply);
    };
    return *this;
  }

  // Hooks of the machine.
  Plugin& genesis(Status (*fn)(Ctx&, std::span<const Allocation>)) {
    return hook(handlers_.machine.genesis, fn);
  }
  Plugin& begin(Status (*fn)(Ctx&)) { return hook(handlers_.machine.begin, fn); }
  Plugin& end(Status (*fn)(Ctx&)) { return hook(handlers_.machine.end, fn); }
  Plugin& epoch(Status (*fn)(Ctx&)) { return hook(handlers_.machine.epoch, fn); }
  Plugin& check_params(Status (*fn)(Ctx&, const ParamChanges&)) {
    return hook(handlers_.machine.check_params, fn);
  }
  Plugin& params_changed(Status (*fn)(Ctx&, const ParamChanges&)) {
    return hook(handlers_.machine.params_changed, fn);
  }
  Plugin& migrate(Status (*fn)(Ctx&, Migration&)) { return hook(handlers_.machine.migrate, fn); }

  // For the SDK and for tests: the manifest, and the first mistake (empty when there is none).
  std::string manifest() const { return json_.text(); }
  // The same, for good: what only the declaration needed goes. The handlers stay.
  std::string finish();
  std::string problem();
  const detail::Handlers& handlers() const { return handlers_; }
  std::uint32_t sm_newest() const { return sm_; }
  std::uint32_t sm_oldest() const { return sm_min_; }
  std::uint32_t schema_version() const { return schema_; }

 private:
  template <class T>
  Plugin& set(std::string_view key, const T& value) {
    json_.set(key, value);
    return *this;
  }
  Plugin& refusal(std::string_view key, std::int32_t code, std::string_view name,
                  std::string_view help) {
    detail::Json& entry = json_.object_at(key);
    entry.set("code", code);
    entry.set("name", name);
    if (!help.empty()) entry.set("help", help);
    return *this;
  }
  Plugin& add(std::string_view key, std::string_view value) {
    json_.array_at(key).push(value);
    return *this;
  }
  template <class Slot, class Fn>
  Plugin& hook(Slot& slot, Fn fn) {
    has_machine_part_ = true;
    slot = fn;
    return *this;
  }
  const std::string* names() const { return &handlers_.invalid_params_name; }
  detail::Json* last(std::string_view list) { return last_[std::string(list)]; }
  void use_face(const std::type_info* type);

  template <class E>
  E& entry(std::list<E>& entries, std::string_view list, std::string_view key,
           std::string_view name) {
    detail::Json& json = json_.array_at(list).push(detail::Json::object());
    json.set(key, name);
    last_[std::string(list)] = &json;
    return entries.emplace_back(json, problem_, std::string(name));
  }
  // An entry that a handle names: its place must be the handle's.
  template <class E>
  E& place(std::list<E>& entries, std::string_view list, std::string_view key,
           std::string_view name, std::uint32_t index);

  template <class P>
  Method& method(std::string_view name, std::string_view kind);
  template <class P, class Fn>
  Method& add_query(std::string_view name, Fn fn, const std::type_info* face = nullptr);
  template <class P, class Fn>
  Method& add_local(std::string_view name, Fn fn, const std::type_info* face = nullptr);
  MetricEntry& metric(std::uint32_t index, std::string_view name, std::string_view type);

  detail::Json json_ = detail::Json::object();
  detail::Problem problem_;
  detail::Handlers handlers_;
  std::map<std::string, detail::Json*> last_;
  const std::type_info* face_type_ = nullptr;
  const std::type_info* face_used_ = nullptr;
  bool has_machine_part_ = false;
  bool has_commands_ = false;
  std::uint32_t sm_ = 0, sm_min_ = 0, schema_ = 0;

  std::list<Method> methods_;
  std::list<EventEntry> events_;
  std::list<RecordEntry> records_;
  std::list<MetricEntry> metrics_;
  std::list<ParamEntry> params_;
  std::list<ConfigEntry> config_;
  std::list<RequireEntry> requires_;
  std::list<ServiceEntry> provides_;
  std::list<RoleEntry> roles_;
  std::list<RateClassEntry> rate_classes_;
  std::list<RouteEntry> routes_;
  std::list<AlertEntry> alerts_;
  std::list<PanelEntry> panels_;
};

}  // namespace tb

#include "tb/detail/plugin_impl.hpp"
