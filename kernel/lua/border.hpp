// Values that cross between the host and a script: null, bool, integer, string, and tables of them.
// Strings are at most kMaxBorderString bytes, tables have at most kMaxBorderEntries entries in sum
// and kMaxBorderDepth levels.
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/json.hpp"
#include "kernel/lua/script.hpp"

struct lua_State;

namespace blockd::lua {

// Pushes a value. Raises (context.hpp): a fraction or a number beyond 64 bits, what breaks a limit.
// Inside a protected call only. Members that are null are left out.
void push_json(lua_State* state, const json::value& value);
void push_json(lua_State* state, const json::object& value);
void push_members(lua_State* state, std::span<const Script::Member> members);

// Reads the value at `index`. A table with keys 1 to n is an array, one with string keys an object,
// its members in the order of their bytes; an empty one is an empty object. Texts are UTF-8. On
// failure returns the fault, and why in `*why`; raises nothing.
Fault read_json(lua_State* state, int index, json::value* out, std::string* why);

// True if `text` is well-formed UTF-8.
bool is_text(std::string_view text);
// `text` with every byte that is no UTF-8, and every control character, as '?'; at most `limit`
// bytes, cut at a character.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace blockd::lua
