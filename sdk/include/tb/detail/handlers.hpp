// Handlers: the authors' functions behind one shape each, in the places of the manifest. Internal
// to the SDK.
//
// Immutable once describe() has returned, so that every thread may call through them.
#pragma once

#include <functional>
#include <typeindex>
#include <typeinfo>

#include "tb/ctx.hpp"
#include "tb/host.hpp"

namespace tb {

// One account of the genesis allocation.
struct Allocation {
  std::string_view account;
  std::uint64_t amount = 0;
};

// The parameters of this plugin that change in a block.
class ParamChanges {
 public:
  ParamChanges(const tb_param_change* changes, std::uint32_t count) : changes_(changes, count) {}

  std::span<const tb_param_change> all() const { return changes_; }
  const tb_param_change* find(Param param) const {
    for (const tb_param_change& change : changes_) {
      if (change.index == param.index) return &change;
    }
    return nullptr;
  }
  // The value that will be in force: the new one, or that of `ctx`.
  std::uint64_t value(Ctx& ctx, Param param) const {
    const tb_param_change* change = find(param);
    return change != nullptr ? change->new_value : ctx.param(param);
  }

 private:
  std::span<const tb_param_change> changes_;
};

// One step of a migration: rewrite up to `rows` rows behind `cursor`, then call next() with the new
// cursor, or not at all when everything is done.
class Migration {
 public:
  Migration(std::uint32_t schema, tb_str behind, std::uint32_t budget, const tb_sink* sink)
      : from_schema(schema), rows(budget), cursor(to_view(behind)), next_(sink) {}

  const std::uint32_t from_schema;
  const std::uint32_t rows;
  const std::string_view cursor;  // empty at the first step

  void next(std::string_view cursor_behind) { next_->put(next_->user, to_str(cursor_behind)); }

 private:
  const tb_sink* next_;
};

// A committed event at on_event.
struct ChainEvent {
  std::uint64_t height = 0;
  std::uint32_t index = 0;  // in its block
  std::uint64_t time_ms = 0;
  std::string_view topic;
  Value data;

  // The data as a described struct of the reader's own.
  template <detail::Described T>
  bool to(T& out) const {
    return data.raw() != nullptr && decode(*data.raw(), out);
  }
};

namespace detail {

// The params or arguments of one call.
struct Args {
  const tb_value* items;
  std::uint32_t count;
};

using Command = std::function<Status(Ctx&, Args, Out&)>;
using Query = std::function<Status(void* face, View&, Args, Out&)>;
using Local = std::function<Status(void* face, LocalCall&, Args, Out&)>;
using Serve = std::function<Status(Ctx&, std::string_view caller, Args, Out&)>;
using AnswerFn = std::function<Status(View&, std::string_view caller, Args, Out&)>;
using Route = std::function<Status(void* face, View&, const HttpRequest&, HttpReply&)>;
using FaceCall = std::function<void(void* face)>;

struct MethodHandler {
  Command command;
  Query query;
  Local local;
};
struct ServiceHandler {
  Serve serve;
  AnswerFn answer;  // of kind "read"
};

struct MachineHandlers {
  std::function<Status(Ctx&, std::span<const Allocation>)> genesis;
  std::function<Status(Ctx&)> begin, end, epoch;
  std::function<Status(Ctx&, const ParamChanges&)> check_params, params_changed;
  std::function<Status(Ctx&, Migration&)> migrate;
};

struct FaceHandlers {
  std::function<void*(Host)> create;
  std::function<void(void*)> destroy;
  FaceCall on_config;
  std::vector<FaceCall> timers;
  std::vector<Route> routes;
  std::function<Status(void*, const ChainEvent&)> on_event;
  std::function<void(void*, View&)> on_commit;
  std::function<void(void*, std::uint64_t, const Reply&)> on_reply;
};

struct Handlers {
  std::vector<MethodHandler> methods;
  std::vector<std::vector<ServiceHandler>> services;
  MachineHandlers machine;
  FaceHandlers face;
  std::string invalid_params_name = "invalid_params";
};

// Decodes Params and runs body(params), or refuses.
template <class Params, class Where, class Body>
Status with_params(const std::string& invalid_name, Where& where, Args args, Body&& body) {
  if constexpr (std::is_same_v<Params, NoArgs>) {
    return body(NoArgs{});
  } else if constexpr (is_usable<Params>()) {
    Params params{};
    std::string problem;
    if (!decode_params(args.items, args.count, params, &problem)) {
      return where.fail(Error{kInvalidParamsCode, invalid_name},
                        "'" + problem + "' is missing or of another type");
    }
    return body(static_cast<const Params&>(params));
  } else {
    return Status(TB_FAILED);  // not reached: the declaration of the method does not compile
  }
}

}  // namespace detail
}  // namespace tb
