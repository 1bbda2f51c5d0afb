// JsonOut: tb_out -> JSON text, written as it comes. Canonical mode remembers where each member of
// an open record lies and puts them into order when the record ends; nothing moves when they came
// in order.
#include <algorithm>
#include <bit>
#include <charconv>
#include <span>
#include <vector>

#include "kernel/base/hex_wide.hpp"
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
  bool last_plain = true;        // the last name
  std::uint64_t last_word = 0;   // its first eight bytes, as first_word() has them
  std::size_t begin = 0;         // of its text, behind the bracket
  std::size_t first_member = 0;  // in members_
  std::size_t first_name = 0;    // in names_
};
// Canonical mode: where a member of an open record lies. It ends where the next one begins.
struct Member {
  std::size_t begin;                  // of "name":value in the text
  std::size_t name_begin, name_size;  // of the name without escapes
  bool plain;                         // it stands in the text like that, else in names
};

// The first eight bytes of a plain text as a number that sorts like them, zeros behind a shorter
// one: only of two texts with the same number more than that has to be looked at.
std::uint64_t first_word(BytesView text) {
  static_assert(std::endian::native == std::endian::little);
  const char* const data = text.data();
  const std::size_t n = text.size();
  std::uint64_t word = 0;
  if (n >= sizeof word) {
    std::memcpy(&word, data, sizeof word);
  } else if (n >= 4) {
    std::uint32_t low, high;
    std::memcpy(&low, data, sizeof low);
    std::memcpy(&high, data + n - sizeof high, sizeof high);
    word = low | std::uint64_t{high} << 8 * (n - sizeof high);
  } else {
    for (std::size_t i = 0; i < n; ++i)
      word |= std::uint64_t{static_cast<std::uint8_t>(data[i])} << 8 * i;
  }
  return __builtin_bswap64(word);
}

// The text while it grows: room is made once for a member, and then its parts are just put.
class GrowingText {
 public:
  std::size_t size() const { return size_; }
  BytesView view() const { return {data_.get(), size_}; }
  BytesView view(std::size_t begin, std::size_t n) const { return {data_.get() + begin, n}; }

  void make_room(std::size_t n) {
    if (capacity_ - size_ < n) grow(n);
  }
  // REQUIRES of these three: there is room.
  void put(char c) { data_[size_++] = c; }
  void put(BytesView part) {
    if (!part.empty()) std::memcpy(end(), part.data(), part.size());
    size_ += part.size();
  }
  void put_number(std::uint64_t value) {
    size_ = static_cast<std::size_t>(std::to_chars(end(), end() + 20, value).ptr - data_.get());
  }
  // Where the next byte comes, for who puts several at once and then tells where they end.
  char* end() { return data_.get() + size_; }
  void set_end(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }
  // Copies a text to a place with room for it. False, with any bytes there, when JSON would need
  // escapes.
  static bool copy_plain(BytesView part, char* to) {
    const char* const from = part.data();
    const std::size_t n = part.size();
    Chars special{};  // of texts that are no multiple of a word, some bytes are looked at twice
    if (n >= sizeof(Chars)) {
      for (std::size_t i = 0; i + sizeof(Chars) <= n; i += sizeof(Chars))
        special |= copy_chars(from + i, to + i);
      special |= copy_chars(from + n - sizeof(Chars), to + n - sizeof(Chars));
    } else if (n >= 8) {
      special = copy_words<std::uint64_t>(from, to, n);
    } else if (n >= 4) {
      special = copy_words<std::uint32_t>(from, to, n);
    } else {
      if (!is_plain_ascii(part)) return false;
      for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
    }
    std::uint64_t half[2];
    std::memcpy(half, &special, sizeof half);
    return (half[0] | half[1]) == 0;
  }
  void put_hex(BytesView bytes) {
    write_hex_digits(bytes, end());
    size_ += 2 * bytes.size();
  }
  void append(BytesView part) {
    make_room(part.size());
    put(part);
  }
  // Other bytes of the same number in the place of those from `begin` on.
  void replace(std::size_t begin, BytesView part) {
    if (!part.empty()) std::memcpy(data_.get() + begin, part.data(), part.size());
  }
  // Forgets the text; a buffer above `max_kept` is given back.
  void clear(std::size_t max_kept) {
    size_ = 0;
    if (capacity_ <= max_kept) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  // Sixteen bytes as numbers with a sign: those above 7F are below zero.
  using Chars = signed char __attribute__((vector_size(16)));
  // The bytes that JSON text does not hold as they are, as is_plain_word() has them.
  static Chars special_of(const Chars& chars) {
    return (chars < 0x20) | (chars == '"') | (chars == '\\') | (chars == 0x7f);
  }
  static Chars copy_chars(const char* from, char* to) {
    Chars chars;
    std::memcpy(&chars, from, sizeof chars);
    std::memcpy(to, &chars, sizeof chars);
    return special_of(chars);
  }
  // The first word and the last one. REQUIRES: `n` from one word to two.
  template <class Word>
  static Chars copy_words(const char* from, char* to, std::size_t n) {
    Word words[sizeof(Chars) / sizeof(Word)];
    std::memcpy(&words[0], from, sizeof(Word));
    std::memcpy(&words[1], from + n - sizeof(Word), sizeof(Word));
    for (std::size_t i = 2; i < std::size(words); ++i) words[i] = words[0];
    std::memcpy(to, &words[0], sizeof(Word));
    std::memcpy(to + n - sizeof(Word), &words[1], sizeof(Word));
    Chars chars;
    std::memcpy(&chars, words, sizeof chars);
    return special_of(chars);
  }
  void grow(std::size_t n) {
    const std::size_t capacity = std::max({size_ + n, 2 * capacity_, std::size_t{256}});
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace

struct JsonOut::Impl : tb_out {
  Impl(bool canonical_mode, std::size_t max) : canonical(canonical_mode), max_bytes(max) {
    api = &kApi;
    frames.reserve(8);
  }

  // What nearly never runs stands apart, so that the rest stays short.
  [[gnu::cold, gnu::noinline]] void fail(std::string_view why) {
    if (error.empty()) error = why;
  }
  [[gnu::cold, gnu::noinline]] void fail_too_long() {
    fail("more than " + std::to_string(max_bytes) + " bytes");
  }

  void push(bool list) {
    if (frames.size() >= kMaxOpen) return fail("more than 64 levels");
    text.make_room(1);
    text.put(list ? '[' : '{');
    frames.push_back(Frame{.list = list,
                           .begin = text.size(),
                           .first_member = member_count,
                           .first_name = names.size()});
  }

  // REQUIRES: there is room for a plain one. True if it was plain.
  bool append_text(BytesView value) {
    char* const at = text.end();
    const std::size_t n = value.size();
    if (!GrowingText::copy_plain(value, at + 1)) return append_escaped(value), false;
    at[0] = at[n + 1] = '"';
    text.set_end(at + n + 2);
    return true;
  }

  [[gnu::cold, gnu::noinline]] void append_escaped(BytesView value) {
    if (!is_utf8(value)) return fail("invalid UTF-8");
    scratch.clear();
    append_json_string(scratch, value);
    text.append(scratch);
  }

  // False: it has escapes, and has taken more room than its size.
  bool append_name(Frame& frame, BytesView name) {
    char* at = text.end();
    const std::size_t n = name.size();
    if (!std::exchange(frame.empty, false)) *at++ = ',';
    if (!GrowingText::copy_plain(name, at + 1)) return append_strange_name(frame, name, at), false;
    at[0] = at[n + 1] = '"';
    at[n + 2] = ':';
    text.set_end(at + n + 3);
    if (canonical) note_plain(frame, name, text.size() - n - 3);
    return true;
  }

  [[gnu::cold, gnu::noinline]] void append_strange_name(Frame& frame, BytesView name,
                                                        const char* at) {
    text.set_end(at);
    const std::size_t begin = text.size();
    append_escaped(name);
    text.make_room(1);
    text.put(':');
    if (canonical) note_member(frame, name, begin, false);
  }

  // Nearly all members come in their order, and their first words say so.
  void note_plain(Frame& frame, BytesView name, std::size_t begin) {
    const std::uint64_t word = first_word(name);
    if (!frame.last_plain || frame.last_word >= word) [[unlikely]]
      check_order(frame, name, true);
    frame.last_word = word;
    frame.last_plain = true;
    keep_member({begin, begin + 1, name.size(), true});
  }
  void note_member(Frame& frame, BytesView name, std::size_t begin, bool plain) {
    if (plain) return note_plain(frame, name, begin);
    check_order(frame, name, false);
    frame.last_plain = false;
    keep_member({begin, names.size(), name.size(), false});
    names.append(name);
  }
  [[gnu::cold, gnu::noinline]] void check_order(Frame& frame, BytesView name, bool plain) {
    if (!frame.sorted || member_count == frame.first_member) return;
    const Member& last = members[member_count - 1];
    frame.sorted = plain && last.plain ? name_of(last) < name : utf16_less(name_of(last), name);
  }
  void keep_member(const Member& member) {
    if (member_count == members.size()) make_room_for_members();
    members[member_count++] = member;
  }
  [[gnu::cold, gnu::noinline]] void make_room_for_members() {
    members.resize(std::max<std::size_t>(32, 2 * members.size()));
  }

  // Makes room for a value of about `size` bytes: the separator, and its name in a record. False
  // after an error.
  bool start(tb_str name, std::size_t size) {
    if (!error.empty()) return false;
    if (text.size() + size + name.len + 8 > max_bytes) return fail_too_long(), false;
    if (done) return fail("put after the end"), false;
    text.make_room(size + name.len + 8);
    if (frames.empty()) {
      if (name.len == 0) return true;  // the root is this value itself
      push(false);
      implicit_root = true;
    }
    Frame& frame = frames.back();
    if (frame.list) {
      if (!std::exchange(frame.empty, false)) text.put(',');
      return true;
    }
    if (name.len == 0) return fail("a member without a name"), false;
    if (append_name(frame, to_view(name))) return true;
    text.make_room(size + 3);
    return error.empty();
  }

  // A value was written: at the root, that was all.
  void stop() {
    if (frames.empty()) done = true;
    if (text.size() > max_bytes) fail_too_long();
  }

  BytesView name_of(const Member& member) const {
    return member.plain ? text.view(member.name_begin, member.name_size)
                        : BytesView(names).substr(member.name_begin, member.name_size);
  }

  void sort_members(const Frame& frame) {
    const std::span<Member> own(members.data() + frame.first_member,
                                member_count - frame.first_member);
    std::vector<std::size_t> begins;  // in the order of the text
    for (const Member& member : own) begins.push_back(member.begin);
    begins.push_back(text.size() + 1);  // as if a separator came
    std::sort(own.begin(), own.end(),
              [&](const Member& a, const Member& b) { return utf16_less(name_of(a), name_of(b)); });
    const auto twin = std::adjacent_find(
        own.begin(), own.end(),
        [&](const Member& a, const Member& b) { return name_of(a) == name_of(b); });
    if (twin != own.end())
      return fail("member '" + std::string(name_of(*twin)) + "' was put twice");
    scratch.clear();
    for (const Member& member : own) {
      if (!scratch.empty()) scratch.push_back(',');
      const std::size_t next = *std::upper_bound(begins.begin(), begins.end(), member.begin);
      scratch.append(text.view(member.begin, next - 1 - member.begin));
    }
    text.replace(frame.begin, scratch);
  }

  void pop() {
    const Frame frame = frames.back();
    if (!frame.sorted) sort_members(frame);
    member_count = frame.first_member;
    names.resize(frame.first_name);
    text.make_room(1);
    text.put(frame.list ? ']' : '}');
    frames.pop_back();
    stop();
  }

  // Above 2^53-1 as a decimal string.
  void number(std::uint64_t value) {
    const bool quoted = value > kMaxSafeInteger;
    if (quoted) text.put('"');
    text.put_number(value);
    if (quoted) text.put('"');
    stop();
  }

  static Impl* of(tb_out* out) { return static_cast<Impl*>(out); }
  static void put_null(tb_out* out, tb_str name) {
    Impl* self = of(out);
    if (self->start(name, 4)) self->text.put("null"), self->stop();
  }
  static void put_bool(tb_out* out, tb_str name, std::uint32_t value) {
    Impl* self = of(out);
    if (self->start(name, 5)) self->text.put(value != 0 ? "true" : "false"), self->stop();
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
    if (!self->start(name, 42)) return;
    self->scratch.clear();
    append_json_u128(self->scratch, static_cast<U128>(hi) << 64 | lo);
    self->text.append(self->scratch);
    self->stop();
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
    Impl* self = of(out);
    if (value.len > self->max_bytes / 2)
      return self->fail("more than " + std::to_string(self->max_bytes) + " bytes");
    if (!self->start(name, 2 * value.len)) return;
    self->text.put('"');
    self->text.put_hex(to_view(value));
    self->text.put('"');
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
  GrowingText text;
  std::string error, names, scratch;
  std::vector<Frame> frames;
  std::vector<Member> members;  // those up to member_count
  std::size_t member_count = 0;
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
bool JsonOut::empty() const { return impl_->text.size() == 0 && impl_->error.empty(); }
const std::string& JsonOut::error() const { return impl_->error; }

std::string JsonOut::finish() { return std::string(finish_view()); }

BytesView JsonOut::finish_view() {
  if (empty()) return "{}";
  while (impl_->error.empty() && !impl_->frames.empty()) impl_->pop();
  if (!impl_->error.empty()) return {};
  impl_->done = true;
  return impl_->text.view();
}

void JsonOut::reset() {
  constexpr std::size_t kKeptBytes = 64u << 10, kKeptMembers = 1024;  // more is given back
  impl_->text.clear(kKeptBytes);
  for (std::string* part : {&impl_->error, &impl_->names, &impl_->scratch}) {
    part->clear();
    if (part->capacity() > kKeptBytes) part->shrink_to_fit();
  }
  impl_->frames.clear();
  impl_->member_count = 0;
  if (impl_->members.size() > kKeptMembers) std::vector<Member>().swap(impl_->members);
  impl_->done = impl_->implicit_root = false;
}

}  // namespace blockd
