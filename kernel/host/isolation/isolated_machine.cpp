// The machine of an isolated plugin: each entry packs its arguments, makes the call on the ctx that
// it was given, and unpacks the results.
#include <stdexcept>

#include "kernel/chain/foreign.hpp"
#include "kernel/host/isolation/isolated.hpp"

namespace blockd::isolation {
namespace {

struct MachineCall {
  CallShape shape;
  tb_view* view = nullptr;
  tb_ctx* ctx = nullptr;
  Bytes args;
  tb_out* result = nullptr;
  tb_out* error = nullptr;
  const tb_sink* next = nullptr;  // of migrate_step
};

void put_expected(const MachineCall& call, const Expected::Guess& guess, Bytes* out) {
  put_u32(*out, static_cast<std::uint32_t>(guess.keys.size()));
  Bytes scratch;
  for (const Bytes& key : guess.keys) {
    std::optional<BytesView> value;
    if (!key.empty()) (void)foreign::peek(call.view, key, &scratch, &value);
    put_text(*out, BytesView(key));
    put_u8(*out, value ? 1 : 0);
    put_text(*out, value.value_or(BytesView()));
  }
  put_u32(*out, static_cast<std::uint32_t>(guess.params.size()));
  for (std::uint32_t index : guess.params) {
    std::uint64_t value = 0;
    (void)call.view->api->param(call.view, index, &value);
    put_u32(*out, index);
    put_u64(*out, value);
  }
}

void pack(const MachineCall& call, const Expected::Guess& guess, bool may_guess, Bytes* out) {
  out->clear();
  put_u8(*out, static_cast<std::uint8_t>(call.shape.entry));
  put_u8(*out, static_cast<std::uint8_t>((foreign::read_only(call.view) ? kReadOnly : 0) |
                                         (may_guess ? kMayGuess : 0)));
  put_block(*out, *call.view->block);
  if (call.ctx != nullptr) put_caller(*out, *call.ctx->caller);
  put_expected(call, guess, out);
  out->append(call.args);
}

tb_status unpack(Session& session, const MachineCall& call) {
  Reader in = session.results();
  bool good = true;
  if (call.next != nullptr) {
    const bool there = in.u8() != 0;
    const tb_str cursor = to_str(text_of(in));
    if (in.ok() && there) call.next->put(call.next->user, cursor);
  }
  const BytesView results = text_of(in), errors = text_of(in);
  good = in.done();
  const auto take = [](BytesView stream, tb_out* out) {
    return out != nullptr ? play_stream(stream, out) : Played{stream}.whole();
  };
  good = good && take(results, call.result) && take(errors, call.error);
  if (!good) session.damaged("results that cannot be read");
  return good ? session.status() : TB_ABORTED;
}

tb_status lost(IsolatedPlugin& plugin, IsolatedPlugin::Hold& hold, tb_view* view) {
  const Death death = plugin.await_death(hold);
  bool caused = hold.process().caused(hold.lane());
  const bool guessed = hold.process().lane(hold.lane()).guessed != 0;
  if (caused && guessed && plugin.may_guess(hold.serial())) {
    plugin.no_guess_after(hold.serial());
    caused = false;  // perhaps an answer did that it would not have had; the step is tried again
  }
  return foreign::poison(
      view, "plugin " + plugin.manifest().id + " failed in its process: " + death.text, caused);
}

tb_status make_call(MachineCall& call) {
  IsolatedPlugin& plugin = IsolatedPlugin::of(foreign::machine_of(call.view)->machine.table);
  IsolatedPlugin::Hold hold;
  if (Status status = plugin.take(false, foreign::patient(call.view), &hold); !status.ok())
    return foreign::poison(call.view, status.message(), true);
  if (call.ctx != nullptr) call.shape.account = to_view(call.ctx->caller->account);
  Expected::Guess guess;
  plugin.expected().guess(call.shape, &guess);
  Bytes message;
  pack(call, guess, plugin.may_guess(hold.serial()), &message);
  Session session(hold.process(), hold.lane(), plugin.manifest(), {call.view, call.ctx, nullptr},
                  &plugin.expected(), &call.shape);
  switch (session.call(message, plugin.step_us())) {
    case Session::End::kReturned: {
      plugin.expected().used(call.shape, guess, session.used());
      const tb_status status = unpack(session, call);
      if (!session.lost()) return status;
      break;
    }
    case Session::End::kThrew:
      // The guard around every entry words it as it does for a plugin in the node.
      if (session.text().empty()) throw 0;
      throw std::runtime_error(session.text());
    default:
      break;
  }
  return lost(plugin, hold, call.view);
}

MachineCall call_of(Entry entry, tb_ctx* ctx) {
  MachineCall call;
  call.shape.entry = entry;
  call.view = &ctx->view;
  call.ctx = ctx;
  return call;
}

tb_status far_genesis(tb_ctx* ctx, const tb_value* alloc, std::uint32_t count) {
  MachineCall call = call_of(Entry::kGenesis, ctx);
  put_values(call.args, alloc, count);
  return make_call(call);
}

tb_status far_apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t count,
                    tb_out* result) {
  MachineCall call = call_of(Entry::kApply, ctx);
  call.shape.index = method;
  call.shape.args = params;
  call.shape.count = count;
  put_u32(call.args, method);
  put_values(call.args, params, count);
  call.result = result;
  return make_call(call);
}

template <Entry kEntry>
tb_status far_hook(tb_ctx* ctx) {
  MachineCall call = call_of(kEntry, ctx);
  return make_call(call);
}

void put_service(MachineCall* call, std::uint32_t service, std::uint32_t function, tb_str caller,
                 const tb_value* args, std::uint32_t count) {
  call->shape.service = service;
  call->shape.index = function;
  call->shape.args = args;
  call->shape.count = count;
  put_u32(call->args, service);
  put_u32(call->args, function);
  put_text(call->args, caller);
  put_values(call->args, args, count);
}

tb_status far_serve(tb_ctx* ctx, std::uint32_t service, std::uint32_t function, tb_str caller,
                    const tb_value* args, std::uint32_t count, tb_out* result) {
  MachineCall call = call_of(Entry::kServe, ctx);
  put_service(&call, service, function, caller, args, count);
  call.result = result;
  return make_call(call);
}

tb_status far_answer(tb_view* view, std::uint32_t service, std::uint32_t function, tb_str caller,
                     const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error) {
  MachineCall call;
  call.shape.entry = Entry::kAnswer;
  call.view = view;
  put_service(&call, service, function, caller, args, count);
  call.result = result;
  call.error = error;
  return make_call(call);
}

template <Entry kEntry>
tb_status far_params(tb_ctx* ctx, const tb_param_change* changes, std::uint32_t count) {
  MachineCall call = call_of(kEntry, ctx);
  put_u32(call.args, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    put_u32(call.args, changes[i].index);
    put_u64(call.args, changes[i].old_value);
    put_u64(call.args, changes[i].new_value);
  }
  return make_call(call);
}

tb_status far_migrate(tb_ctx* ctx, std::uint32_t from_schema, tb_str cursor, std::uint32_t rows,
                      const tb_sink* next) {
  MachineCall call = call_of(Entry::kMigrate, ctx);
  put_u32(call.args, from_schema);
  put_text(call.args, cursor);
  put_u32(call.args, rows);
  call.next = next;
  return make_call(call);
}

}  // namespace

void fill_machine_table(const Description& d, tb_machine* table) {
  const auto has = [&](Entry entry) {
    return (d.entries >> static_cast<unsigned>(entry) & 1) != 0;
  };
  table->size = sizeof(tb_machine);
  table->sm = d.sm;
  table->sm_min = d.sm_min;
  table->schema = d.schema;
  if (has(Entry::kGenesis)) table->genesis = far_genesis;
  if (has(Entry::kApply)) table->apply = far_apply;
  if (has(Entry::kBegin)) table->begin = far_hook<Entry::kBegin>;
  if (has(Entry::kEnd)) table->end = far_hook<Entry::kEnd>;
  if (has(Entry::kEpoch)) table->epoch = far_hook<Entry::kEpoch>;
  if (has(Entry::kServe)) table->serve = far_serve;
  if (has(Entry::kAnswer)) table->answer = far_answer;
  if (has(Entry::kCheckParams)) table->check_params = far_params<Entry::kCheckParams>;
  if (has(Entry::kParamsChanged)) table->params_changed = far_params<Entry::kParamsChanged>;
  if (has(Entry::kMigrate)) table->migrate_step = far_migrate;
}

}  // namespace blockd::isolation
