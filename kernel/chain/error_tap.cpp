#include "kernel/chain/context.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

struct ErrorTapApi {
  static ErrorTap& self(tb_out* out) { return *static_cast<ErrorTap*>(out); }
  static tb_out* target(tb_out* out) { return self(out).target_; }

  static void put_null(tb_out* out, tb_str name) {
    if (tb_out* t = target(out)) t->api->put_null(t, name);
  }
  static void put_bool(tb_out* out, tb_str name, std::uint32_t value) {
    if (tb_out* t = target(out)) t->api->put_bool(t, name, value);
  }
  static void put_u64(tb_out* out, tb_str name, std::uint64_t value) {
    if (tb_out* t = target(out)) t->api->put_u64(t, name, value);
  }
  static void put_i64(tb_out* out, tb_str name, std::int64_t value) {
    ErrorTap& tap = self(out);
    if (tap.depth_ == 0 && to_view(name) == "code") tap.code = static_cast<std::int32_t>(value);
    if (tb_out* t = target(out)) t->api->put_i64(t, name, value);
  }
  static void put_u128(tb_out* out, tb_str name, std::uint64_t lo, std::uint64_t hi) {
    if (tb_out* t = target(out)) t->api->put_u128(t, name, lo, hi);
  }
  static void put_scaled(tb_out* out, tb_str name, std::int64_t value, std::uint32_t decimals) {
    if (tb_out* t = target(out)) t->api->put_scaled(t, name, value, decimals);
  }
  static void put_str(tb_out* out, tb_str name, tb_str value) {
    ErrorTap& tap = self(out);
    if (tap.depth_ == 0 && to_view(name) == "name") tap.name = to_view(value);
    if (tap.depth_ == 0 && to_view(name) == "text") tap.text = to_view(value);
    if (tb_out* t = target(out)) t->api->put_str(t, name, value);
  }
  static void put_bytes(tb_out* out, tb_str name, tb_str value) {
    if (tb_out* t = target(out)) t->api->put_bytes(t, name, value);
  }
  static void put_value(tb_out* out, tb_str name, const tb_value* value) {
    if (value == nullptr) return;
    if (value->type == TB_TYPE_STR) return put_str(out, name, value->str);
    if (value->type == TB_TYPE_I64)
      return put_i64(out, name, static_cast<std::int64_t>(value->num));
    if (tb_out* t = target(out)) t->api->put_value(t, name, value);
  }
  static void begin_record(tb_out* out, tb_str name) {
    ++self(out).depth_;
    if (tb_out* t = target(out)) t->api->begin_record(t, name);
  }
  static void begin_list(tb_out* out, tb_str name) {
    ++self(out).depth_;
    if (tb_out* t = target(out)) t->api->begin_list(t, name);
  }
  static void end(tb_out* out) {
    ErrorTap& tap = self(out);
    if (tap.depth_ > 0) --tap.depth_;
    if (tb_out* t = target(out)) t->api->end(t);
  }

  static constexpr tb_out_api kApi = {put_null,  put_bool,     put_u64,    put_i64,
                                      put_u128,  put_scaled,   put_str,    put_bytes,
                                      put_value, begin_record, begin_list, end};
};

ErrorTap::ErrorTap(tb_out* target) : tb_out{&ErrorTapApi::kApi}, target_(target) {}

}  // namespace blockd
