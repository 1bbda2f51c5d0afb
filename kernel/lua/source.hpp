// What is read off a script's text before Lua sees it. [any]
//
// Floats are kept out at their three sources: literals, the operators `/` and `^`, and strings that
// Lua would take for numbers (number_gate.cpp). So no float can come to be.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blockd::lua {

struct Token {
  enum class Kind : unsigned char { kName, kNumber, kString, kSymbol };
  Kind kind;
  std::string_view text;  // as it stands, quotes included
  int line;
};
// Calls `take` for every token until it returns false. A string or comment that does not end, ends
// with the text: Lua's parser says what is wrong with it.
void scan(std::string_view source, const std::function<bool(const Token&)>& take);

struct SourceFacts {
  std::string float_text;  // "script:3: …" of the first float; empty if there is none
  bool zero_byte = false;  // a string may have one
};
SourceFacts look_at_source(std::string_view source);

// Names that a script has not, where the text uses one that it does not define: globals
// ("script:3: `os` does not exist in a script"), fields of the tables that it has (`math.random`),
// methods of strings; and what is written into a table that is for reading.
std::vector<std::string> absent_names(std::string_view source);

}  // namespace blockd::lua
