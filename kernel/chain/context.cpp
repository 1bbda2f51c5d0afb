// How a step runs and ends. The functions that plugins call stand in context_api.cpp.
#include "kernel/chain/context.hpp"

#include <algorithm>
#include <exception>

#include "kernel/chain/context_frame.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/manifest/utf8.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxErrorText = 4096;
constexpr std::size_t kMaxErrorName = 128;

std::string clipped(BytesView text, std::size_t max, std::string_view instead) {
  text = text.substr(0, max);
  while (!text.empty() && !is_utf8(text) && text.size() + 4 > max) text.remove_suffix(1);
  return is_utf8(text) ? std::string(text) : std::string(instead);
}

}  // namespace

StepRun::StepRun(Overlay& overlay) : overlay_(overlay) {}
StepRun::~StepRun() = default;

void StepRun::begin_block(const BlockScope& scope, VerifyCache* cache, Effects* effects,
                          bool with_texts) {
  ++blocks_;
  scope_ = scope;
  cache_ = cache;
  effects_ = effects;
  with_texts_ = with_texts;
  params_.reset();
  hook_rows_ = 0;
  tally_.clear();
  pending_work_ = false;
  poison_.clear();
}

void StepRun::start(StepKind kind, const BoundMachine* owner, const tb_caller* caller,
                    const std::vector<std::uint32_t>* trusted_checks) {
  while (depth_ > 0) pop();
  thread_ = thread_tag();
  kind_ = kind;
  query_ = false;
  owner_ = owner;
  caller_ = caller == nullptr ? tb_caller{} : *caller;
  caller_.size = sizeof(tb_caller);
  trusted_ = trusted_checks;
  reads_ = rows_ = bytes_ = calls_ = 0;
  checks_ = attempts_ = 0;
  charged_ = step_pending_ = false;
  own_rows_.reset();
  error_.set = charge_error_.set = forced_.set = false;
  poison_.clear();
  poison_kind_ = Poison::kPlugin;
  refused_.metrics.clear();
  refused_.lines.clear();
  refusing_ = false;
  result_.clear();
  events_.clear();
  records_.clear();
  false_checks_.clear();
  ran_.assign(scope_.machines->machines().size(), 0);
  start_ = mark();
}

StepRun::Mark StepRun::mark() const {
  return {overlay_.savepoint(), events_.size(), records_.size(),
          effects_ == nullptr ? 0 : effects_->metrics.size(),
          effects_ == nullptr ? 0 : effects_->lines.size()};
}

void StepRun::back_to(const Mark& mark) {
  overlay_.rollback(mark.overlay);
  events_.resize(mark.events);
  records_.resize(mark.records);
  if (effects_ != nullptr) {
    effects_->metrics.resize(mark.metrics);
    effects_->lines.resize(mark.lines);
  }
}

StepRun::Frame& StepRun::push(const BoundMachine* machine, const Manifest* manifest,
                              bool read_only) {
  if (depth_ == frames_.size()) frames_.push_back(std::make_unique<Frame>());
  Frame& frame = *frames_[depth_++];
  frame.view.api = ContextApi::view_api();
  frame.view.block = &frame.block;
  frame.api = ContextApi::ctx_api();
  frame.caller = &caller_;
  frame.run = this;
  frame.machine = machine;
  frame.manifest = manifest;
  frame.active = true;
  frame.read_only = read_only;
  frame.set_space(manifest->id);
  frame.params = {};
  if (machine != nullptr && params_ != nullptr && machine->index < params_->size())
    frame.params = (*params_)[machine->index];
  tb_block& block = frame.block;
  block.size = sizeof(tb_block);
  block.flags = scope_.last_of_epoch ? TB_BLOCK_LAST_OF_EPOCH : 0;
  block.height = scope_.height;
  block.time_ms = scope_.time_ms;
  block.epoch = scope_.epoch;
  block.epoch_length = scope_.epoch_length;
  block.sm = machine == nullptr ? manifest->sm : machine->roster.sm;
  block.schema = machine == nullptr ? manifest->schema : machine->roster.schema;
  std::memcpy(block.seed, scope_.seed.data(), sizeof block.seed);
  block.params = frame.params.data();
  block.param_count = frame.params.size();
  if (machine != nullptr && machine->index < ran_.size()) ran_[machine->index] = 1;
  return frame;
}

void StepRun::pop() { frames_[--depth_]->active = false; }

void StepRun::force(std::int32_t code, std::string_view name, std::string text) {
  if (forced_.set) return;
  forced_ = {code, std::string(name), std::move(text), {}, true};
}

void StepRun::set_poison(std::string text) {
  if (poison_.empty()) poison_ = text.empty() ? std::string("unknown trouble") : std::move(text);
}

void StepRun::poison_by_child(std::string text, bool caused) {
  if (!poison_.empty()) return;
  poison_kind_ = caused ? Poison::kChild : Poison::kBystander;
  set_poison(std::move(text));
}

void StepRun::refuse(std::int32_t code, std::string_view name, std::string_view text,
                     std::string data) {
  error_.code = code;
  error_.name = clipped(name, kMaxErrorName, "unnamed");
  error_.text = clipped(text, kMaxErrorText, "(the plugin's text is not valid UTF-8)");
  error_.data = std::move(data);
  error_.set = true;
}

std::uint64_t StepRun::rows_left() const {
  if (own_rows_) return *own_rows_;
  bool keeps = scope_.receipts != nullptr && owner_ != scope_.receipts;
  std::uint64_t limit = keeps ? kHookRows - kHookRowsKept : kHookRows;
  return hook_rows_ < limit ? limit - hook_rows_ : 0;
}

// Rows that hooks read and write share one budget a block; commands are not counted.
bool StepRun::charge_rows(std::uint64_t n) {
  if (kind_ != StepKind::kBegin && kind_ != StepKind::kEnd && kind_ != StepKind::kEpoch &&
      !own_rows_)
    return true;
  if (query_) return true;
  if (n > rows_left()) {
    force(kCodeLimit, "limit_exceeded", "the hooks of this block have used up their rows");
    return false;
  }
  if (own_rows_) {
    *own_rows_ -= n;
  } else {
    hook_rows_ += n;
  }
  return true;
}

template <class Body>
tb_status StepRun::guarded(const Frame& frame, Body&& body) {
  tb_status status = TB_ABORTED;
  try {
    status = body();
  } catch (const std::exception& e) {
    set_poison("plugin " + frame.manifest->id + " let an exception escape: " + e.what());
  } catch (...) {
    set_poison("plugin " + frame.manifest->id + " let an exception of an unknown type escape");
  }
  if (status == TB_ABORTED) set_poison("plugin " + frame.manifest->id + " ended with TB_ABORTED");
  return poisoned() ? TB_ABORTED : status;
}

template <class Body>
tb_status StepRun::run_owner(Body&& body) {
  Frame& frame = push(owner_, owner_->machine.manifest.get(), false);
  tb_status status =
      guarded(frame, [&] { return body(static_cast<tb_ctx*>(&frame), *owner_->machine.table); });
  while (depth_ > 0) pop();
  return status;
}

tb_status StepRun::run_genesis(const tb_value* alloc, std::uint32_t count) {
  if (owner_->machine.table->genesis == nullptr) return TB_OK;
  return run_owner(
      [&](tb_ctx* ctx, const tb_machine& table) { return table.genesis(ctx, alloc, count); });
}

tb_status StepRun::run_command(std::uint32_t method, const tb_value* params, std::uint32_t count) {
  if (owner_->machine.table->apply == nullptr) return TB_E_UNSUPPORTED;
  return run_owner([&](tb_ctx* ctx, const tb_machine& table) {
    if (!with_texts_) {
      ErrorTap nowhere(nullptr);
      return table.apply(ctx, method, params, count, &nowhere);
    }
    JsonOut out;
    tb_status status = table.apply(ctx, method, params, count, out.out());
    if (status != TB_OK) return status;
    if (out.error().empty()) result_ = out.finish();
    if (!out.error().empty()) {  // of the end, too
      result_.clear();
      result_missing(method, out.error());
    }
    return status;
  });
}

// The command counts: what it wrote is sound, and only its sender misses something.
void StepRun::result_missing(std::uint32_t method, const std::string& why) {
  if (effects_ == nullptr) return;
  const std::shared_ptr<const Manifest>& plugin = owner_->machine.manifest;
  effects_->lines.push_back({plugin, TB_LOG_WARN,
                             "plugin " + plugin->id + ": the result of " +
                                 plugin->methods.at(method).name + " is not taken (" + why +
                                 "): the command counts, its answer is empty"});
}

tb_status StepRun::run_hook() {
  const tb_machine& table = *owner_->machine.table;
  tb_status (*entry)(tb_ctx*) = kind_ == StepKind::kBegin ? table.begin
                                : kind_ == StepKind::kEnd ? table.end
                                                          : table.epoch;
  if (entry == nullptr) return TB_OK;
  return run_owner([&](tb_ctx* ctx, const tb_machine&) { return entry(ctx); });
}

tb_status StepRun::run_check_params(std::span<const tb_param_change> changes) {
  if (owner_->machine.table->check_params == nullptr) return TB_OK;
  return run_owner([&](tb_ctx* ctx, const tb_machine& table) {
    return table.check_params(ctx, changes.data(), static_cast<std::uint32_t>(changes.size()));
  });
}

tb_status StepRun::run_params_changed(std::span<const tb_param_change> changes) {
  if (owner_->machine.table->params_changed == nullptr) return TB_OK;
  return run_owner([&](tb_ctx* ctx, const tb_machine& table) {
    return table.params_changed(ctx, changes.data(), static_cast<std::uint32_t>(changes.size()));
  });
}

tb_status StepRun::run_service(std::uint32_t service, std::uint32_t function, const tb_value* args,
                               std::uint32_t count, tb_out* result) {
  if (owner_->machine.table->serve == nullptr) return TB_E_UNSUPPORTED;
  ErrorTap nowhere(nullptr);
  tb_out* out = result == nullptr ? &nowhere : result;
  return run_owner([&](tb_ctx* ctx, const tb_machine& table) {
    return table.serve(ctx, service, function, to_str(kChainSpace), args, count, out);
  });
}

tb_status StepRun::ask_check_params(const BoundMachine& machine,
                                    std::span<const tb_param_change> changes) {
  if (machine.machine.table->check_params == nullptr) return TB_OK;
  for (std::size_t i = 0; i < depth_; ++i) {
    if (frames_[i]->machine == &machine) return TB_OK;
  }
  const Mark before = mark();
  error_.set = false;
  Frame& frame = push(&machine, machine.machine.manifest.get(), false);
  const std::size_t level = depth_;
  tb_status status = guarded(frame, [&] {
    return machine.machine.table->check_params(&frame, changes.data(),
                                               static_cast<std::uint32_t>(changes.size()));
  });
  while (depth_ >= level) pop();
  if (status == TB_ABORTED) return status;
  back_to(before);
  if (forced_.set) return TB_E_LIMIT;
  if (status == TB_OK) return TB_OK;
  if (!error_.set) {
    refuse(kCodePlugin, "internal_plugin_error",
           "plugin " + machine.roster.id + " refused its parameters without an error of its own");
  }
  return TB_FAILED;
}

tb_status StepRun::run_migrate(std::uint32_t from_schema, BytesView cursor, std::uint32_t rows,
                               std::optional<Bytes>* next) {
  next->reset();
  if (owner_->machine.table->migrate_step == nullptr) {
    refuse(kCodePlugin, "no_migration",
           "plugin " + owner_->roster.id + " cannot migrate from schema " +
               std::to_string(from_schema));
    return TB_FAILED;
  }
  tb_sink sink{next, [](void* user, tb_str value) {
                 static_cast<std::optional<Bytes>*>(user)->emplace(to_view(value));
               }};
  return run_owner([&](tb_ctx* ctx, const tb_machine& table) {
    return table.migrate_step(ctx, from_schema, to_str(cursor), rows, &sink);
  });
}

void StepRun::finish(tb_status returned, Step* step) {
  TB_ASSERT(!poisoned());
  Error* error = nullptr;
  if (forced_.set) {
    error = &forced_;
    charged_ = false;
  } else if (charged_) {
    error = &charge_error_;
  } else if (returned != TB_OK) {
    if (!error_.set || returned != TB_FAILED) {
      refuse(kCodePlugin, "internal_plugin_error",
             "plugin " + owner_->roster.id + " returned " + std::to_string(returned) +
                 " without an error of its own");
    }
    error = &error_;
  }
  step->kind = kind_;
  step->plugin = owner_->roster.id;
  step->outcome = error == nullptr ? Outcome::kApplied
                  : charged_       ? Outcome::kCharged
                                   : Outcome::kRejected;
  if (step->outcome == Outcome::kRejected) back_to(start_);
  if (step->outcome == Outcome::kApplied) {
    refused_.metrics.clear();
    refused_.lines.clear();
  } else if (effects_ != nullptr) {
    effects_->metrics.insert(effects_->metrics.end(), refused_.metrics.begin(),
                             refused_.metrics.end());
    effects_->lines.insert(effects_->lines.end(), refused_.lines.begin(), refused_.lines.end());
  }
  if (error != nullptr) {
    step->code = error->code;
    step->name = std::move(error->name);
    step->text = std::move(error->text);
    step->error_data = std::move(error->data);
  } else {
    step->result = std::move(result_);
  }
  if (step->outcome != Outcome::kRejected && step_pending_) pending_work_ = true;
  step->events = std::move(events_);
  step->records = std::move(records_);
  step->false_checks = std::move(false_checks_);
  events_.clear();
  records_.clear();
  false_checks_.clear();
  if (!with_texts_) return;
  for (const BoundMachine& machine : scope_.machines->machines()) {
    if (ran_[machine.index] != 0) step->plugins_run.push_back(machine.roster.id);
  }
}

void StepRun::recycle(Step* step) {
  for (Event& event : step->events) {
    if (spare_events_.size() == kMaxSpareEvents) break;
    if (event.data.capacity() <= kMaxSpareEventBytes) spare_events_.push_back(std::move(event));
  }
  step->events.clear();
  if (events_.empty()) events_.swap(step->events);
}

void StepRun::discard() {
  while (depth_ > 0) pop();
  overlay_.rollback(start_.overlay);
  if (effects_ != nullptr) {
    effects_->metrics.resize(start_.metrics);
    effects_->lines.resize(start_.lines);
  }
  events_.clear();
  records_.clear();
  false_checks_.clear();
  poison_.clear();
}

tb_view* StepRun::open_view(std::shared_ptr<const Manifest> manifest) {
  while (depth_ > 0) pop();
  thread_ = thread_tag();
  query_ = true;
  owner_ = nullptr;
  view_manifest_ = std::move(manifest);
  const BoundMachine* machine = scope_.machines->find(view_manifest_->id);
  if (machine == nullptr) view_slots_ = scope_.machines->bind(*view_manifest_);
  ran_.assign(scope_.machines->machines().size(), 0);
  return &push(machine, view_manifest_.get(), true).view;
}

tb_status StepRun::ask_kernel(const BoundMachine& provider, std::uint32_t service,
                              std::uint32_t function, tb_out* result) {
  while (depth_ > 0) pop();
  return enter_service(provider, service, function, to_str(kChainSpace), nullptr, 0, result,
                       nullptr, true);
}

tb_status StepRun::ask_inside(const MachineSet::FunctionRef& function, const tb_value* args,
                              std::uint32_t count, tb_out* result) {
  if (function.machine == nullptr) return TB_E_UNSUPPORTED;
  const BoundMachine& provider = *function.machine;
  const ServiceFunction& spec =
      provider.machine.manifest->provides[function.service].functions[function.function];
  if (!spec.read || count > spec.params.size()) return TB_E_UNSUPPORTED;
  for (std::size_t i = 0; i < depth_; ++i) {
    if (frames_[i]->machine == &provider) return TB_E_UNSUPPORTED;
  }
  if (depth_ >= kMaxCallDepth) return TB_E_UNSUPPORTED;
  if (++calls_ > kMaxStepCalls && !query_) {
    force(kCodeLimit, "limit_exceeded", "more than 10,000 service calls in one step");
    return TB_E_LIMIT;
  }
  std::vector<tb_value> filled(spec.params.size());  // what the kernel does not know of is absent
  std::copy(args, args + count, filled.begin());
  const Mark before = mark();
  const tb_status status = enter_service(
      provider, function.service, function.function, to_str(kChainSpace), filled.data(),
      static_cast<std::uint32_t>(filled.size()), result, nullptr, true);
  if (status == TB_OK || status == TB_ABORTED) return status;
  back_to(before);
  error_.set = false;
  return forced_.set ? TB_E_LIMIT : TB_FAILED;
}

tb_status StepRun::ended_by_host(const Status& why) {
  if (forced_.set && !poisoned()) return TB_E_LIMIT;
  set_poison(why.message());
  return TB_ABORTED;
}

tb_status StepRun::call_service(Frame& from, std::uint32_t slot_index, std::uint32_t function,
                                const tb_value* args, std::uint32_t count, tb_out* result,
                                tb_out* error, bool read_only) {
  const std::vector<BoundMachine::Slot>& slots =
      from.machine != nullptr ? from.machine->slots : view_slots_;
  if (slot_index >= slots.size()) return TB_E_INVALID;
  const BoundMachine::Slot& slot = slots[slot_index];
  if (slot.provider < 0) return TB_E_UNSUPPORTED;
  if (function >= slot.functions.size()) return TB_E_INVALID;
  const BoundMachine& provider =
      scope_.machines->machines()[static_cast<std::size_t>(slot.provider)];
  std::uint32_t target = slot.functions[function];
  const std::vector<ServiceFunction>& functions =
      provider.machine.manifest->provides[slot.service].functions;
  if (target >= functions.size() || (read_only && !functions[target].read)) return TB_E_UNSUPPORTED;
  if (++calls_ > kMaxStepCalls && !query_) {
    force(kCodeLimit, "limit_exceeded", "more than 10,000 service calls in one step");
    return TB_E_LIMIT;
  }
  if (depth_ >= kMaxCallDepth) {
    force(kCodeLimit, "limit_exceeded", "service calls more than 16 deep");
    return TB_E_LIMIT;
  }
  std::size_t declared = functions[target].params.size();
  if (count > declared) return TB_E_INVALID;
  std::vector<tb_value> filled;  // what the caller does not know of is absent
  if (count < declared) {
    filled.assign(declared, tb_value{});
    std::copy(args, args + count, filled.begin());
    args = filled.data();
  }
  ErrorTap tap(error);
  for (std::size_t i = 0; i < depth_; ++i) {
    if (frames_[i]->machine != &provider) continue;
    std::string text = "plugin " + provider.roster.id + " is on the call stack already";
    tap.api->put_i64(&tap, to_str("code"), kCodePlugin);
    tap.api->put_str(&tap, to_str("name"), to_str("reentrant_call"));
    tap.api->put_str(&tap, to_str("text"), to_str(text));
    refuse(kCodePlugin, "reentrant_call", text);
    return TB_FAILED;
  }
  bool read = functions[target].read;
  Mark before = mark();
  error_.set = false;
  tb_status status =
      enter_service(provider, slot.service, target, to_str(from.manifest->id), args,
                    static_cast<std::uint32_t>(declared), result, read ? &tap : nullptr, read);
  if (status == TB_OK || status == TB_ABORTED) return status;
  back_to(before);
  if (read && !tap.name.empty()) refuse(tap.code, tap.name, tap.text);
  if (!error_.set) {
    refuse(kCodePlugin, "internal_plugin_error",
           "plugin " + provider.roster.id + " refused the call of '" + functions[target].name +
               "' without an error of its own");
  }
  if (tap.name.empty()) {
    tap.api->put_i64(&tap, to_str("code"), error_.code);
    tap.api->put_str(&tap, to_str("name"), to_str(error_.name));
    tap.api->put_str(&tap, to_str("text"), to_str(error_.text));
  }
  return forced_.set ? TB_E_LIMIT : status == TB_NOT_FOUND ? TB_NOT_FOUND : TB_FAILED;
}

tb_status StepRun::enter_service(const BoundMachine& provider, std::uint32_t service,
                                 std::uint32_t function, tb_str caller, const tb_value* args,
                                 std::uint32_t count, tb_out* result, tb_out* error,
                                 bool read_only) {
  const tb_machine& table = *provider.machine.table;
  ErrorTap nowhere(nullptr);
  tb_out* out = result == nullptr ? &nowhere : result;
  tb_out* error_out = error == nullptr ? &nowhere : error;
  if (read_only ? table.answer == nullptr : table.serve == nullptr) return TB_E_UNSUPPORTED;
  Frame& frame = push(&provider, provider.machine.manifest.get(), read_only);
  std::size_t level = depth_;
  tb_status status = guarded(frame, [&] {
    return read_only
               ? table.answer(&frame.view, service, function, caller, args, count, out, error_out)
               : table.serve(&frame, service, function, caller, args, count, out);
  });
  while (depth_ >= level) pop();
  return status;
}

}  // namespace blockd
