// math.* over integers, and fx.*: fixed-point helpers with 128 bits inside.
#include <algorithm>

#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

__extension__ typedef __int128 I128;

int push(lua_State* state, std::int64_t value) {
  lua_pushinteger(state, value);
  return 1;
}

// As everywhere in Lua, the absolute value of mininteger wraps to itself.
int abs(lua_State* state) {
  const std::int64_t value = Args{state, "math.abs"}.integer(1);
  const auto bits = static_cast<std::uint64_t>(value);
  return push(state, static_cast<std::int64_t>(value < 0 ? 0 - bits : bits));
}

int max(lua_State* state) {
  const Args args{state, "math.max"};
  std::int64_t best = args.integer(1);
  pay(state, static_cast<std::uint64_t>(args.count()));
  for (int i = 2; i <= args.count(); ++i) best = std::max(best, args.integer(i));
  return push(state, best);
}

int min(lua_State* state) {
  const Args args{state, "math.min"};
  std::int64_t best = args.integer(1);
  pay(state, static_cast<std::uint64_t>(args.count()));
  for (int i = 2; i <= args.count(); ++i) best = std::min(best, args.integer(i));
  return push(state, best);
}

int tointeger(lua_State* state) {
  const Args args{state, "math.tointeger"};
  if (args.count() == 0) args.wrong(1, "a value");
  lua_settop(state, 1);
  if (!lua_isinteger(state, 1)) lua_pushnil(state);
  return 1;
}

int ult(lua_State* state) {
  const Args args{state, "math.ult"};
  lua_pushboolean(state, static_cast<std::uint64_t>(args.integer(1)) <
                             static_cast<std::uint64_t>(args.integer(2)));
  return 1;
}

// fx.muldiv(a, b, c) = floor(a * b / c).
int muldiv(lua_State* state) {
  const Args args{state, "fx.muldiv"};
  const I128 product = static_cast<I128>(args.integer(1)) * args.integer(2);
  const std::int64_t divisor = args.integer(3);
  if (divisor <= 0) args.wrong(3, "an integer above 0");
  I128 quotient = product / divisor;
  if (product % divisor < 0) --quotient;
  if (quotient > INT64_MAX || quotient < INT64_MIN)
    raise(state, "fx.muldiv: the result is beyond 64 bits");
  return push(state, static_cast<std::int64_t>(quotient));
}

// fx.isqrt(a) = floor(square root of a), bit by bit.
int isqrt(lua_State* state) {
  const Args args{state, "fx.isqrt"};
  const std::int64_t value = args.integer(1);
  if (value < 0) args.wrong(1, "an integer of at least 0");
  auto rest = static_cast<std::uint64_t>(value);
  std::uint64_t root = 0;
  for (std::uint64_t bit = 1ull << 62; bit != 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return push(state, static_cast<std::int64_t>(root));
}

int clamp(lua_State* state) {
  const Args args{state, "fx.clamp"};
  const std::int64_t value = args.integer(1), low = args.integer(2), high = args.integer(3);
  if (low > high) raise(state, "fx.clamp: the lower bound is above the upper");
  return push(state, std::clamp(value, low, high));
}

void set_integer(lua_State* state, std::string_view name, std::int64_t value) {
  lua_pushlstring(state, name.data(), name.size());
  lua_pushinteger(state, value);
  lua_rawset(state, -3);
}

}  // namespace

void open_math(lua_State* state) {
  begin_module(state, "math", 7);
  for (const Function& function : {Function{"abs", abs}, Function{"max", max}, Function{"min", min},
                                   Function{"tointeger", tointeger}, Function{"ult", ult}})
    add_function(state, function);
  set_integer(state, "maxinteger", INT64_MAX);
  set_integer(state, "mininteger", INT64_MIN);
  end_module(state);

  constexpr Function kFx[] = {{"muldiv", muldiv}, {"isqrt", isqrt}, {"clamp", clamp}};
  add_module(state, "fx", kFx);
}

}  // namespace blockd::lua
