// What a plugin calls: each function checks that it may be called, counts, and does its work on the
// overlay.
#include <algorithm>

#include "kernel/chain/context_frame.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/manifest/utf8.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxLogText = 2048;
constexpr std::size_t kMaxLabel = 256;
constexpr std::size_t kMaxEventBytes = 1u << 20;
constexpr std::size_t kMaxStepEffects = 10'000;

bool is_str(tb_str s) { return s.len == 0 || s.ptr != nullptr; }

}  // namespace

const tb_view_api* ContextApi::view_api() {
  static constexpr tb_view_api kApi = {get, get_many, scan, scan_back, param, roles, ask};
  return &kApi;
}

const tb_ctx_api* ContextApi::ctx_api() {
  static constexpr tb_ctx_api kApi = {put,  erase,  emit,   record,    metric,       call, attempt,
                                      fail, charge, verify, rows_left, pending_work, log};
  return &kApi;
}

tb_status ContextApi::trouble(Frame& f, const Status& status) {
  f.run->set_poison("state of plugin " + f.manifest->id + ": " + status.message());
  return TB_ABORTED;
}

bool ContextApi::count_read(Frame& f) {
  StepRun& run = *f.run;
  if (run.query_) return true;
  if (++run.reads_ > kMaxStepReads) {
    run.force(kCodeLimit, "limit_exceeded", "more than 100,000 reads in one step");
    return false;
  }
  return run.charge_rows(1);
}

bool ContextApi::count_row(Frame& f) {
  StepRun& run = *f.run;
  if (!run.query_ && ++run.rows_ > kMaxStepRows) {
    run.force(kCodeLimit, "limit_exceeded", "more than 1,000,000 rows scanned in one step");
    return false;
  }
  return run.charge_rows(1);
}

bool ContextApi::count_bytes(Frame& f, std::uint64_t n) {
  StepRun& run = *f.run;
  run.bytes_ += n;
  if (run.bytes_ <= kMaxStepBytes) return true;
  run.force(kCodeLimit, "limit_exceeded", "more than 15 MiB written in one step");
  return false;
}

tb_status ContextApi::get(tb_view* view, tb_str key, const tb_sink* value) {
  Frame& f = frame(view);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (!is_str(key)) return TB_E_INVALID;
  if (!count_read(f)) return TB_E_LIMIT;
  if (key.len > kMaxKeyBytes) return TB_NOT_FOUND;
  std::string scratch;
  std::optional<BytesView> row;
  if (Status s = f.run->overlay_.find(f.full(key), &scratch, &row); !s.ok()) return trouble(f, s);
  if (!row) return TB_NOT_FOUND;
  if (value != nullptr) value->put(value->user, to_str(*row));
  return TB_OK;
}

tb_status ContextApi::get_many(tb_view* view, const tb_str* keys, std::uint32_t count,
                               const tb_row_sink* rows) {
  struct Row {
    const tb_row_sink* rows;
    tb_str key;
    bool stop;
  };
  Frame& f = frame(view);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (rows == nullptr || (keys == nullptr && count != 0)) return TB_E_INVALID;
  Row row{rows, {}, false};
  tb_sink sink{&row, [](void* user, tb_str value) {
                 Row& r = *static_cast<Row*>(user);
                 r.stop = r.rows->row(r.rows->user, r.key, value) == 0;
               }};
  for (std::uint32_t i = 0; i < count && !row.stop; ++i) {
    row.key = keys[i];
    tb_status s = get(view, keys[i], &sink);
    if (s < 0) return s;
  }
  return TB_OK;
}

tb_status ContextApi::scan(tb_view* view, tb_str prefix, tb_str after, std::uint32_t limit,
                           const tb_row_sink* rows) {
  return scan_either(frame(view), prefix, after, limit, rows, false);
}

tb_status ContextApi::scan_back(tb_view* view, tb_str prefix, tb_str before, std::uint32_t limit,
                                const tb_row_sink* rows) {
  return scan_either(frame(view), prefix, before, limit, rows, true);
}

tb_status ContextApi::scan_either(Frame& f, tb_str prefix, tb_str bound, std::uint32_t limit,
                                  const tb_row_sink* rows, bool back) {
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (!is_str(prefix) || !is_str(bound) || rows == nullptr) return TB_E_INVALID;
  if (prefix.len > kMaxKeyBytes || bound.len > 2 * kMaxKeyBytes) return TB_E_INVALID;
  if (!count_read(f)) return TB_E_LIMIT;
  std::string full_prefix(f.full(prefix));
  std::string full_bound;
  if (bound.len != 0) full_bound = f.full(bound);
  StepRun& run = *f.run;
  std::size_t skip = f.prefix_size;
  auto visit = [&](BytesView key, BytesView value) {
    if (!count_row(f)) return false;
    return rows->row(rows->user, to_str(key.substr(skip)), to_str(value)) != 0 && !run.poisoned() &&
           !run.forced_.set;
  };
  Status s = back ? run.overlay_.scan_back(full_prefix, full_bound, limit, visit)
                  : run.overlay_.scan(full_prefix, full_bound, limit, visit);
  if (!s.ok()) return trouble(f, s);
  if (run.poisoned()) return TB_ABORTED;
  return run.forced_.set ? TB_E_LIMIT : TB_OK;
}

tb_status ContextApi::peek(Frame& f, BytesView key, std::string* scratch,
                           std::optional<BytesView>* value) {
  if (tb_status s = ready(f); s != TB_OK) return s;
  value->reset();
  if (key.size() > kMaxKeyBytes) return TB_OK;
  if (Status s = f.run->overlay_.find(f.full(to_str(key)), scratch, value); !s.ok())
    return trouble(f, s);
  return TB_OK;
}

tb_status ContextApi::peek_scan(Frame& f, BytesView prefix, BytesView bound, std::uint32_t limit,
                                bool back, const RowVisitor& visit) {
  if (tb_status s = ready(f); s != TB_OK) return s;
  const std::string full_prefix(f.full(to_str(prefix)));
  std::string full_bound;
  if (!bound.empty()) full_bound = f.full(to_str(bound));
  auto relative = [&](BytesView key, BytesView value) {
    return visit(key.substr(f.prefix_size), value);
  };
  Status s = back ? f.run->overlay_.scan_back(full_prefix, full_bound, limit, relative)
                  : f.run->overlay_.scan(full_prefix, full_bound, limit, relative);
  return s.ok() ? ready(f) : trouble(f, s);
}

tb_status ContextApi::param(tb_view* view, std::uint32_t index, std::uint64_t* value) {
  Frame& f = frame(view);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (index >= f.params.size() || value == nullptr) return param_row(f, index, value);
  *value = f.params[index];
  return TB_OK;
}

tb_status ContextApi::param_row(Frame& f, std::uint32_t index, std::uint64_t* value) {
  if (index >= f.manifest->params.size() || value == nullptr) return TB_E_INVALID;
  const ParamSpec& spec = f.manifest->params[index];
  std::string key(kParamRows), scratch;
  key.append(spec.key);
  std::optional<BytesView> row;
  if (Status s = f.run->overlay_.find(key, &scratch, &row); !s.ok()) return trouble(f, s);
  *value = row ? read_u64_row(row) : spec.default_value;
  return TB_OK;
}

tb_status ContextApi::roles(tb_view* view, tb_str account, std::uint32_t* roles) {
  Frame& f = frame(view);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (!is_str(account) || roles == nullptr || account.len > kMaxKeyBytes) return TB_E_INVALID;
  if (!count_read(f)) return TB_E_LIMIT;
  std::string key(kRoleRows), scratch;
  key.append(to_view(account));
  std::optional<BytesView> row;
  if (Status s = f.run->overlay_.find(key, &scratch, &row); !s.ok()) return trouble(f, s);
  *roles = role_bits(row);
  return TB_OK;
}

tb_status ContextApi::ask(tb_view* view, std::uint32_t slot, std::uint32_t function,
                          const tb_value* args, std::uint32_t count, tb_out* result,
                          tb_out* error) {
  Frame& f = frame(view);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (args == nullptr && count != 0) return TB_E_INVALID;
  return f.run->call_service(f, slot, function, args, count, result, error, true);
}

tb_status ContextApi::put(tb_ctx* ctx, tb_str key, tb_str value) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (f.read_only || key.len == 0 || !is_str(key) || !is_str(value)) return TB_E_INVALID;
  if (key.len > kMaxKeyBytes || value.len > kMaxValueBytes) {
    f.run->force(kCodeLimit, "limit_exceeded", "a key has at most 1,024 bytes, a value 8 MiB");
    return TB_E_LIMIT;
  }
  if (!count_bytes(f, key.len + value.len) || !f.run->charge_rows(1)) return TB_E_LIMIT;
  if (Status s = f.run->overlay_.put(f.full(key), to_view(value)); !s.ok()) return trouble(f, s);
  return TB_OK;
}

tb_status ContextApi::erase(tb_ctx* ctx, tb_str key) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (f.read_only || key.len == 0 || !is_str(key)) return TB_E_INVALID;
  if (key.len > kMaxKeyBytes) return TB_OK;  // such a row cannot exist
  if (!count_bytes(f, key.len) || !f.run->charge_rows(1)) return TB_E_LIMIT;
  if (Status s = f.run->overlay_.erase(f.full(key)); !s.ok()) return trouble(f, s);
  return TB_OK;
}

// Has the plugin write a canonical record of at most `max_bytes` into `*text`.
tb_status ContextApi::filled(Frame& f, tb_fill fill, void* user, std::size_t max_bytes,
                             std::string_view what, std::string_view name, std::string* text) {
  // The writer of the run is taken away while it is in use: `fill` may emit something itself.
  std::unique_ptr<JsonOut> out = std::move(f.run->json_);
  if (out == nullptr) out = std::make_unique<JsonOut>(true);
  out->reset();
  if (fill != nullptr) fill(user, out->out());
  if (tb_status s = ready(f); s != TB_OK) return s;
  *text = out->finish_view();
  if (!out->error().empty()) {
    f.run->force(kCodePlugin, "internal_plugin_error",
                 "plugin " + f.manifest->id + ": " + std::string(what) + " " + std::string(name) +
                     ": " + out->error());
    return TB_E_INVALID;
  }
  f.run->json_ = std::move(out);
  if (text->size() > max_bytes) {
    f.run->force(kCodeLimit, "limit_exceeded",
                 std::string(what) + " " + std::string(name) + " is longer than " +
                     std::to_string(max_bytes) + " bytes");
    return TB_E_LIMIT;
  }
  return count_bytes(f, text->size()) ? TB_OK : TB_E_LIMIT;
}

tb_status ContextApi::emit(tb_ctx* ctx, std::uint32_t event, tb_fill fill, void* user) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (f.read_only || event >= f.manifest->events.size() || !f.manifest->events[event].durable)
    return TB_E_INVALID;
  StepRun& run = *f.run;
  if (run.events_.size() >= kMaxStepEvents) {
    run.force(kCodeLimit, "limit_exceeded", "more than 10,000 events in one step");
    return TB_E_LIMIT;
  }
  Event made;
  if (!run.spare_events_.empty()) {
    made = std::move(run.spare_events_.back());
    run.spare_events_.pop_back();
  }
  made.topic = f.manifest->events[event].topic;
  if (tb_status s = filled(f, fill, user, kMaxEventBytes, "event", made.topic, &made.data);
      s != TB_OK)
    return s;
  run.events_.push_back(std::move(made));
  return TB_OK;
}

tb_status ContextApi::record(tb_ctx* ctx, std::uint32_t record, tb_fill fill, void* user) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (f.read_only || record >= f.manifest->records.size()) return TB_E_INVALID;
  StepRun& run = *f.run;
  if (run.records_.size() >= kMaxStepEvents) {
    run.force(kCodeLimit, "limit_exceeded", "more than 10,000 records in one step");
    return TB_E_LIMIT;
  }
  std::string data;
  const std::string& kind = f.manifest->records[record].kind;
  if (tb_status s = filled(f, fill, user, kMaxRecordBytes, "record", kind, &data); s != TB_OK)
    return s;
  run.records_.push_back({kind, std::move(data)});
  return TB_OK;
}

tb_status ContextApi::metric(tb_ctx* ctx, std::uint32_t metric, const tb_str* labels,
                             std::uint32_t count, std::int64_t value) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (metric >= f.manifest->metrics.size() || count != f.manifest->metrics[metric].labels.size())
    return TB_E_INVALID;
  if (labels == nullptr && count != 0) return TB_E_INVALID;
  const bool refusing = f.run->refusing_ && !f.run->charged_ && f.run->depth_ == 1;
  Effects* effects = refusing ? &f.run->refused_ : f.run->effects_;
  if (effects == nullptr) return TB_OK;
  return note_metric(f, *effects, metric, labels, count, value);
}

// Beyond the bound an increment is lost, never the step: metrics decide nothing. Apart from
// metric(), which has little to do where nobody will publish them.
[[gnu::noinline]] tb_status ContextApi::note_metric(const Frame& f, Effects& effects,
                                                    std::uint32_t metric, const tb_str* labels,
                                                    std::uint32_t count, std::int64_t value) {
  const std::size_t before = &effects == &f.run->refused_ ? 0 : f.run->start_.metrics;
  if (effects.metrics.size() - before >= kMaxStepEffects) return TB_OK;
  Effects::Metric& out = effects.metrics.emplace_back();
  out.plugin = f.machine == nullptr ? f.run->view_manifest_ : f.machine->machine.manifest;
  out.metric = metric;
  out.value = value;
  for (std::uint32_t i = 0; i < count; ++i)
    out.labels.emplace_back(to_view(labels[i]).substr(0, kMaxLabel));
  return TB_OK;
}

tb_status ContextApi::call(tb_ctx* ctx, std::uint32_t slot, std::uint32_t function,
                           const tb_value* args, std::uint32_t count, tb_out* result,
                           tb_out* error) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (args == nullptr && count != 0) return TB_E_INVALID;
  return f.run->call_service(f, slot, function, args, count, result, error, f.read_only);
}

tb_status ContextApi::attempt(tb_ctx* ctx, tb_status (*body)(void* user, tb_ctx* ctx), void* user) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (f.read_only || body == nullptr) return TB_E_INVALID;
  StepRun& run = *f.run;
  if (++run.calls_ > kMaxStepCalls) {
    run.force(kCodeLimit, "limit_exceeded",
              "more than 10,000 service calls and attempts in one step");
    return TB_E_LIMIT;
  }
  StepRun::Mark before = run.mark();
  ++run.attempts_;
  tb_status status = body(user, ctx);
  --run.attempts_;
  if (run.poisoned()) return TB_ABORTED;
  if (run.forced_.set) return TB_E_LIMIT;
  if (status != TB_OK) run.back_to(before);
  return status;
}

tb_status ContextApi::fail(tb_ctx* ctx, std::int32_t code, tb_str name, tb_str text, tb_fill data,
                           void* user) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  std::string members;
  if (data != nullptr) {
    JsonOut out(false, kMaxRecordBytes);
    data(user, out.out());
    members =
        out.finish();  // empty after a misuse: an error without data is better than another error
    if (tb_status s = ready(f); s != TB_OK) return s;
  }
  StepRun& run = *f.run;
  run.refuse(code, to_view(name), to_view(text), std::move(members));
  run.refusing_ = run.kind_ == StepKind::kCommand && f.machine == run.owner_ && run.depth_ == 1 &&
                  run.attempts_ == 0;
  return TB_FAILED;
}

tb_status ContextApi::charge(tb_ctx* ctx) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  StepRun& run = *f.run;
  bool owner = run.kind_ == StepKind::kCommand && f.machine == run.owner_ && run.depth_ == 1 &&
               run.attempts_ == 0;
  if (!owner || f.read_only || run.charged_ || !run.error_.set) return TB_E_INVALID;
  run.charged_ = true;
  run.charge_error_ = run.error_;
  run.back_to(run.start_);
  return TB_OK;
}

tb_status ContextApi::verify(tb_ctx* ctx, tb_str key, tb_str message, tb_str signature) {
  Frame& f = frame(ctx);
  if (tb_status s = ready(f); s != TB_OK) return s;
  if (!is_str(key) || !is_str(message) || !is_str(signature)) return TB_E_INVALID;
  if (!count_read(f)) return TB_E_LIMIT;
  StepRun& run = *f.run;
  std::uint32_t number = run.checks_++;
  const BytesView k = to_view(key), m = to_view(message), s = to_view(signature);
  bool good = run.trusted_ != nullptr
                  ? !std::binary_search(run.trusted_->begin(), run.trusted_->end(), number)
              : run.cache_ == nullptr ? VerifyCache::check(k, m, s)
              : run.remembers_checks_ ? run.cache_->verify(k, m, s)
                                      : run.cache_->verify_once(k, m, s);
  if (!good) run.false_checks_.push_back(number);
  return good ? TB_OK : TB_NOT_FOUND;
}

std::uint64_t ContextApi::rows_left(tb_ctx* ctx) {
  Frame& f = frame(ctx);
  return ready(f) == TB_OK ? f.run->rows_left() : 0;
}

void ContextApi::pending_work(tb_ctx* ctx) {
  Frame& f = frame(ctx);
  if (ready(f) == TB_OK) f.run->step_pending_ = true;
}

void ContextApi::log(tb_ctx* ctx, std::uint32_t level, tb_str text) {
  Frame& f = frame(ctx);
  if (ready(f) != TB_OK) return;
  const bool refusing = f.run->refusing_ && !f.run->charged_ && f.run->depth_ == 1;
  Effects* effects = refusing ? &f.run->refused_ : f.run->effects_;
  if (effects == nullptr ||
      effects->lines.size() - (refusing ? 0 : f.run->start_.lines) >= kMaxStepEffects)
    return;
  effects->lines.push_back(
      {f.machine == nullptr ? f.run->view_manifest_ : f.machine->machine.manifest,
       std::min(level, TB_LOG_ERROR), std::string(to_view(text).substr(0, kMaxLogText))});
}

tb_status StepRun::read_row_of(tb_view* view, std::string_view space, BytesView key, bool counted,
                               std::optional<Bytes>* value) {
  Frame& f = ContextApi::frame(view);
  if (tb_status s = ContextApi::ready(f); s != TB_OK) return s;
  if (counted && !ContextApi::count_read(f)) return TB_E_LIMIT;
  std::string full = space_prefix(space), scratch;
  full.append(key);
  std::optional<BytesView> row;
  if (Status s = overlay_.find(full, &scratch, &row); !s.ok()) return ContextApi::trouble(f, s);
  if (row) value->emplace(*row);
  return TB_OK;
}

StepRun& run_of(tb_ctx* ctx) { return *ContextApi::frame(ctx).run; }
const MachineSet& machines_of(tb_ctx* ctx) { return run_of(ctx).machines(); }

}  // namespace blockd
