// string.byte char len lower upper sub reverse format rep find: over bytes, without patterns.
#include <algorithm>
#include <cstring>

#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

int push(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
  return 1;
}

std::string& empty_scratch(lua_State* state) {
  std::string& out = context_of(state).scratch;
  out.clear();
  return out;
}

// The positions i to j of Lua, where -1 is the last byte, as [begin, end) within the text.
struct Range {
  std::size_t begin, end;
};
Range range(std::size_t size, std::int64_t first, std::int64_t last) {
  const auto length = static_cast<std::int64_t>(size);
  if (first < 0) first = std::max<std::int64_t>(first < -length ? 1 : length + first + 1, 1);
  if (first == 0) first = 1;
  if (last < 0) last = last < -length ? 0 : length + last + 1;
  last = std::min(last, length);
  if (first > last) return {0, 0};
  return {static_cast<std::size_t>(first - 1), static_cast<std::size_t>(last)};
}

int byte(lua_State* state) {
  const Args args{state, "string.byte"};
  const std::string_view text = args.text(1);
  const std::int64_t first = args.integer(2, 1);
  const Range at = range(text.size(), first, args.integer(3, first));
  const std::size_t count = at.end - at.begin;
  pay(state, 1 + count);
  if (count > kMaxResults || !lua_checkstack(state, static_cast<int>(count)))
    raise(state, "string.byte: more than %d results", static_cast<int>(kMaxResults));
  for (std::size_t i = at.begin; i < at.end; ++i)
    lua_pushinteger(state, static_cast<unsigned char>(text[i]));
  return static_cast<int>(count);
}

int from_bytes(lua_State* state) {
  const Args args{state, "string.char"};
  pay(state, 1 + static_cast<std::uint64_t>(args.count()));
  std::string& out = empty_scratch(state);
  for (int i = 1; i <= args.count(); ++i) {
    const std::int64_t value = args.integer(i);
    if (value < 0 || value > 255) args.wrong(i, "0 to 255");
    if (value == 0) context_of(state).arena.note_zero_byte();
    out.push_back(static_cast<char>(value));
  }
  return push(state, out);
}

int len(lua_State* state) {
  lua_pushinteger(state, static_cast<std::int64_t>(Args{state, "string.len"}.text(1).size()));
  return 1;
}

// A copy of the first argument in the scratch.
std::string& copied(lua_State* state, const char* name) {
  const std::string_view text = Args{state, name}.text(1);
  charge_bytes(state, text.size());
  return empty_scratch(state).append(text);
}

int lower(lua_State* state) {
  std::string& out = copied(state, "string.lower");
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return push(state, out);
}

int upper(lua_State* state) {
  std::string& out = copied(state, "string.upper");
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  return push(state, out);
}

int reverse(lua_State* state) {
  std::string& out = copied(state, "string.reverse");
  std::reverse(out.begin(), out.end());
  return push(state, out);
}

int sub(lua_State* state) {
  const Args args{state, "string.sub"};
  const std::string_view text = args.text(1);
  const Range at = range(text.size(), args.integer(2), args.integer(3, -1));
  charge_bytes(state, at.end - at.begin);
  return push(state, text.substr(at.begin, at.end - at.begin));
}

int rep(lua_State* state) {
  const Args args{state, "string.rep"};
  const std::string_view text = args.text(1);
  const std::int64_t times = args.integer(2);
  const std::string_view between = args.absent(3) ? std::string_view() : args.text(3);
  if (times <= 0 || text.size() + between.size() == 0) return push(state, "");
  const auto count = static_cast<std::uint64_t>(times);
  if (count > kMaxString + 1 || text.size() * count + between.size() * (count - 1) > kMaxString)
    raise(state, "string.rep: the result would be longer than %d bytes",
          static_cast<int>(kMaxString));
  charge_bytes(state, text.size() * count + between.size() * (count - 1));
  std::string& out = empty_scratch(state);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) out.append(between);
    out.append(text);
  }
  return push(state, out);
}

void append_hex(std::string& out, std::uint64_t value) {
  char digits[16];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value != 0);
  while (count > 0) out.push_back(digits[--count]);
}

int format(lua_State* state) {
  const Args args{state, "string.format"};
  const std::string_view pattern = args.text(1);
  std::string& out = empty_scratch(state);
  int next = 2;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out.push_back(pattern[i]);
      continue;
    }
    const char kind = ++i < pattern.size() ? pattern[i] : '\0';
    if (kind == '%') {
      out.push_back('%');
    } else if (kind == 'd') {
      out += std::to_string(args.integer(next++));
    } else if (kind == 'x') {
      append_hex(out, static_cast<std::uint64_t>(args.integer(next++)));
    } else if (kind == 's') {
      if (lua_isnone(state, next) || !append_text(state, next, out))
        args.wrong(next, "a value with a text");
      ++next;
    } else {
      raise(state, "string.format: only %%d, %%s, %%x and %%%% are known, without a width");
    }
    if (out.size() > kMaxString)
      raise(state, "string.format: the result would be longer than %d bytes",
            static_cast<int>(kMaxString));
  }
  charge_bytes(state, pattern.size() + out.size());
  return push(state, out);
}

// The search of glibc is linear in both texts.
int find(lua_State* state) {
  const Args args{state, "string.find"};
  const std::string_view text = args.text(1), part = args.text(2);
  charge_bytes(state, text.size() + part.size());
  std::int64_t from = args.integer(3, 1);
  const auto length = static_cast<std::int64_t>(text.size());
  if (from < 0) from = from < -length ? 1 : length + from + 1;
  if (from == 0) from = 1;
  if (from > length + 1) return lua_pushnil(state), 1;
  const std::string_view rest = text.substr(static_cast<std::size_t>(from - 1));
  std::int64_t at = 0;
  if (!part.empty()) {
    const void* found = memmem(rest.data(), rest.size(), part.data(), part.size());
    if (found == nullptr) return lua_pushnil(state), 1;
    at = static_cast<const char*>(found) - rest.data();
  }
  lua_pushinteger(state, from + at);
  lua_pushinteger(state, from + at + static_cast<std::int64_t>(part.size()) - 1);
  return 2;
}

constexpr Function kString[] = {
    {"byte", byte}, {"char", from_bytes}, {"len", len},       {"lower", lower}, {"upper", upper},
    {"sub", sub},   {"reverse", reverse}, {"format", format}, {"rep", rep},     {"find", find}};

}  // namespace

void open_string(lua_State* state) { add_module(state, "string", kString); }

}  // namespace blockd::lua
