// Fakes of the host for tests of the SDK: a writer that prints, a state in a map, a step that
// remembers what it was told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tb/sdk.hpp"

namespace fakes {

// A tb_out that prints compact JSON; bytes as h'..', scaled values as value/10^decimals.
class TextOut : public tb_out {
 public:
  TextOut() { this->api = &table(); }
  tb_out* out() { return this; }
  std::string text() const { return text_; }

 private:
  static TextOut& self(tb_out* out) { return *static_cast<TextOut*>(out); }
  static const tb_out_api& table();
  void add(tb_str name, std::string value) {
    if (!text_.empty() && text_.back() != '[' && text_.back() != '{') text_ += ',';
    if (name.len != 0) text_ += tb::to_view(name), text_ += ':';
    text_ += value;
  }
  static std::string hex(tb_str bytes);
  static std::string print(const tb_value& value);

  std::string text_;
};

inline std::string TextOut::hex(tb_str bytes) {
  return "h'" + tb::to_hex(tb::to_view(bytes)) + "'";
}

inline std::string TextOut::print(const tb_value& value) {
  switch (value.type) {
    case TB_TYPE_BOOL:
      return value.num != 0 ? "true" : "false";
    case TB_TYPE_U64:
      return std::to_string(value.num);
    case TB_TYPE_I64:
      return std::to_string(static_cast<std::int64_t>(value.num));
    case TB_TYPE_STR:
      return "'" + std::string(tb::to_view(value.str)) + "'";
    case TB_TYPE_BYTES:
      return hex(value.str);
    case TB_TYPE_LIST:
    case TB_TYPE_RECORD: {
      const bool record = value.type == TB_TYPE_RECORD;
      std::string text = record ? "{" : "[";
      for (std::uint32_t i = 0; i < value.count; ++i) {
        if (i != 0) text += ',';
        if (record) text += std::string(tb::to_view(value.items[i].name)) + ":";
        text += print(value.items[i]);
      }
      return text + (record ? "}" : "]");
    }
    default:
      return "null";
  }
}

inline const tb_out_api& TextOut::table() {
  static const tb_out_api kTable = {
      [](tb_out* o, tb_str n) { self(o).add(n, "null"); },
      [](tb_out* o, tb_str n, std::uint32_t v) { self(o).add(n, v != 0 ? "true" : "false"); },
      [](tb_out* o, tb_str n, std::uint64_t v) { self(o).add(n, std::to_string(v)); },
      [](tb_out* o, tb_str n, std::int64_t v) { self(o).add(n, std::to_string(v)); },
      [](tb_out* o, tb_str n, std::uint64_t lo, std::uint64_t hi) {
        self(o).add(n, std::to_string(hi) + "^" + std::to_string(lo));
      },
      [](tb_out* o, tb_str n, std::int64_t v, std::uint32_t decimals) {
        self(o).add(n, std::to_string(v) + "/10^" + std::to_string(decimals));
      },
      [](tb_out* o, tb_str n, tb_str v) {
        self(o).add(n, "'" + std::string(tb::to_view(v)) + "'");
      },
      [](tb_out* o, tb_str n, tb_str v) { self(o).add(n, hex(v)); },
      [](tb_out* o, tb_str n, const tb_value* v) { self(o).add(n, print(*v)); },
      [](tb_out* o, tb_str n) { self(o).add(n, "{"); },
      [](tb_out* o, tb_str n) { self(o).add(n, "["); },
      [](tb_out* o) {
        // What is open is told by the last bracket without a partner.
        int depth = 0;
        auto& text = self(o).text_;
        for (std::size_t i = text.size(); i-- > 0;) {
          if (text[i] == '}' || text[i] == ']') ++depth;
          if ((text[i] == '{' || text[i] == '[') && depth-- == 0) {
            text += text[i] == '{' ? '}' : ']';
            return;
          }
        }
      },
  };
  return kTable;
}

// A step over a map. One switch makes the host abort; services answer what the test says.
class Step : public tb_ctx {
 public:
  Step() {
    this->view.api = &view_table();
    this->view.block = &block;
    this->api = &ctx_table();
    tb_ctx::caller = &sender;
    block.size = sizeof(block);
    block.height = 7;
    block.time_ms = 9'500;
    sender.size = sizeof(sender);
    sender.account = tb::to_str("tb1caller");
  }

  tb_ctx* ctx() { return this; }
  tb_view* read_only() { return &this->view; }

  std::map<std::string, std::string> state;
  std::map<std::uint32_t, std::uint64_t> params;
  std::vector<std::string> events, metrics;
  std::string failure;  // "code name text {data}"
  std::string called;   // what the last service call was given
  tb_status service_status = TB_OK;
  bool abort = false;  // every call answers TB_ABORTED
  bool charged = false;
  tb_block block{};
  tb_caller sender{};

 private:
  static Step& of(tb_ctx* ctx) { return *static_cast<Step*>(ctx); }
  static Step& of(tb_view* view) { return *static_cast<Step*>(reinterpret_cast<tb_ctx*>(view)); }
  static const tb_view_api& view_table();
  static const tb_ctx_api& ctx_table();
  tb_status answer(std::string how, std::uint32_t slot, std::uint32_t function,
                   const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error) {
    if (abort) return TB_ABORTED;
    TextOut text;
    for (std::uint32_t i = 0; i < count; ++i)
      text.api->put_value(text.out(), args[i].name, args + i);
    called = how + " " + std::to_string(slot) + "." + std::to_string(function) + " " + text.text();
    if (service_status == TB_OK) {
      result->api->put_str(result, tb::to_str("note"),
                           tb::to_str("a member that the caller does not know"));
      result->api->begin_list(result, tb::to_str("steps"));
      result->api->put_u64(result, {}, 1);
      result->api->put_u64(result, {}, 2);
      result->api->end(result);
      result->api->put_u64(result, tb::to_str("balance"), 42);
    } else if (service_status == TB_FAILED) {
      error->api->put_i64(error, tb::to_str("code"), -32010);
      error->api->put_str(error, tb::to_str("name"), tb::to_str("insufficient_funds"));
      error->api->put_str(error, tb::to_str("text"), tb::to_str("holds 3, needs 4"));
    }
    return service_status;
  }
  static tb_status rows(tb_view* view, tb_str prefix, tb_str from, std::uint32_t limit,
                        const tb_row_sink* sink, bool back);
};

inline tb_status Step::rows(tb_view* view, tb_str prefix, tb_str from, std::uint32_t limit,
                            const tb_row_sink* sink, bool back) {
  if (of(view).abort) return TB_ABORTED;
  std::vector<const std::pair<const std::string, std::string>*> found;
  for (const auto& row : of(view).state) {
    const bool behind =
        from.len == 0 || (back ? row.first < tb::to_view(from) : row.first > tb::to_view(from));
    if (row.first.starts_with(tb::to_view(prefix)) && behind) found.push_back(&row);
  }
  if (back) std::reverse(found.begin(), found.end());
  for (std::size_t i = 0; i < found.size() && i < limit; ++i) {
    if (sink->row(sink->user, tb::to_str(found[i]->first), tb::to_str(found[i]->second)) == 0)
      break;
  }
  return TB_OK;
}

inline const tb_view_api& Step::view_table() {
  static const tb_view_api kTable = {
      [](tb_view* view, tb_str key, const tb_sink* value) -> tb_status {
        if (of(view).abort) return TB_ABORTED;
        const auto found = of(view).state.find(std::string(tb::to_view(key)));
        if (found == of(view).state.end()) return TB_NOT_FOUND;
        value->put(value->user, tb::to_str(found->second));
        return TB_OK;
      },
      [](tb_view* view, const tb_str* keys, std::uint32_t count,
         const tb_row_sink* sink) -> tb_status {
        for (std::uint32_t i = 0; i < count; ++i) {
          const auto found = of(view).state.find(std::string(tb::to_view(keys[i])));
          if (found != of(view).state.end())
            sink->row(sink->user, keys[i], tb::to_str(found->second));
        }
        return TB_OK;
      },
      [](tb_view* view, tb_str prefix, tb_str after, std::uint32_t limit, const tb_row_sink* sink) {
        return rows(view, prefix, after, limit, sink, false);
      },
      [](tb_view* view, tb_str prefix, tb_str before, std::uint32_t limit,
         const tb_row_sink* sink) { return rows(view, prefix, before, limit, sink, true); },
      [](tb_view* view, std::uint32_t index, std::uint64_t* value) -> tb_status {
        if (of(view).abort) return TB_ABORTED;
        *value = of(view).params[index];
        return TB_OK;
      },
      [](tb_view*, tb_str account, std::uint32_t* roles) -> tb_status {
        *roles = tb::to_view(account) == "tb1admin" ? TB_ROLE_ADMIN : 0;
        return TB_OK;
      },
      [](tb_view* view, std::uint32_t slot, std::uint32_t function, const tb_value* args,
         std::uint32_t count, tb_out* result, tb_out* error) {
        return of(view).answer("ask", slot, function, args, count, result, error);
      },
  };
  return kTable;
}

inline const tb_ctx_api& Step::ctx_table() {
  static const tb_ctx_api kTable = {
      [](tb_ctx* ctx, tb_str key, tb_str value) -> tb_status {
        if (of(ctx).abort) return TB_ABORTED;
        of(ctx).state[std::string(tb::to_view(key))] = tb::to_view(value);
        return TB_OK;
      },
      [](tb_ctx* ctx, tb_str key) -> tb_status {
        of(ctx).state.erase(std::string(tb::to_view(key)));
        return TB_OK;
      },
      [](tb_ctx* ctx, std::uint32_t event, tb_fill fill, void* user) -> tb_status {
        TextOut text;
        fill(user, text.out());
        of(ctx).events.push_back(std::to_string(event) + " " + text.text());
        return TB_OK;
      },
      [](tb_ctx* ctx, std::uint32_t record, tb_fill fill, void* user) -> tb_status {
        TextOut text;
        fill(user, text.out());
        of(ctx).events.push_back("record " + std::to_string(record) + " " + text.text());
        return TB_OK;
      },
      [](tb_ctx* ctx, std::uint32_t metric, const tb_str* labels, std::uint32_t count,
         std::int64_t value) -> tb_status {
        std::string text = std::to_string(metric);
        for (std::uint32_t i = 0; i < count; ++i) text += " " + std::string(tb::to_view(labels[i]));
        of(ctx).metrics.push_back(text + " = " + std::to_string(value));
        return TB_OK;
      },
      [](tb_ctx* ctx, std::uint32_t slot, std::uint32_t function, const tb_value* args,
         std::uint32_t count, tb_out* result, tb_out* error) {
        return of(ctx).answer("call", slot, function, args, count, result, error);
      },
      [](tb_ctx* ctx, tb_status (*body)(void*, tb_ctx*), void* user) -> tb_status {
        const auto before = of(ctx).state;
        const tb_status status = body(user, ctx);
        if (status != TB_OK) of(ctx).state = before;
        return status;
      },
      [](tb_ctx* ctx, std::int32_t code, tb_str name, tb_str text, tb_fill data,
         void* user) -> tb_status {
        TextOut out;
        if (data != nullptr) data(user, out.out());
        of(ctx).failure = std::to_string(code) + " " + std::string(tb::to_view(name)) + " " +
                          std::string(tb::to_view(text)) + " {" + out.text() + "}";
        return TB_FAILED;
      },
      [](tb_ctx* ctx) -> tb_status {
        of(ctx).charged = true;
        return TB_OK;
      },
      [](tb_ctx*, tb_str, tb_str, tb_str signature) -> tb_status {
        return signature.len == 64 ? TB_OK : TB_NOT_FOUND;
      },
      [](tb_ctx*) -> std::uint64_t { return 11; },
      [](tb_ctx*) {},
      [](tb_ctx*, std::uint32_t, tb_str) {},
  };
  return kTable;
}

// A value of a params array.
inline tb_value text(std::string_view value) {
  tb_value made{};
  made.type = TB_TYPE_STR;
  made.str = tb::to_str(value);
  return made;
}
inline tb_value bytes(std::string_view value) {
  tb_value made = text(value);
  made.type = TB_TYPE_BYTES;
  return made;
}
inline tb_value number(std::uint64_t value) {
  tb_value made{};
  made.type = TB_TYPE_U64;
  made.num = value;
  return made;
}
inline tb_value named(std::string_view name, tb_value value) {
  value.name = tb::to_str(name);
  return value;
}
inline tb_value tree(std::uint32_t type, const std::vector<tb_value>& items) {
  tb_value made{};
  made.type = type;
  made.count = static_cast<std::uint32_t>(items.size());
  made.items = items.data();
  return made;
}

}  // namespace fakes
