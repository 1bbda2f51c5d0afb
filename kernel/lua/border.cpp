#include "kernel/lua/border.hpp"

#include <algorithm>
#include <vector>

#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

// --- to the script -------------------------------------------------------------------------------

struct Limits {
  std::size_t entries = 0;
  int depth = 0;
};

void push_string(lua_State* state, std::string_view text) {
  if (text.size() > kMaxBorderString)
    raise(state, "what the script was given has a string of more than %d bytes",
          static_cast<int>(kMaxBorderString));
  if (text.find('\0') != std::string_view::npos) context_of(state).arena.note_zero_byte();
  lua_pushlstring(state, text.data(), text.size());
}

void push(lua_State* state, const json::value& value, Limits& limits);

void enter_table(lua_State* state, std::size_t entries, Limits& limits) {
  limits.entries += entries;
  ++limits.depth;
  if (limits.entries > kMaxBorderEntries || limits.depth > static_cast<int>(kMaxBorderDepth) ||
      !lua_checkstack(state, 8))
    raise(state, "what the script was given has more than %d entries or %d levels",
          static_cast<int>(kMaxBorderEntries), static_cast<int>(kMaxBorderDepth));
}

void push_object(lua_State* state, const json::object& object, Limits& limits) {
  enter_table(state, object.size(), limits);
  lua_createtable(state, 0, static_cast<int>(object.size()));
  for (const auto& member : object) {
    if (member.value().is_null()) continue;
    push_string(state, member.key());
    push(state, member.value(), limits);
    lua_rawset(state, -3);
  }
  --limits.depth;
}

void push_array(lua_State* state, const json::array& array, Limits& limits) {
  enter_table(state, array.size(), limits);
  lua_createtable(state, static_cast<int>(array.size()), 0);
  std::int64_t i = 0;
  for (const json::value& element : array) {
    push(state, element, limits);
    lua_rawseti(state, -2, ++i);
  }
  --limits.depth;
}

void push(lua_State* state, const json::value& value, Limits& limits) {
  switch (value.kind()) {
    case json::kind::null:
      return lua_pushnil(state);
    case json::kind::bool_:
      return lua_pushboolean(state, value.get_bool());
    case json::kind::int64:
      return lua_pushinteger(state, value.get_int64());
    case json::kind::uint64:
      if (value.get_uint64() <= static_cast<std::uint64_t>(INT64_MAX))
        return lua_pushinteger(state, static_cast<std::int64_t>(value.get_uint64()));
      raise_fault(state, Fault::kFloat, "what the script was given has a number beyond 64 bits");
    case json::kind::double_:
      raise_fault(state, Fault::kFloat,
                  "what the script was given has a number that is no 64-bit integer");
    case json::kind::string:
      return push_string(state, value.get_string());
    case json::kind::array:
      return push_array(state, value.get_array(), limits);
    case json::kind::object:
      return push_object(state, value.get_object(), limits);
  }
}

// --- from the script -----------------------------------------------------------------------------

class ValueReader {
 public:
  ValueReader(lua_State* state, std::string* why) : state_(state), why_(why) {}

  Fault read(int index, json::value* out) {
    switch (lua_type(state_, index)) {
      case LUA_TNIL:
        *out = nullptr;
        return Fault::kNone;
      case LUA_TBOOLEAN:
        *out = lua_toboolean(state_, index) != 0;
        return Fault::kNone;
      case LUA_TNUMBER:
        if (!lua_isinteger(state_, index)) return fail(Fault::kFloat, "a float");
        *out = std::int64_t{lua_tointeger(state_, index)};
        return Fault::kNone;
      case LUA_TSTRING:
        return read_string(index, out);
      case LUA_TTABLE:
        return read_table(lua_absindex(state_, index), out);
      default:
        return fail(Fault::kReturn,
                    std::string("a ") + lua_typename(state_, lua_type(state_, index)));
    }
  }

 private:
  Fault fail(Fault fault, const std::string& what) {
    *why_ = what + " cannot leave the script";
    return fault;
  }

  Fault read_string(int index, json::value* out) {
    std::size_t size = 0;
    const char* text = lua_tolstring(state_, index, &size);
    if (size > kMaxBorderString)
      return fail(Fault::kReturn,
                  "a string of more than " + std::to_string(kMaxBorderString) + " bytes");
    if (!is_text({text, size})) return fail(Fault::kReturn, "a string that is not UTF-8");
    *out = json::string_view(text, size);
    return Fault::kNone;
  }

  Fault read_table(int index, json::value* out) {
    if (++depth_ > static_cast<int>(kMaxBorderDepth) || !lua_checkstack(state_, 8))
      return fail(Fault::kReturn,
                  "tables in more than " + std::to_string(kMaxBorderDepth) + " levels");
    std::vector<std::pair<std::int64_t, json::value>> numbered;
    std::vector<std::pair<std::string, json::value>> named;
    for (lua_pushnil(state_); lua_next(state_, index); lua_pop(state_, 1)) {
      if (++entries_ > kMaxBorderEntries)
        return fail(Fault::kReturn,
                    "tables of more than " + std::to_string(kMaxBorderEntries) + " entries");
      json::value key, value;
      if (const Fault fault = read(-1, &value); fault != Fault::kNone) return fault;
      if (lua_isinteger(state_, -2)) {
        numbered.emplace_back(lua_tointeger(state_, -2), std::move(value));
      } else if (lua_type(state_, -2) == LUA_TSTRING) {
        if (const Fault fault = read_string(-2, &key); fault != Fault::kNone) return fault;
        named.emplace_back(std::string(key.get_string()), std::move(value));
      } else {
        return fail(Fault::kReturn, std::string("a table with a key that is a ") +
                                        lua_typename(state_, lua_type(state_, -2)));
      }
    }
    --depth_;
    if (numbered.empty()) return make_object(named, out);
    if (!named.empty())
      return fail(Fault::kReturn, "a table with both integers and strings as keys");
    return make_array(numbered, out);
  }

  Fault make_object(std::vector<std::pair<std::string, json::value>>& members, json::value* out) {
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    json::object& object = out->emplace_object();
    object.reserve(members.size());
    for (auto& [name, value] : members) object.emplace(name, std::move(value));
    return Fault::kNone;
  }

  Fault make_array(std::vector<std::pair<std::int64_t, json::value>>& elements, json::value* out) {
    std::sort(elements.begin(), elements.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    if (elements.front().first != 1 ||
        elements.back().first != static_cast<std::int64_t>(elements.size()))
      return fail(Fault::kReturn, "a list whose keys are not 1 to n");
    json::array& array = out->emplace_array();
    array.reserve(elements.size());
    for (auto& element : elements) array.push_back(std::move(element.second));
    return Fault::kNone;
  }

  lua_State* state_;
  std::string* why_;
  std::size_t entries_ = 0;
  int depth_ = 0;
};

// Length of the UTF-8 character at the front of `text`, which is not empty; 0 if there is none.
std::size_t character(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  const unsigned char second = at(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
    return 0;
  return size;
}

}  // namespace

void push_json(lua_State* state, const json::value& value) {
  Limits limits;
  push(state, value, limits);
}

void push_json(lua_State* state, const json::object& value) {
  Limits limits;
  push_object(state, value, limits);
}

void push_members(lua_State* state, std::span<const Script::Member> members) {
  Limits limits;
  enter_table(state, members.size(), limits);
  lua_createtable(state, 0, static_cast<int>(members.size()));
  for (const Script::Member& member : members) {
    push_string(state, member.name);
    if (const auto* number = std::get_if<std::int64_t>(&member.value))
      lua_pushinteger(state, *number);
    else if (const auto* flag = std::get_if<bool>(&member.value))
      lua_pushboolean(state, *flag);
    else
      push_string(state, std::get<std::string_view>(member.value));
    lua_rawset(state, -3);
  }
}

Fault read_json(lua_State* state, int index, json::value* out, std::string* why) {
  return ValueReader(state, why).read(index, out);
}

bool is_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character(text);
    const bool control = size == 1 && (text[0] < ' ' || text[0] == 0x7f);
    if (out.size() + std::max<std::size_t>(size, 1) > limit) break;
    if (size == 0 || control)
      out.push_back('?');
    else
      out.append(text.substr(0, size));
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace blockd::lua
