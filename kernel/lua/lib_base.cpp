// assert error ipairs pairs select tonumber tostring type rawequal rawlen
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"
#include "kernel/lua/numeral.hpp"

namespace blockd::lua {
namespace {

constexpr int kMaxErrorLevel = 16;

int assert_true(lua_State* state) {
  const Args args{state, "assert"};
  if (args.count() == 0) args.wrong(1, "a value");
  if (lua_toboolean(state, 1)) return args.count();
  if (args.count() < 2) raise(state, "assertion failed!");
  lua_settop(state, 2);
  return lua_error(state);
}

int raise_error(lua_State* state) {
  const Args args{state, "error"};
  const std::int64_t level = args.integer(2, 1);
  lua_settop(state, 1);
  lua_Debug about;
  if (lua_type(state, 1) == LUA_TSTRING && level >= 1 && level <= kMaxErrorLevel &&
      lua_getstack(state, static_cast<int>(level), &about) && lua_getinfo(state, "l", &about) &&
      about.currentline > 0) {
    lua_pushfstring(state, "script:%d: ", about.currentline);
    lua_insert(state, 1);
    lua_concat(state, 2);
  }
  return lua_error(state);
}

int ipairs_step(lua_State* state) {
  const Args args{state, "ipairs"};
  args.table(1);
  const auto next = static_cast<std::int64_t>(static_cast<std::uint64_t>(args.integer(2)) + 1);
  charge_elements(state, 1);
  lua_pushinteger(state, next);
  return lua_rawgeti(state, 1, next) == LUA_TNIL ? 1 : 2;
}

int ipairs(lua_State* state) {
  Args{state, "ipairs"}.table(1);
  lua_settop(state, 1);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_pushinteger(state, 0);
  return 3;
}

// A key of a table that pairs() walks. Texts belong to the table's keys; nothing is collected while
// a call runs, so they stay.
struct Key {
  const char* text;  // null for an integer
  std::size_t size;
  std::int64_t number;

  bool operator<(const Key& other) const {
    if ((text == nullptr) != (other.text == nullptr)) return text == nullptr;
    if (text == nullptr) return number < other.number;
    return std::string_view(text, size) < std::string_view(other.text, other.size);
  }
};
struct Walk {
  std::size_t count, next;
  Key* keys() { return reinterpret_cast<Key*>(this + 1); }
};

// Upvalues: the Walk, the table.
int pairs_step(lua_State* state) {
  Walk* walk = static_cast<Walk*>(lua_touserdata(state, lua_upvalueindex(1)));
  lua_settop(state, 0);
  while (walk->next < walk->count) {
    const Key& key = walk->keys()[walk->next++];
    charge_bytes(state, key.size);
    if (key.text == nullptr)
      lua_pushinteger(state, key.number);
    else
      lua_pushlstring(state, key.text, key.size);
    lua_pushvalue(state, 1);
    if (lua_rawget(state, lua_upvalueindex(2)) != LUA_TNIL) return 2;
    lua_settop(state, 0);  // removed since the walk began
  }
  lua_pushnil(state);
  return 1;
}

// Leaves its last key and value off the stack. Returns the number of keys.
std::size_t count_keys(lua_State* state) {
  std::size_t count = 0;
  for (lua_pushnil(state); lua_next(state, 1); lua_pop(state, 1)) {
    charge_elements(state, 1);
    ++count;
    const int type = lua_type(state, -2);
    if (type != LUA_TSTRING && !lua_isinteger(state, -2))
      raise(state, "pairs: a key is a %s; only integers and strings have an order",
            lua_typename(state, type));
  }
  return count;
}

int pairs(lua_State* state) {
  Args{state, "pairs"}.table(1);
  lua_settop(state, 1);
  const std::size_t count = count_keys(state);
  const std::size_t size = sizeof(Walk) + count * sizeof(Key);
  Walk* walk = static_cast<Walk*>(lua_newuserdatauv(state, size, 0));
  walk->count = count;
  walk->next = 0;
  std::size_t bytes = 0, n = 0;
  for (lua_pushnil(state); lua_next(state, 1); lua_pop(state, 1)) {
    Key& key = walk->keys()[n++];
    key = {nullptr, 0, 0};
    if (lua_type(state, -2) == LUA_TSTRING)
      key.text = lua_tolstring(state, -2, &key.size);
    else
      key.number = lua_tointeger(state, -2);
    bytes += key.size;
  }
  charge_elements(state, count);
  pay(state, (count + bytes / 64) * static_cast<std::uint64_t>(std::bit_width(count)));
  std::sort(walk->keys(), walk->keys() + count);
  lua_pushvalue(state, 1);
  lua_pushcclosure(state, pairs_step, 2);
  return 1;
}

int select(lua_State* state) {
  const Args args{state, "select"};
  const std::int64_t count = args.count() - 1;
  if (lua_type(state, 1) == LUA_TSTRING && args.text(1) == "#") {
    lua_pushinteger(state, count);
    return 1;
  }
  std::int64_t first = args.integer(1);
  if (first < 0) first = count + first + 1;
  if (first < 1) raise(state, "select: argument 1: out of range");
  if (first > count) return 0;
  pay(state, static_cast<std::uint64_t>(count - first + 1));
  return static_cast<int>(count - first + 1);
}

int tonumber(lua_State* state) {
  const Args args{state, "tonumber"};
  if (args.count() != 1) raise(state, "tonumber: expected one argument; there is no base");
  if (lua_type(state, 1) == LUA_TNUMBER) {
    args.integer(1);
    return 1;
  }
  if (lua_type(state, 1) != LUA_TSTRING) {
    lua_pushnil(state);
    return 1;
  }
  const std::string_view text = args.text(1);
  charge_bytes(state, text.size());
  if (const auto value = read_numeral(text))
    lua_pushinteger(state, *value);
  else
    lua_pushnil(state);
  return 1;
}

int tostring(lua_State* state) {
  const Args args{state, "tostring"};
  if (args.count() == 0) args.wrong(1, "a value");
  std::string& out = context_of(state).scratch;
  out.clear();
  if (lua_type(state, 1) == LUA_TSTRING) {
    lua_settop(state, 1);
    return 1;
  }
  if (!append_text(state, 1, out))
    raise(state, "tostring: a %s has no text", lua_typename(state, lua_type(state, 1)));
  lua_pushlstring(state, out.data(), out.size());
  return 1;
}

int type(lua_State* state) {
  if (Args{state, "type"}.count() == 0) Args{state, "type"}.wrong(1, "a value");
  const char* name = lua_typename(state, lua_type(state, 1));
  lua_pushlstring(state, name, std::strlen(name));
  return 1;
}

int rawequal(lua_State* state) {
  const Args args{state, "rawequal"};
  if (args.count() < 2) args.wrong(2, "a value");
  if (lua_type(state, 1) == LUA_TSTRING) charge_bytes(state, args.text(1).size());
  lua_pushboolean(state, lua_rawequal(state, 1, 2));
  return 1;
}

int rawlen(lua_State* state) {
  const Args args{state, "rawlen"};
  if (lua_type(state, 1) != LUA_TTABLE && lua_type(state, 1) != LUA_TSTRING)
    args.wrong(1, "a table or a string");
  lua_pushinteger(state, static_cast<std::int64_t>(lua_rawlen(state, 1)));
  return 1;
}

}  // namespace

void open_base(lua_State* state) {
  for (const Function& function :
       {Function{"assert", assert_true}, Function{"error", raise_error}, Function{"pairs", pairs},
        Function{"select", select}, Function{"tonumber", tonumber}, Function{"tostring", tostring},
        Function{"type", type}, Function{"rawequal", rawequal}, Function{"rawlen", rawlen}})
    add_function(state, function);
  lua_pushlstring(state, "ipairs", 6);
  lua_pushboolean(state, 1);
  lua_pushcclosure(state, ipairs_step, 1);
  lua_pushcclosure(state, ipairs, 1);
  lua_rawset(state, -3);
}

}  // namespace blockd::lua
