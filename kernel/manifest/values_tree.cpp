// Trees of tb_value: the arena they live in, the writer that builds them, and the ways between them
// and JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory_resource>

#include "kernel/manifest/utf8.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxValues = 1'000'000;
constexpr std::size_t kMaxText = 64u << 20;
constexpr std::size_t kMaxTreeDepth = kMaxJsonDepth;

}  // namespace

struct ValueArena::Impl {
  // Together no more than what the allocator keeps at hand for each thread (1,032 bytes).
  alignas(std::max_align_t) std::array<std::byte, 896> first;
  std::pmr::monotonic_buffer_resource memory{first.data(), first.size()};
};

ValueArena::ValueArena() : impl_(std::make_unique<Impl>()) {}
ValueArena::~ValueArena() = default;
void ValueArena::clear() { impl_->memory.release(); }
void* ValueArena::allocate(std::size_t bytes, std::size_t align) {
  return impl_->memory.allocate(bytes, align);
}
BytesView ValueArena::copy(BytesView text) {
  if (text.empty()) return {};
  auto* to = static_cast<char*>(allocate(text.size(), 1));
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

// Values of open records and lists lie in one stack; `end` moves those of the innermost into the
// arena.
struct ValueOut::Impl : tb_out {
  struct Frame {
    tb_str name;
    std::uint32_t type = TB_TYPE_RECORD;
    std::size_t first = 0;  // in values
  };

  explicit Impl(ValueArena& memory) : arena(memory) { api = &kApi; }

  void fail(std::string_view why) {
    if (error.empty()) error = why;
  }

  // A new value of the innermost frame, or nullptr after an error.
  tb_value* add(tb_str name, std::uint32_t type) {
    if (!start(name)) return nullptr;
    tb_value value{};
    value.type = type;
    const bool member = !frames.empty() && frames.back().type == TB_TYPE_RECORD;
    if (member) value.name = to_str(copy(to_view(name)));
    if (frames.empty()) done = true;
    values.push_back(value);
    return &values.back();
  }

  bool start(tb_str name) {
    if (!error.empty()) return false;
    if (done) return fail("put after the end"), false;
    if (++count > kMaxValues) return fail("more than 1000000 values"), false;
    if (!is_utf8(to_view(name))) return fail("invalid UTF-8"), false;
    if (frames.empty()) {
      if (name.len == 0) return true;
      frames.push_back(Frame{});
      implicit_root = true;
    }
    if (frames.back().type == TB_TYPE_RECORD && name.len == 0)
      return fail("a member without a name"), false;
    return true;
  }

  BytesView copy(BytesView from) {
    bytes += from.size();
    if (bytes > kMaxText) return fail("more than 64 MiB"), BytesView{};
    return arena.copy(from);
  }

  void add_text(tb_str name, std::uint32_t type, BytesView content) {
    if (tb_value* value = add(name, type)) value->str = to_str(copy(content));
  }

  void begin(tb_str name, std::uint32_t type) {
    if (!start(name)) return;
    if (frames.size() >= kMaxTreeDepth) return fail("more than 64 levels");
    const bool member = !frames.empty() && frames.back().type == TB_TYPE_RECORD;
    frames.push_back(Frame{member ? to_str(copy(to_view(name))) : tb_str{}, type, values.size()});
  }

  void pop() {
    const Frame frame = frames.back();
    frames.pop_back();
    const std::size_t n = values.size() - frame.first;
    auto* items = static_cast<tb_value*>(arena.allocate(n * sizeof(tb_value), alignof(tb_value)));
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(frame.first), n, items);
    values.resize(frame.first);
    tb_value whole{};
    whole.name = frame.name;
    whole.type = frame.type;
    whole.count = static_cast<std::uint32_t>(n);
    whole.items = items;
    values.push_back(whole);
    if (frames.empty()) done = true;
  }

  static Impl* of(tb_out* out) { return static_cast<Impl*>(out); }
  static void add_number(tb_out* out, tb_str name, std::uint32_t type, std::uint64_t lo,
                         std::uint64_t hi = 0) {
    tb_value* value = of(out)->add(name, type);
    if (value == nullptr) return;
    value->num = lo;
    value->num_hi = hi;
  }
  static void put_null(tb_out* out, tb_str name) { of(out)->add(name, TB_TYPE_NONE); }
  static void put_bool(tb_out* out, tb_str name, std::uint32_t v) {
    add_number(out, name, TB_TYPE_BOOL, v != 0);
  }
  static void put_u64(tb_out* out, tb_str name, std::uint64_t v) {
    add_number(out, name, TB_TYPE_U64, v);
  }
  static void put_i64(tb_out* out, tb_str name, std::int64_t v) {
    add_number(out, name, TB_TYPE_I64, static_cast<std::uint64_t>(v));
  }
  static void put_u128(tb_out* out, tb_str name, std::uint64_t lo, std::uint64_t hi) {
    add_number(out, name, TB_TYPE_U128, lo, hi);
  }
  static void put_scaled(tb_out* out, tb_str name, std::int64_t value, std::uint32_t decimals) {
    if (decimals > 18) return of(out)->fail("put_scaled with more than 18 decimals");
    of(out)->add_text(name, TB_TYPE_STR, scaled_text(value, decimals));
  }
  static void put_str(tb_out* out, tb_str name, tb_str value) {
    if (!is_utf8(to_view(value))) return of(out)->fail("invalid UTF-8");
    of(out)->add_text(name, TB_TYPE_STR, to_view(value));
  }
  static void put_bytes(tb_out* out, tb_str name, tb_str value) {
    of(out)->add_text(name, TB_TYPE_BYTES, to_view(value));
  }
  static void put_value(tb_out* out, tb_str name, const tb_value* value) {
    write_value(out, to_view(name), *value);
  }
  static void begin_record(tb_out* out, tb_str name) { of(out)->begin(name, TB_TYPE_RECORD); }
  static void begin_list(tb_out* out, tb_str name) { of(out)->begin(name, TB_TYPE_LIST); }
  static void end(tb_out* out) {
    Impl* self = of(out);
    if (!self->error.empty()) return;
    const bool nothing_open =
        self->frames.empty() || (self->frames.size() == 1 && self->implicit_root);
    if (nothing_open) return self->fail("end without begin");
    self->pop();
  }

  static constexpr tb_out_api kApi = {put_null,  put_bool,     put_u64,    put_i64,
                                      put_u128,  put_scaled,   put_str,    put_bytes,
                                      put_value, begin_record, begin_list, end};

  ValueArena& arena;
  bool done = false;
  bool implicit_root = false;
  std::size_t count = 0, bytes = 0;
  std::string error;
  std::vector<Frame> frames;
  std::vector<tb_value> values;
};

ValueOut::ValueOut(ValueArena& arena) : impl_(std::make_unique<Impl>(arena)) {}
ValueOut::~ValueOut() = default;
tb_out* ValueOut::out() { return impl_.get(); }
const std::string& ValueOut::error() const { return impl_->error; }

const tb_value* ValueOut::finish() {
  while (impl_->error.empty() && !impl_->frames.empty()) impl_->pop();
  auto* root = static_cast<tb_value*>(impl_->arena.allocate(sizeof(tb_value), alignof(tb_value)));
  *root = tb_value{};
  root->type = TB_TYPE_RECORD;
  if (impl_->error.empty() && !impl_->values.empty()) *root = impl_->values.front();
  impl_->done = true;
  return root;
}

namespace {

std::string number_text(double number) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr};
}

void fill_value(const json::value& value, ValueArena& arena, tb_value* out);

void fill_items(const json::value& value, ValueArena& arena, tb_value* out) {
  const std::size_t count = value.is_array() ? value.get_array().size() : value.get_object().size();
  auto* items = static_cast<tb_value*>(arena.allocate(count * sizeof(tb_value), alignof(tb_value)));
  std::fill_n(items, count, tb_value{});
  out->type = value.is_array() ? TB_TYPE_LIST : TB_TYPE_RECORD;
  out->count = static_cast<std::uint32_t>(count);
  out->items = items;
  if (value.is_array()) {
    for (const json::value& item : value.get_array()) fill_value(item, arena, items++);
    return;
  }
  for (const auto& member : value.get_object()) {
    items->name = to_str(member.key());
    fill_value(member.value(), arena, items++);
  }
}

// Depth: parse_json bounds what comes from outside.
void fill_value(const json::value& value, ValueArena& arena, tb_value* out) {
  switch (value.kind()) {
    case json::kind::null:
      out->type = TB_TYPE_NONE;
      return;
    case json::kind::bool_:
      out->type = TB_TYPE_BOOL;
      out->num = value.get_bool() ? 1 : 0;
      return;
    case json::kind::int64:
      out->type = value.get_int64() < 0 ? TB_TYPE_I64 : TB_TYPE_U64;
      out->num = static_cast<std::uint64_t>(value.get_int64());
      return;
    case json::kind::uint64:
      out->type = TB_TYPE_U64;
      out->num = value.get_uint64();
      return;
    case json::kind::double_:
      out->type = TB_TYPE_STR;
      out->str = to_str(arena.copy(number_text(value.get_double())));
      return;
    case json::kind::string:
      out->type = TB_TYPE_STR;
      out->str = to_str(BytesView(value.get_string()));
      return;
    default:
      fill_items(value, arena, out);
  }
}

// A tree of a plugin may be deeper than any reader wants. One level beyond the bound is begun and
// no further one, so that the writer meets its own bound and says so.
void write_tree(tb_out* out, tb_str name, const tb_value& value, std::size_t depth) {
  const tb_out_api& api = *out->api;
  switch (value.type) {
    case TB_TYPE_NONE:
      return api.put_null(out, name);
    case TB_TYPE_BOOL:
      return api.put_bool(out, name, value.num != 0);
    case TB_TYPE_U64:
      return api.put_u64(out, name, value.num);
    case TB_TYPE_I64:
      return api.put_i64(out, name, static_cast<std::int64_t>(value.num));
    case TB_TYPE_U128:
      return api.put_u128(out, name, value.num, value.num_hi);
    case TB_TYPE_STR:
      return api.put_str(out, name, value.str);
    case TB_TYPE_BYTES:
      return api.put_bytes(out, name, value.str);
    case TB_TYPE_LIST:
      api.begin_list(out, name);
      break;
    case TB_TYPE_RECORD:
      api.begin_record(out, name);
      break;
    default:
      return api.put_str(out, name,
                         to_str("\xff"));  // of no known type: refused like any invalid text
  }
  if (depth > kMaxTreeDepth) return;
  for (std::uint32_t i = 0; i < value.count; ++i)
    write_tree(out, value.items[i].name, value.items[i], depth + 1);
  api.end(out);
}

void write_json_tree(tb_out* out, tb_str name, const json::value& value) {
  const tb_out_api& api = *out->api;
  switch (value.kind()) {
    case json::kind::null:
      return api.put_null(out, name);
    case json::kind::bool_:
      return api.put_bool(out, name, value.get_bool());
    case json::kind::int64:
      return api.put_i64(out, name, value.get_int64());
    case json::kind::uint64:
      return api.put_u64(out, name, value.get_uint64());
    case json::kind::double_:
      return api.put_str(out, name, to_str(number_text(value.get_double())));
    case json::kind::string:
      return api.put_str(out, name, to_str(BytesView(value.get_string())));
    case json::kind::array:
      api.begin_list(out, name);
      for (const json::value& item : value.get_array()) write_json_tree(out, tb_str{}, item);
      return api.end(out);
    case json::kind::object:
      api.begin_record(out, name);
      for (const auto& member : value.get_object())
        write_json_tree(out, to_str(member.key()), member.value());
      return api.end(out);
  }
}

}  // namespace

const tb_value* to_value(const json::value& value, ValueArena& arena) {
  auto* root = static_cast<tb_value*>(arena.allocate(sizeof(tb_value), alignof(tb_value)));
  *root = tb_value{};
  fill_value(value, arena, root);
  return root;
}

void write_value(tb_out* out, BytesView name, const tb_value& value) {
  write_tree(out, to_str(name), value, 0);
}

void write_json(tb_out* out, BytesView name, const json::value& value) {
  write_json_tree(out, to_str(name), value);
}

}  // namespace blockd
