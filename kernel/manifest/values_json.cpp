// JsonOut: tb_out -> JSON text, written as it comes. Canonical mode remembers where each member of
// an open record lies and puts them into order when the record ends; nothing moves when they came
// in order.
#include <algorithm>
#include <charconv>
#include <vector>

#include "kernel/manifest/utf8.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxOpen = kMaxJsonDepth;
constexpr std::uint32_t kMaxDecimals = 18;

struct Frame {
  bool list = false;
  bool empty = true;
  bool sorted = true;
  std::size_t begin = 0;         // of its text, behind the bracket
  std::size_t first_member = 0;  // in members_
  std::size_t first_name = 0;    // in names_
};
// Canonical mode: where a member of an open record lies.
struct Member {
  std::size_t name_begin, name_size;  // in names_, as put
  std::size_t begin, end;             // of "name":value in the text
};

}  // namespace

struct JsonOut::Impl : tb_out {
  Impl(bool canonical_mode, std::size_t max) : canonical(canonical_mode), max_bytes(max) {
    api = &kApi;
    text.reserve(256);
    frames.reserve(8);
  }

  void fail(std::string_view why) {
    if (error.empty()) error = why;
  }

  void push(bool list) {
    if (frames.size() >= kMaxOpen) return fail("more than 64 levels");
    text.push_back(list ? '[' : '{');
    frames.push_back(Frame{.list = list,
                           .begin = text.size(),
                           .first_member = members.size(),
                           .first_name = names.size()});
  }

  void append_text(BytesView value) {
    if (is_plain_ascii(value)) {
      text.push_back('"');
      text.append(value);
      text.push_back('"');
    } else if (is_utf8(value)) {
      append_json_string(text, value);
    } else {
      fail("invalid UTF-8");
    }
  }

  void append_name(tb_str name) {
    Frame& frame = frames.back();
    if (canonical) note_member(to_view(name), frame);
    append_text(to_view(name));
    text.push_back(':');
  }

  void note_member(BytesView name, Frame& frame) {
    if (members.size() > frame.first_member) {
      const Member& last = members.back();
      if (!utf16_less(BytesView(names).substr(last.name_begin, last.name_size), name))
        frame.sorted = false;
    }
    members.push_back(Member{names.size(), name.size(), text.size(), 0});
    names.append(name);
  }

  // Makes room for a value of about `size` bytes: the separator, and its name in a record. False
  // after an error.
  bool start(tb_str name, std::size_t size) {
    if (!error.empty()) return false;
    if (text.size() + size + name.len + 8 > max_bytes)
      return fail("more than " + std::to_string(max_bytes) + " bytes"), false;
    if (done) return fail("put after the end"), false;
    if (frames.empty()) {
      if (name.len == 0) return true;  // the root is this value itself
      push(false);
      implicit_root = true;
    }
    Frame& frame = frames.back();
    if (!frame.list && name.len == 0) return fail("a member without a name"), false;
    close_member(frame);
    if (!frame.empty) text.push_back(',');
    frame.empty = false;
    if (!frame.list) append_name(name);
    return error.empty();
  }

  // A value was written: at the root, that was all.
  void stop() {
    if (frames.empty()) done = true;
    if (text.size() > max_bytes) fail("more than " + std::to_string(max_bytes) + " bytes");
  }

  void close_member(const Frame& frame) {
    if (canonical && !frame.list && members.size() > frame.first_member)
      members.back().end = text.size();
  }

  BytesView name_of(const Member& member) const {
    return BytesView(names).substr(member.name_begin, member.name_size);
  }

  void sort_members(const Frame& frame) {
    const auto first = members.begin() + static_cast<std::ptrdiff_t>(frame.first_member);
    std::sort(first, members.end(),
              [&](const Member& a, const Member& b) { return utf16_less(name_of(a), name_of(b)); });
    const auto twin = std::adjacent_find(
        first, members.end(),
        [&](const Member& a, const Member& b) { return name_of(a) == name_of(b); });
    if (twin != members.end())
      return fail("member '" + std::string(name_of(*twin)) + "' was put twice");
    scratch.clear();
    for (auto member = first; member != members.end(); ++member) {
      if (member != first) scratch.push_back(',');
      scratch.append(text, member->begin, member->end - member->begin);
    }
    text.replace(frame.begin, scratch.size(), scratch);
  }

  void pop() {
    const Frame frame = frames.back();
    close_member(frame);
    if (!frame.sorted) sort_members(frame);
    members.resize(frame.first_member);
    names.resize(frame.first_name);
    text.push_back(frame.list ? ']' : '}');
    frames.pop_back();
    stop();
  }

  void number(std::uint64_t value) { append_json_u64(text, value), stop(); }

  static Impl* of(tb_out* out) { return static_cast<Impl*>(out); }
  static void put_null(tb_out* out, tb_str name) {
    Impl* self = of(out);
    if (self->start(name, 4)) self->text.append("null"), self->stop();
  }
  static void put_bool(tb_out* out, tb_str name, std::uint32_t value) {
    Impl* self = of(out);
    if (self->start(name, 5)) self->text.append(value != 0 ? "true" : "false"), self->stop();
  }
  static void put_u64(tb_out* out, tb_str name, std::uint64_t value) {
    Impl* self = of(out);
    if (self->start(name, 22)) self->number(value);
  }
  static void put_i64(tb_out* out, tb_str name, std::int64_t value) {
    Impl* self = of(out);
    if (!self->start(name, 23)) return;
    if (value >= 0) return self->number(static_cast<std::uint64_t>(value));
    const bool safe = value >= -static_cast<std::int64_t>(kMaxSafeInteger);
    self->text.append(safe ? std::to_string(value) : '"' + std::to_string(value) + '"');
    self->stop();
  }
  static void put_u128(tb_out* out, tb_str name, std::uint64_t lo, std::uint64_t hi) {
    Impl* self = of(out);
    if (self->start(name, 42))
      append_json_u128(self->text, static_cast<U128>(hi) << 64 | lo), self->stop();
  }
  static void put_scaled(tb_out* out, tb_str name, std::int64_t value, std::uint32_t decimals) {
    Impl* self = of(out);
    if (!self->start(name, 24)) return;
    if (self->canonical) return self->fail("put_scaled in what is hashed");
    if (decimals > kMaxDecimals) return self->fail("put_scaled with more than 18 decimals");
    self->text.append(scaled_text(value, decimals));
    self->stop();
  }
  static void put_str(tb_out* out, tb_str name, tb_str value) {
    Impl* self = of(out);
    if (self->start(name, value.len)) self->append_text(to_view(value)), self->stop();
  }
  static void put_bytes(tb_out* out, tb_str name, tb_str value) {
    static constexpr char kDigits[] = "0123456789abcdef";
    Impl* self = of(out);
    if (value.len > self->max_bytes / 2)
      return self->fail("more than " + std::to_string(self->max_bytes) + " bytes");
    if (!self->start(name, 2 * value.len)) return;
    self->text.push_back('"');
    const std::size_t at = self->text.size();
    self->text.resize(at + 2 * value.len);
    char* to = self->text.data() + at;
    for (const char c : to_view(value)) {
      *to++ = kDigits[static_cast<std::uint8_t>(c) >> 4];
      *to++ = kDigits[static_cast<std::uint8_t>(c) & 15];
    }
    self->text.push_back('"');
    self->stop();
  }
  static void put_value(tb_out* out, tb_str name, const tb_value* value) {
    write_value(out, to_view(name), *value);
  }
  static void begin_record(tb_out* out, tb_str name) {
    Impl* self = of(out);
    if (self->start(name, 2)) self->push(false);
  }
  static void begin_list(tb_out* out, tb_str name) {
    Impl* self = of(out);
    if (self->start(name, 2)) self->push(true);
  }
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

  bool canonical;
  std::size_t max_bytes;
  bool done = false;           // the root value is complete
  bool implicit_root = false;  // the root record was opened by its first member
  std::string text, error, names, scratch;
  std::vector<Frame> frames;
  std::vector<Member> members;
};

std::string scaled_text(std::int64_t value, std::uint32_t decimals) {
  const std::uint64_t magnitude =
      value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  std::string digits = std::to_string(magnitude);
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - decimals, 1, '.');
  return value < 0 ? "-" + digits : digits;
}

JsonOut::JsonOut(bool canonical, std::size_t max_bytes)
    : impl_(std::make_unique<Impl>(canonical, max_bytes)) {}
JsonOut::~JsonOut() = default;
tb_out* JsonOut::out() { return impl_.get(); }
bool JsonOut::empty() const { return impl_->text.empty() && impl_->error.empty(); }
const std::string& JsonOut::error() const { return impl_->error; }

std::string JsonOut::finish() {
  return finish_view().data() == impl_->text.data() ? std::move(impl_->text)
                                                    : std::string(finish_view());
}

BytesView JsonOut::finish_view() {
  if (empty()) return "{}";
  while (impl_->error.empty() && !impl_->frames.empty()) impl_->pop();
  if (!impl_->error.empty()) return {};
  impl_->done = true;
  return impl_->text;
}

void JsonOut::reset() {
  constexpr std::size_t kKeptBytes = 64u << 10;  // larger buffers are given back
  for (std::string* part : {&impl_->text, &impl_->error, &impl_->names, &impl_->scratch}) {
    part->clear();
    if (part->capacity() > kKeptBytes) part->shrink_to_fit();
  }
  impl_->frames.clear();
  impl_->members.clear();
  impl_->done = impl_->implicit_root = false;
}

}  // namespace blockd
