// table.concat insert remove sort unpack. All access is raw; there are no metatables.
#include <algorithm>
#include <string_view>
#include <utility>

#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

std::int64_t size_of(lua_State* state, int table) {
  return static_cast<std::int64_t>(lua_rawlen(state, table));
}

int concat(lua_State* state) {
  const Args args{state, "table.concat"};
  args.table(1);
  const std::string_view between = args.absent(2) ? std::string_view() : args.text(2);
  const std::int64_t first = args.integer(3, 1);
  const std::int64_t last = args.absent(4) ? size_of(state, 1) : args.integer(4);
  std::string& out = context_of(state).scratch;
  out.clear();
  for (std::int64_t i = first; i <= last; ++i) {
    if (i > first) out.append(between);
    const int type = lua_rawgeti(state, 1, i);
    if ((type != LUA_TSTRING && type != LUA_TNUMBER) || !append_text(state, -1, out))
      raise(state, "table.concat: element %I is a %s, not a string or an integer",
            static_cast<LUAI_UACINT>(i), lua_typename(state, type));
    lua_pop(state, 1);
    if (out.size() > kMaxString)
      raise(state, "table.concat: the result would be longer than %d bytes",
            static_cast<int>(kMaxString));
    charge_elements(state, 1);
    if (i == INT64_MAX) break;
  }
  charge_bytes(state, out.size());
  lua_pushlstring(state, out.data(), out.size());
  return 1;
}

int insert(lua_State* state) {
  const Args args{state, "table.insert"};
  args.table(1);
  const std::int64_t size = size_of(state, 1);
  if (size == INT64_MAX) raise(state, "table.insert: the table is full");
  const std::int64_t end = size + 1;
  if (args.count() == 2) {
    charge_elements(state, 1);
    lua_rawseti(state, 1, end);
    return 0;
  }
  if (args.count() != 3) raise(state, "table.insert: expected two or three arguments");
  const std::int64_t at = args.integer(2);
  if (at < 1 || at > end) raise(state, "table.insert: argument 2: position out of bounds");
  charge_elements(state, static_cast<std::uint64_t>(end - at + 1));
  for (std::int64_t i = end; i > at; --i) {
    lua_rawgeti(state, 1, i - 1);
    lua_rawseti(state, 1, i);
  }
  lua_rawseti(state, 1, at);
  return 0;
}

int remove(lua_State* state) {
  const Args args{state, "table.remove"};
  args.table(1);
  const std::int64_t size = size_of(state, 1);
  const std::int64_t at = args.integer(2, size);
  if (!args.absent(2) && (at < 1 || at - 1 > size) && !(size == 0 && at == 0))
    raise(state, "table.remove: argument 2: position out of bounds");
  lua_rawgeti(state, 1, at);
  const std::int64_t moved = at < size ? size - at : 0;
  charge_elements(state, 1 + static_cast<std::uint64_t>(moved));
  std::int64_t i = at;
  for (; i < size; ++i) {
    lua_rawgeti(state, 1, i + 1);
    lua_rawseti(state, 1, i);
  }
  lua_pushnil(state);
  lua_rawseti(state, 1, i);
  return 1;
}

int unpack(lua_State* state) {
  const Args args{state, "table.unpack"};
  args.table(1);
  const std::int64_t first = args.integer(2, 1);
  const std::int64_t last = args.absent(3) ? size_of(state, 1) : args.integer(3);
  if (first > last) return 0;
  const std::uint64_t count = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
  if (count >= kMaxResults || !lua_checkstack(state, static_cast<int>(count) + 1))
    raise(state, "table.unpack: more than %d results", static_cast<int>(kMaxResults));
  charge_elements(state, count + 1);
  for (std::uint64_t i = 0; i <= count; ++i)
    lua_rawgeti(state, 1, static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + i));
  return static_cast<int>(count + 1);
}

// Stable merge sort. Stack: 1 the table, 2 the comparator or nil, 3 and 4 buffers. Values are read
// once and written once, so a comparator may do what it likes; one that contradicts itself gets
// some order, always the same.
constexpr int kCompare = 2, kFrom = 3, kTo = 4;

void require_sortable(lua_State* state, std::int64_t size) {
  const int wanted = size > 0 ? lua_rawgeti(state, 1, 1) : LUA_TNIL;
  if (size > 0) lua_pop(state, 1);
  for (std::int64_t i = 1; i <= size; ++i) {
    const int type = lua_rawgeti(state, 1, i);
    lua_pop(state, 1);
    if (type == wanted && (type == LUA_TNUMBER || type == LUA_TSTRING)) continue;
    raise(
        state,
        "table.sort: element %I is a %s; without a comparator all are integers or all are strings",
        static_cast<LUAI_UACINT>(i), lua_typename(state, type));
  }
}

// Whether the value at `a` comes before that at `b` of the stack.
bool before(lua_State* state, int a, int b) {
  if (!lua_isnil(state, kCompare)) {
    lua_pushvalue(state, kCompare);
    lua_pushvalue(state, a);
    lua_pushvalue(state, b);
    lua_call(state, 2, 1);
    const bool yes = lua_toboolean(state, -1);
    lua_pop(state, 1);
    return yes;
  }
  if (lua_isinteger(state, a)) return lua_tointeger(state, a) < lua_tointeger(state, b);
  std::size_t size_a = 0, size_b = 0;
  const char* text_a = lua_tolstring(state, a, &size_a);
  const char* text_b = lua_tolstring(state, b, &size_b);
  pay(state, std::min(size_a, size_b) / 64);
  return std::string_view(text_a, size_a) < std::string_view(text_b, size_b);
}

// Merges [left, middle) and [middle, right) of the buffer `from` into `to`.
void merge(lua_State* state, int from, int to, std::int64_t left, std::int64_t middle,
           std::int64_t right) {
  std::int64_t a = left, b = middle;
  for (std::int64_t out = left; out < right; ++out) {
    charge_elements(state, 1);
    bool take_b = a >= middle;
    if (!take_b && b < right) {
      charge_elements(state, 1);
      lua_rawgeti(state, from, b);
      lua_rawgeti(state, from, a);
      const int top = lua_gettop(state);
      take_b = before(state, top - 1, top);
      lua_pop(state, 2);
    }
    lua_rawgeti(state, from, take_b ? b++ : a++);
    lua_rawseti(state, to, out);
  }
}

void copy(lua_State* state, int from, int to, std::int64_t size) {
  charge_elements(state, static_cast<std::uint64_t>(size));
  for (std::int64_t i = 1; i <= size; ++i) {
    lua_rawgeti(state, from, i);
    lua_rawseti(state, to, i);
  }
}

int sort(lua_State* state) {
  const Args args{state, "table.sort"};
  args.table(1);
  if (!args.absent(2)) args.function(2);
  lua_settop(state, 2);
  const std::int64_t size = size_of(state, 1);
  if (size > static_cast<std::int64_t>(kMaxMemory / 16))
    raise(state, "table.sort: too many elements");
  charge_elements(state, static_cast<std::uint64_t>(size));
  if (lua_isnil(state, kCompare)) require_sortable(state, size);
  lua_createtable(state, static_cast<int>(size), 0);
  lua_createtable(state, static_cast<int>(size), 0);
  copy(state, 1, kFrom, size);
  int from = kFrom, to = kTo;
  for (std::int64_t width = 1; width < size; width *= 2) {
    for (std::int64_t left = 1; left <= size; left += 2 * width) {
      const std::int64_t middle = std::min(left + width, size + 1);
      merge(state, from, to, left, middle, std::min(left + 2 * width, size + 1));
    }
    std::swap(from, to);
  }
  copy(state, from, 1, size);
  return 0;
}

constexpr Function kTable[] = {
    {"concat", concat}, {"insert", insert}, {"remove", remove}, {"sort", sort}, {"unpack", unpack}};

}  // namespace

void open_table(lua_State* state) { add_module(state, "table", kTable); }

}  // namespace blockd::lua
