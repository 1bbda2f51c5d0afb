#include "kernel/lua/context.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstring>

#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

// The line of the Lua function that called the running library function, or -1.
int line_of_caller(lua_State* state) {
  lua_Debug about;
  for (int level = 0; level < 2 && lua_getstack(state, level, &about); ++level) {
    if (lua_getinfo(state, "l", &about) && about.currentline > 0) return about.currentline;
  }
  return -1;
}

// Leaves no temporaries behind: the caller leaves by longjmp.
void set_fault(lua_State* state, Fault fault, const char* text) {
  Context& context = context_of(state);
  const int line = line_of_caller(state);
  context.fault = fault;
  context.text = line > 0 ? "script:" + std::to_string(line) + ": " + text : text;
}

void set_out_of_budget(lua_State* state) {
  const std::string budget = std::to_string(context_of(state).budget);
  set_fault(state, Fault::kBudget,
            ("the call used up its budget of " + budget + " instructions").c_str());
}

[[noreturn]] void leave(lua_State* state) {
  lua_pushnil(state);
  lua_error(state);
  TB_ASSERT(false && "lua_error returned");
  __builtin_unreachable();
}

}  // namespace

void Context::begin(std::uint64_t call_budget, const Reads& call_reads) {
  reads = &call_reads;
  used = 0;
  budget = call_budget;
  log_lines = 0;
  fault = Fault::kNone;
  text.clear();
  aborted = {};
}

Context& context_of(lua_State* state) {
  Context* context;
  std::memcpy(&context, lua_getextraspace(state), sizeof context);
  return *context;
}

void set_context(lua_State* state, Context* context) {
  std::memcpy(lua_getextraspace(state), &context, sizeof context);
}

void pay(lua_State* state, std::uint64_t instructions) {
  Context& context = context_of(state);
  if (instructions <= context.budget) {
    context.used += instructions;
    if (context.used <= context.budget) return;
  }
  set_out_of_budget(state);
  leave(state);
}

void charge_elements(lua_State* state, std::uint64_t count) {
  constexpr std::uint64_t kMost = 1ull << 40;  // beyond any budget; keeps the product in 64 bits
  pay(state, std::min(count, kMost) * context_of(state).arena.access_weight());
}

void raise(lua_State* state, const char* format, ...) {
  const int line = line_of_caller(state);
  if (line > 0) lua_pushfstring(state, "script:%d: ", line);
  va_list args;
  va_start(args, format);
  lua_pushvfstring(state, format, args);
  va_end(args);
  if (line > 0) lua_concat(state, 2);
  lua_error(state);
  TB_ASSERT(false && "lua_error returned");
  __builtin_unreachable();
}

void raise_fault(lua_State* state, Fault fault, const char* text) {
  set_fault(state, fault, text);
  leave(state);
}

void raise_aborted(lua_State* state) { leave(state); }

int Args::count() const { return lua_gettop(state); }

bool Args::absent(int index) const { return lua_isnoneornil(state, index); }

void Args::wrong(int index, const char* expected) const {
  const char* found =
      lua_isnone(state, index) ? "nothing" : lua_typename(state, lua_type(state, index));
  raise(state, "%s: argument %d: expected %s, found %s", name, index, expected, found);
}

std::int64_t Args::integer(int index) const {
  if (!lua_isinteger(state, index)) wrong(index, "an integer");
  return lua_tointeger(state, index);
}

std::int64_t Args::integer(int index, std::int64_t otherwise) const {
  return absent(index) ? otherwise : integer(index);
}

std::string_view Args::text(int index) const {
  if (lua_type(state, index) != LUA_TSTRING) wrong(index, "a string");
  std::size_t size = 0;
  const char* text = lua_tolstring(state, index, &size);
  return {text, size};
}

void Args::table(int index) const {
  if (lua_type(state, index) != LUA_TTABLE) wrong(index, "a table");
}

void Args::function(int index) const {
  if (lua_type(state, index) != LUA_TFUNCTION) wrong(index, "a function");
}

bool append_text(lua_State* state, int index, std::string& out) {
  switch (lua_type(state, index)) {
    case LUA_TNIL:
      out += "nil";
      return true;
    case LUA_TBOOLEAN:
      out += lua_toboolean(state, index) ? "true" : "false";
      return true;
    case LUA_TNUMBER:
      if (!lua_isinteger(state, index)) return false;
      out += std::to_string(lua_tointeger(state, index));
      return true;
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(state, index, &size);
      out.append(text, size);
      return true;
    }
    default:
      return false;
  }
}

void add_function(lua_State* state, const Function& function) {
  lua_pushlstring(state, function.name, std::strlen(function.name));
  lua_pushboolean(state, 1);
  lua_pushcclosure(state, function.run, 1);
  lua_rawset(state, -3);
}

void begin_module(lua_State* state, std::string_view name, std::size_t functions) {
  lua_pushlstring(state, name.data(), name.size());
  lua_createtable(state, 0, static_cast<int>(functions));
}

void end_module(lua_State* state) { lua_rawset(state, -3); }

}  // namespace blockd::lua
