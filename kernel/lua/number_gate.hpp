// Lua turns strings into numbers in one function of its own; the linker puts ours in front of it
// (--wrap=luaO_str2num, CMakeLists.txt). It works only while a text is being parsed, and only for
// integers. Without it `for i = "1", 3` would count in floats.
#pragma once

namespace blockd::lua {

// Numerals of a text are read while one of these lives. Per thread, not nested.
class NumeralsAllowed {
 public:
  NumeralsAllowed();
  ~NumeralsAllowed();
  NumeralsAllowed(const NumeralsAllowed&) = delete;
  NumeralsAllowed& operator=(const NumeralsAllowed&) = delete;
};

}  // namespace blockd::lua
