#include "kernel/lua/number_gate.hpp"

#include <cstddef>
#include <cstring>

#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

thread_local bool numerals_allowed = false;

// Lua's TValue, as far as we look: eight bytes of value, then the type.
constexpr std::size_t kTypeOfValue = 8;
constexpr unsigned char kIntegerType = LUA_TNUMBER;  // variant 0; the float is variant 1

}  // namespace

NumeralsAllowed::NumeralsAllowed() { numerals_allowed = true; }
NumeralsAllowed::~NumeralsAllowed() { numerals_allowed = false; }

}  // namespace blockd::lua

// Returns the bytes that were read with the closing zero, or 0: no number.
extern "C" std::size_t __real_luaO_str2num(const char* text, void* value);
extern "C" std::size_t __wrap_luaO_str2num(const char* text, void* value);
extern "C" std::size_t __wrap_luaO_str2num(const char* text, void* value) {
  if (!blockd::lua::numerals_allowed) return 0;
  const std::size_t size = __real_luaO_str2num(text, value);
  unsigned char type = 0;
  std::memcpy(&type, static_cast<const char*>(value) + blockd::lua::kTypeOfValue, 1);
  return size > 0 && type == blockd::lua::kIntegerType ? size : 0;
}
