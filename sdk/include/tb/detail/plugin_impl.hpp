// The bodies of plugin.hpp that are not one-liners. Internal to the SDK.
#pragma once

#include "tb/plugin.hpp"
#include "tb/text.hpp"

namespace tb {

template <class P, class Where>
FunctionEntry& FunctionEntry::function(std::string_view name,
                                       Status (*fn)(Where&, std::string_view, const P&, Out&)) {
  return service_->function(name, fn);
}

template <class P, class Where>
FunctionEntry& ServiceEntry::function(std::string_view name,
                                      Status (*fn)(Where&, std::string_view, const P&, Out&)) {
  static_assert(std::is_same_v<Where, Ctx> || std::is_same_v<Where, View>,
                "a function of a service takes tb::Ctx& or, of kind read, tb::View&");
  const auto run = [invalid = &handlers_->invalid_params_name, fn](
                       Where& where, std::string_view caller, detail::Args args, Out& out) {
    return detail::with_params<P>(*invalid, where, args,
                                  [&](const P& params) { return fn(where, caller, params, out); });
  };
  detail::Json& json = json_->array_at("functions").push(detail::Json::object());
  json.set("name", name);
  detail::ServiceHandler handler;
  handler.serve = run;  // a read function may be called inside a step as well
  if constexpr (std::is_same_v<Where, View>) {
    handler.answer = run;
    json.set("read", true);
  }
  handlers_->services[place_].push_back(std::move(handler));
  FunctionEntry& entry = functions_.emplace_back(json, *problem_, std::string(name), this);
  entry.take_fields<P>();
  return entry;
}

inline Plugin& Plugin::sm(std::uint32_t newest, std::uint32_t oldest) {
  sm_ = newest;
  sm_min_ = oldest == 0 ? newest : oldest;
  set("sm", sm_);
  return set("sm_min", sm_min_);
}

inline Plugin& Plugin::schema(std::uint32_t version) {
  schema_ = version;
  return set("schema", version);
}

inline ParamEntry& Plugin::param(Param handle, std::string_view key, std::uint64_t default_value,
                                 std::uint64_t min, std::uint64_t max) {
  ParamEntry& added = place(params_, "params", "key", key, handle.index);
  last("params")->set("default", default_value);
  last("params")->set("min", min);
  last("params")->set("max", max);
  return added;
}

template <class Table, class Spec, class More>
void Plugin::params(const Table& table, Spec spec, More more) {
  std::uint32_t place = 0;
  for (const auto& row : table) {
    const ParamSpec declared = spec(row);
    ParamEntry& entry =
        param(Param{place}, declared.key, declared.default_value, declared.min, declared.max);
    entry.unit(declared.unit).help(declared.help).timelock(2).rollback(1);
    entry.alias(pascal_case(declared.key));
    more(place++, row, entry);
  }
}

inline RequireEntry& Plugin::requires_service(Service slot, std::string_view name) {
  detail::Json& list = json_.array_at("requires");
  if (slot.index != list.size()) {
    problem_.report("required service '" + std::string(name) + "' is declared at place " +
                    std::to_string(list.size()) + " but its handle says " +
                    std::to_string(slot.index) +
                    "; number the handles in the order of the declarations");
  }
  detail::Json& json = list.push(detail::Json::object());
  json.set("name", name);
  return requires_.emplace_back(json, problem_, slot);
}

inline ServiceEntry& Plugin::provides(std::string_view name) {
  has_machine_part_ = true;
  detail::Json& json = json_.array_at("provides").push(detail::Json::object());
  json.set("name", name);
  handlers_.services.emplace_back();
  return provides_.emplace_back(json, problem_, handlers_, handlers_.services.size() - 1);
}

inline Plugin& Plugin::recording(std::string_view name, std::string_view expr) {
  detail::Json& json = json_.array_at("recordings").push(detail::Json::object());
  json.set("name", name);
  json.set("expr", expr);
  return *this;
}

inline PanelEntry& Plugin::panel(std::string_view row, std::string_view title,
                                 std::string_view expr) {
  PanelEntry& added = entry(panels_, "panels", "row", row);
  last("panels")->set("title", title);
  last("panels")->set("expr", expr);
  return added;
}

inline MetricEntry& Plugin::metric(std::uint32_t index, std::string_view name,
                                   std::string_view type) {
  MetricEntry& added = place(metrics_, "metrics", "name", name, index);
  last("metrics")->set("type", type);
  return added;
}

inline void Plugin::use_face(const std::type_info* type) {
  if (face_used_ != nullptr && *face_used_ != *type) {
    problem_.report("handlers are members of two classes; a plugin has one face");
  }
  face_used_ = type;
}

template <class E>
E& Plugin::place(std::list<E>& entries, std::string_view list, std::string_view key,
                 std::string_view name, std::uint32_t index) {
  if (index != entries.size()) {
    problem_.report(std::string(list) + ": '" + std::string(name) + "' is declared at place " +
                    std::to_string(entries.size()) + " but its handle says " +
                    std::to_string(index) +
                    "; number the handles in the order of the declarations");
  }
  return entry(entries, list, key, name);
}

template <class P>
Method& Plugin::method(std::string_view name, std::string_view kind) {
  has_commands_ = has_commands_ || kind == "command";
  Method& added = entry(methods_, "methods", "name", name);
  last("methods")->set("kind", kind);
  added.take_fields<P>();
  return added;
}

template <class P, class Fn>
Method& Plugin::add_query(std::string_view name, Fn fn, const std::type_info* face) {
  if (face != nullptr) use_face(face);
  detail::MethodHandler handler;
  handler.query = [invalid = names(), fn](void* instance, View& view, detail::Args args, Out& out) {
    return detail::with_params<P>(*invalid, view, args,
                                  [&](const P& params) { return fn(instance, view, params, out); });
  };
  handlers_.methods.push_back(std::move(handler));
  return method<P>(name, "query");
}

template <class P, class Fn>
Method& Plugin::add_local(std::string_view name, Fn fn, const std::type_info* face) {
  if (face != nullptr) use_face(face);
  detail::MethodHandler handler;
  handler.local = [invalid = names(), fn](void* instance, LocalCall& call, detail::Args args,
                                          Out& out) {
    return detail::with_params<P>(*invalid, call, args,
                                  [&](const P& params) { return fn(instance, call, params, out); });
  };
  handlers_.methods.push_back(std::move(handler));
  return method<P>(name, "local");
}

inline std::string Plugin::problem() {
  if (json_.find("id") == nullptr || json_.find("version") == nullptr) {
    problem_.report("id() and version() are missing");
  }
  if (sm_ == 0 && (has_commands_ || has_machine_part_)) {
    problem_.report("commands, hooks and services need a state machine version: sm(1)");
  }
  if (sm_min_ > sm_) problem_.report("the oldest sm() is above the newest");
  if (face_used_ != nullptr && (face_type_ == nullptr || *face_type_ != *face_used_)) {
    problem_.report("handlers are members of a class that face<...>() does not name");
  }
  return problem_.text();
}

inline std::string Plugin::finish() {
  std::string text = manifest();
  text.shrink_to_fit();
  const auto forget = [](auto&... all) { ((all = std::remove_reference_t<decltype(all)>()), ...); };
  forget(json_, last_, methods_, events_, records_, metrics_, params_, config_, requires_,
         provides_, roles_, rate_classes_, routes_, alerts_, panels_);
  return text;
}

}  // namespace tb
