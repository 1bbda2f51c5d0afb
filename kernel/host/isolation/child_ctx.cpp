// ctx and view in a plugin's process. What needs no answer is told, what is known is answered here;
// the checks of arguments are those of the node (kernel/chain/context_api.cpp), which makes them
// again.
#include <algorithm>

#include "kernel/chain/context.hpp"
#include "kernel/host/isolation/child_lane.hpp"

namespace blockd::isolation {
namespace {

ChildCtx& child_of(tb_ctx* ctx) { return *static_cast<ChildCtx*>(ctx); }
// The view is the first member of its ctx.
ChildCtx& child_of(tb_view* view) { return child_of(reinterpret_cast<tb_ctx*>(view)); }

bool is_text(tb_str s) { return s.len == 0 || s.ptr != nullptr; }

tb_status may_call(const ChildCtx& c) {
  if (ChildLane::current() != &c.lane) return TB_E_WRONG_THREAD;
  return c.dead;
}

// For an operation that the node will refuse: its answer is the node's.
tb_status flush(ChildCtx& c) {
  Reader answer{{}};
  c.lane.tell(c, Op::kFlush);
  return c.lane.ask(c, &answer);
}

// Rows of a kind have keys that begin alike, mostly with a word and a slash, and are equally long.
std::uint64_t site_of_row(ChildCtx& c, BytesView key) {
  constexpr std::size_t kLongestWord = 16, kBegin = 2;
  const std::size_t slash = key.substr(0, kLongestWord).find('/');
  Bytes kind(key.substr(0, slash == BytesView::npos ? kBegin : slash + 1));
  put_u32(kind, static_cast<std::uint32_t>(key.size()));
  return c.lane.site(Op::kGet, kind);
}

tb_status ctx_get(tb_view* view, tb_str key, const tb_sink* value) {
  ChildCtx& c = child_of(view);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (!is_text(key)) return TB_E_INVALID;
  const OwnRows::Row* row = c.rows.find(to_view(key));
  if (row != nullptr) {
    c.lane.tell_count(c, 1, 0);
  } else if (key.len > kMaxKeyBytes) {
    c.lane.tell_count(c, 1, 0);
    return TB_NOT_FOUND;
  } else {
    put_text(c.lane.tell(c, Op::kGet), key);
    Reader answer{{}};
    const std::uint64_t site = site_of_row(c, to_view(key));
    if (tb_status s = c.lane.ask(c, &answer, site); s != TB_OK) return s;
    const bool there = answer.u8() != 0;
    const BytesView text = text_of(answer);
    row = &c.rows.learn(to_view(key), there ? std::optional(text) : std::nullopt, 0);
  }
  if (!row->present) return TB_NOT_FOUND;
  if (value != nullptr) value->put(value->user, to_str(row->value));
  return TB_OK;
}

// Fetches what is not known yet in one question.
tb_status learn_many(ChildCtx& c, const tb_str* keys, std::uint32_t count) {
  std::vector<BytesView> missing;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (is_text(keys[i]) && keys[i].len <= kMaxKeyBytes && c.rows.find(to_view(keys[i])) == nullptr)
      missing.push_back(to_view(keys[i]));
  }
  if (missing.size() < 2) return TB_OK;
  Bytes& out = c.lane.tell(c, Op::kGetMany);
  put_u32(out, static_cast<std::uint32_t>(missing.size()));
  for (BytesView key : missing) put_text(out, key);
  Reader answer{{}};
  if (tb_status s = c.lane.ask(c, &answer); s != TB_OK) return s;
  for (BytesView key : missing) {
    const bool there = answer.u8() != 0;
    const BytesView text = text_of(answer);
    c.rows.learn(key, there ? std::optional(text) : std::nullopt, 0);
  }
  return TB_OK;
}

tb_status ctx_get_many(tb_view* view, const tb_str* keys, std::uint32_t count,
                       const tb_row_sink* rows) {
  struct Target {
    const tb_row_sink* rows;
    tb_str key;
    bool stop;
  };
  ChildCtx& c = child_of(view);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (rows == nullptr || (keys == nullptr && count != 0)) return TB_E_INVALID;
  if (tb_status s = learn_many(c, keys, count); s != TB_OK) return s;
  Target target{rows, {}, false};
  const tb_sink sink{&target, [](void* user, tb_str value) {
                       Target& t = *static_cast<Target*>(user);
                       t.stop = t.rows->row(t.rows->user, t.key, value) == 0;
                     }};
  for (std::uint32_t i = 0; i < count && !target.stop; ++i) {
    target.key = keys[i];
    if (tb_status s = ctx_get(view, keys[i], &sink); s < 0) return s;
  }
  return TB_OK;
}

// Rows come in pages. When the plugin writes while it walks, the rest of the page is thrown away
// and asked for again behind the last row, so that it sees what it would see inside the node.
tb_status ctx_scan_either(ChildCtx& c, tb_str prefix, tb_str bound, std::uint32_t limit,
                          const tb_row_sink* rows, bool back) {
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (!is_text(prefix) || !is_text(bound) || rows == nullptr) return TB_E_INVALID;
  if (prefix.len > kMaxKeyBytes || bound.len > 2 * kMaxKeyBytes) return TB_E_INVALID;
  c.lane.tell_count(c, 1, 0);
  const Bytes from(to_view(prefix));
  Bytes edge(to_view(bound));
  for (bool more = true; more && limit > 0;) {
    Bytes& out = c.lane.tell(c, Op::kScan);
    put_u8(out, back ? 1 : 0);
    put_text(out, BytesView(from));
    put_text(out, BytesView(edge));
    put_u32(out, std::min<std::uint32_t>(limit, kMaxPageRows));
    Reader answer{{}};
    const std::uint64_t site = c.lane.site(Op::kScan, from);
    if (tb_status s = c.lane.ask(c, &answer, site); s != TB_OK) return s;
    const std::size_t skip = sizeof(std::uint32_t);  // the status
    const Bytes page = c.lane.take_answer();
    Reader in(BytesView(page).substr(skip));
    more = in.u8() != 0;
    const std::uint32_t n = in.u32();
    const std::uint64_t changes = c.rows.changes();
    for (std::uint32_t i = 0; i < n; ++i) {
      const BytesView key = text_of(in), value = text_of(in);
      if (c.dead != TB_OK) return c.dead;
      c.lane.tell_count(c, 0, 1);
      edge = key;
      --limit;
      if (rows->row(rows->user, to_str(key), to_str(value)) == 0) return c.dead;
      if (c.rows.changes() == changes) continue;
      more = true;
      break;
    }
  }
  return c.dead;
}

tb_status ctx_scan(tb_view* view, tb_str prefix, tb_str after, std::uint32_t limit,
                   const tb_row_sink* rows) {
  return ctx_scan_either(child_of(view), prefix, after, limit, rows, false);
}
tb_status ctx_scan_back(tb_view* view, tb_str prefix, tb_str before, std::uint32_t limit,
                        const tb_row_sink* rows) {
  return ctx_scan_either(child_of(view), prefix, before, limit, rows, true);
}

tb_status ctx_param(tb_view* view, std::uint32_t index, std::uint64_t* value) {
  ChildCtx& c = child_of(view);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (index >= c.lane.manifest().params.size() || value == nullptr) return TB_E_INVALID;
  if (const auto it = c.params.find(index); it != c.params.end()) {
    *value = it->second;
    return TB_OK;
  }
  Bytes& out = c.lane.tell(c, Op::kParam);
  put_u32(out, index);
  const std::uint64_t site = c.lane.site(Op::kParam, BytesView(out).substr(out.size() - 4));
  Reader answer{{}};
  if (tb_status s = c.lane.ask(c, &answer, site); s != TB_OK) return s;
  *value = c.params[index] = answer.u64();
  return TB_OK;
}

tb_status ctx_roles(tb_view* view, tb_str account, std::uint32_t* roles) {
  ChildCtx& c = child_of(view);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (!is_text(account) || roles == nullptr || account.len > kMaxKeyBytes) return TB_E_INVALID;
  put_text(c.lane.tell(c, Op::kRoles), account);
  Reader answer{{}};
  const std::uint64_t site = c.lane.site(Op::kRoles, to_view(account));
  if (tb_status s = c.lane.ask(c, &answer, site); s != TB_OK) return s;
  *roles = answer.u32();
  return TB_OK;
}

tb_status call_service(ChildCtx& c, bool asks, std::uint32_t slot, std::uint32_t function,
                       const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error) {
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (args == nullptr && count != 0) return TB_E_INVALID;
  Bytes& out = c.lane.tell(c, Op::kCall);
  const std::size_t which = out.size();
  put_u8(out, asks ? 1 : 0);
  put_u32(out, slot);
  put_u32(out, function);
  const std::uint64_t site = c.lane.site(Op::kCall, BytesView(out).substr(which));
  put_values(out, args, count);
  c.params.clear();  // another plugin may have changed what is in force
  Reader answer{{}};
  const tb_status status = c.lane.ask(c, &answer, site);
  const Bytes held = c.lane.take_answer();
  Reader in(BytesView(held).substr(sizeof(std::uint32_t)));
  const BytesView results = text_of(in), errors = text_of(in);
  if (result != nullptr) play_stream(results, result);
  if (error != nullptr) play_stream(errors, error);
  return status;
}

tb_status ctx_ask(tb_view* view, std::uint32_t slot, std::uint32_t function, const tb_value* args,
                  std::uint32_t count, tb_out* result, tb_out* error) {
  return call_service(child_of(view), true, slot, function, args, count, result, error);
}

tb_status ctx_call(tb_ctx* ctx, std::uint32_t slot, std::uint32_t function, const tb_value* args,
                   std::uint32_t count, tb_out* result, tb_out* error) {
  return call_service(child_of(ctx), false, slot, function, args, count, result, error);
}

tb_status ctx_put(tb_ctx* ctx, tb_str key, tb_str value) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (c.read_only || key.len == 0 || !is_text(key) || !is_text(value)) return TB_E_INVALID;
  Bytes& out = c.lane.tell(c, Op::kPut);
  put_text(out, key);
  const bool fits = key.len <= kMaxKeyBytes && value.len <= kMaxValueBytes;
  put_text(out, fits ? value
                     : tb_str{value.ptr, std::min<std::uint64_t>(value.len, kMaxValueBytes + 1)});
  if (!fits) return flush(c);
  c.rows.write(to_view(key), to_view(value));
  return TB_OK;
}

tb_status ctx_erase(tb_ctx* ctx, tb_str key) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (c.read_only || key.len == 0 || !is_text(key)) return TB_E_INVALID;
  if (key.len > kMaxKeyBytes) return TB_OK;
  put_text(c.lane.tell(c, Op::kErase), key);
  c.rows.write(to_view(key), std::nullopt);
  return TB_OK;
}

tb_status write_filled(ChildCtx& c, Op op, std::uint32_t index, tb_fill fill, void* user) {
  Bytes text;
  StreamOut out(text);
  if (fill != nullptr) fill(user, &out);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  Bytes& told = c.lane.tell(c, op);
  put_u32(told, index);
  put_text(told, BytesView(text));
  return TB_OK;
}

tb_status ctx_emit(tb_ctx* ctx, std::uint32_t event, tb_fill fill, void* user) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  const auto& events = c.lane.manifest().events;
  if (c.read_only || event >= events.size() || !events[event].durable) return TB_E_INVALID;
  return write_filled(c, Op::kEmit, event, fill, user);
}

tb_status ctx_record(tb_ctx* ctx, std::uint32_t record, tb_fill fill, void* user) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (c.read_only || record >= c.lane.manifest().records.size()) return TB_E_INVALID;
  return write_filled(c, Op::kRecord, record, fill, user);
}

tb_status ctx_metric(tb_ctx* ctx, std::uint32_t metric, const tb_str* labels, std::uint32_t count,
                     std::int64_t value) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  const auto& metrics = c.lane.manifest().metrics;
  if (metric >= metrics.size() || count != metrics[metric].labels.size()) return TB_E_INVALID;
  if (labels == nullptr && count != 0) return TB_E_INVALID;
  Bytes& out = c.lane.tell(c, Op::kMetric);
  put_u32(out, metric);
  put_u64(out, static_cast<std::uint64_t>(value));
  put_u32(out, count);
  for (std::uint32_t i = 0; i < count; ++i) put_text(out, labels[i]);
  return TB_OK;
}

tb_status ctx_attempt(tb_ctx* ctx, tb_status (*body)(void* user, tb_ctx* ctx), void* user) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (c.read_only || body == nullptr) return TB_E_INVALID;
  c.lane.tell(c, Op::kAttempt);
  const std::size_t mark = c.rows.mark();
  const tb_status status = body(user, ctx);
  put_status(c.lane.tell(c, Op::kAttemptEnd), status);
  if (status != TB_OK) c.rows.back_to(mark);
  return c.dead != TB_OK ? c.dead : status;
}

tb_status ctx_fail(tb_ctx* ctx, std::int32_t code, tb_str name, tb_str text, tb_fill data,
                   void* user) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  Bytes members;
  if (data != nullptr) {
    StreamOut out(members);
    data(user, &out);
    if (tb_status s = may_call(c); s != TB_OK) return s;
  }
  Bytes& out = c.lane.tell(c, Op::kFail);
  put_u32(out, static_cast<std::uint32_t>(code));
  put_text(out, name);
  put_text(out, text);
  put_u8(out, data != nullptr ? 1 : 0);
  put_text(out, BytesView(members));
  return TB_FAILED;
}

tb_status ctx_charge(tb_ctx* ctx) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  c.lane.tell(c, Op::kCharge);
  Reader answer{{}};
  const tb_status status = c.lane.ask(c, &answer);
  if (status == TB_OK) c.rows.forget();  // everything was rolled back
  return status;
}

tb_status ctx_verify(tb_ctx* ctx, tb_str key, tb_str message, tb_str signature) {
  ChildCtx& c = child_of(ctx);
  if (tb_status s = may_call(c); s != TB_OK) return s;
  if (!is_text(key) || !is_text(message) || !is_text(signature)) return TB_E_INVALID;
  Bytes& out = c.lane.tell(c, Op::kVerify);
  put_text(out, key);
  put_text(out, message);
  put_text(out, signature);
  Reader answer{{}};
  return c.lane.ask(c, &answer, c.lane.site(Op::kVerify, {}));
}

std::uint64_t ctx_rows_left(tb_ctx* ctx) {
  ChildCtx& c = child_of(ctx);
  if (may_call(c) != TB_OK) return 0;
  c.lane.tell(c, Op::kRowsLeft);
  Reader answer{{}};
  return c.lane.ask(c, &answer) == TB_OK ? answer.u64() : 0;
}

void ctx_pending_work(tb_ctx* ctx) {
  ChildCtx& c = child_of(ctx);
  if (may_call(c) == TB_OK) c.lane.tell(c, Op::kPendingWork);
}

void ctx_log(tb_ctx* ctx, std::uint32_t level, tb_str text) {
  ChildCtx& c = child_of(ctx);
  if (may_call(c) != TB_OK) return;
  Bytes& out = c.lane.tell(c, Op::kLog);
  put_u32(out, level);
  put_text(out, text);
}

}  // namespace

const tb_view_api* child_view_api() {
  static constexpr tb_view_api kApi = {ctx_get,   ctx_get_many, ctx_scan, ctx_scan_back,
                                       ctx_param, ctx_roles,    ctx_ask};
  return &kApi;
}

const tb_ctx_api* child_ctx_api() {
  static constexpr tb_ctx_api kApi = {
      ctx_put,  ctx_erase,  ctx_emit,   ctx_record,    ctx_metric,       ctx_call, ctx_attempt,
      ctx_fail, ctx_charge, ctx_verify, ctx_rows_left, ctx_pending_work, ctx_log};
  return &kApi;
}

}  // namespace blockd::isolation
