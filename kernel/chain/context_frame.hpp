// The ctx of one plugin on the call stack, and the tables behind it. Only context.cpp,
// context_api.cpp and foreign.cpp include this.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "kernel/chain/context.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

// An address that is the same for every call on a thread and differs between threads.
inline const void* thread_tag() {
  static thread_local char tag = 0;
  return &tag;
}

struct StepRun::Frame : tb_ctx {
  StepRun* run = nullptr;
  const BoundMachine* machine = nullptr;  // null: a plugin without machine looks at the state
  const Manifest* manifest = nullptr;
  bool active = false, read_only = false;
  tb_block block{};
  std::vector<char> key;  // "s/<namespace>/", and behind it room for the key of a call
  std::size_t prefix_size = 0;
  std::span<const std::uint64_t> params;  // in force, by place in the manifest; empty: read rows

  BytesView full(tb_str relative) {
    const BytesView rest = to_view(relative);
    if (key.size() - prefix_size < rest.size()) key.resize(prefix_size + rest.size());
    if (!rest.empty()) std::memcpy(key.data() + prefix_size, rest.data(), rest.size());
    return {key.data(), prefix_size + rest.size()};
  }
  void set_space(BytesView space) {
    if (prefix_size == space_prefix_size(space) && BytesView(key.data() + 2, space.size()) == space)
      return;
    const std::string prefix = space_prefix(space);
    prefix_size = prefix.size();
    key.assign(prefix.begin(), prefix.end());
    key.resize(prefix_size + kMaxKeyBytes);
  }
};

struct ContextApi {
  static const tb_view_api* view_api();
  static const tb_ctx_api* ctx_api();
  using Frame = StepRun::Frame;
  static Frame& frame(tb_ctx* ctx) { return *static_cast<Frame*>(ctx); }
  // The view is the first member of its ctx.
  static Frame& frame(tb_view* view) { return frame(reinterpret_cast<tb_ctx*>(view)); }
  // Whether the plugin may call at all.
  static tb_status ready(const Frame& f) {
    const StepRun& run = *f.run;
    if (!f.active || run.thread_ != thread_tag()) return TB_E_WRONG_THREAD;
    if (run.poisoned()) return TB_ABORTED;
    return run.forced_.set ? TB_E_LIMIT : TB_OK;
  }

  static tb_status get(tb_view* view, tb_str key, const tb_sink* value);
  static tb_status get_many(tb_view* view, const tb_str* keys, std::uint32_t count,
                            const tb_row_sink* rows);
  static tb_status scan(tb_view* view, tb_str prefix, tb_str after, std::uint32_t limit,
                        const tb_row_sink* rows);
  static tb_status scan_back(tb_view* view, tb_str prefix, tb_str before, std::uint32_t limit,
                             const tb_row_sink* rows);
  static tb_status scan_either(Frame& f, tb_str prefix, tb_str bound, std::uint32_t limit,
                               const tb_row_sink* rows, bool back);
  static tb_status param(tb_view* view, std::uint32_t index, std::uint64_t* value);
  static tb_status param_row(Frame& f, std::uint32_t index, std::uint64_t* value);
  static tb_status roles(tb_view* view, tb_str account, std::uint32_t* roles);
  static tb_status ask(tb_view* view, std::uint32_t slot, std::uint32_t function,
                       const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error);

  static tb_status put(tb_ctx* ctx, tb_str key, tb_str value);
  static tb_status erase(tb_ctx* ctx, tb_str key);
  static tb_status emit(tb_ctx* ctx, std::uint32_t event, tb_fill fill, void* user);
  static tb_status record(tb_ctx* ctx, std::uint32_t record, tb_fill fill, void* user);
  static tb_status metric(tb_ctx* ctx, std::uint32_t metric, const tb_str* labels,
                          std::uint32_t count, std::int64_t value);
  static tb_status note_metric(const Frame& f, Effects& effects, std::uint32_t metric,
                               const tb_str* labels, std::uint32_t count, std::int64_t value);
  static tb_status call(tb_ctx* ctx, std::uint32_t slot, std::uint32_t function,
                        const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error);
  static tb_status attempt(tb_ctx* ctx, tb_status (*body)(void* user, tb_ctx* ctx), void* user);
  static tb_status fail(tb_ctx* ctx, std::int32_t code, tb_str name, tb_str text, tb_fill data,
                        void* user);
  static tb_status charge(tb_ctx* ctx);
  static tb_status verify(tb_ctx* ctx, tb_str key, tb_str message, tb_str signature);
  static std::uint64_t rows_left(tb_ctx* ctx);
  static void pending_work(tb_ctx* ctx);
  static void log(tb_ctx* ctx, std::uint32_t level, tb_str text);

  static tb_status peek(Frame& f, BytesView key, std::string* scratch,
                        std::optional<BytesView>* value);
  static tb_status peek_scan(Frame& f, BytesView prefix, BytesView bound, std::uint32_t limit,
                             bool back, const RowVisitor& visit);
  static bool count_read(Frame& f);
  static bool count_row(Frame& f);
  static bool count_bytes(Frame& f, std::uint64_t n);
  static tb_status trouble(Frame& f, const Status& status);
  static tb_status filled(Frame& f, tb_fill fill, void* user, std::size_t max_bytes,
                          std::string_view what, std::string_view name, std::string* text);
};

}  // namespace blockd
