#include <algorithm>
#include <set>

#include "kernel/lua/source.hpp"

namespace blockd::lua {
namespace {

struct Shelf {
  std::string_view library;
  std::vector<std::string_view> functions;
};

// What the tables of a script hold; the test `Names` asks the sandbox whether this is so.
const std::vector<Shelf>& shelves() {
  static const std::vector<Shelf> all = {
      {"string",
       {"byte", "char", "find", "format", "len", "lower", "rep", "reverse", "sub", "upper"}},
      {"table", {"concat", "insert", "remove", "sort", "unpack"}},
      {"math", {"abs", "max", "maxinteger", "min", "mininteger", "tointeger", "ult"}},
      {"fx", {"clamp", "isqrt", "muldiv"}},
      {"params", {"get", "spec"}},
      {"state", {"get"}},
      {"econ", {"get"}},
      {"treasury", {"balance"}},
      {"log", {"info"}}};
  return all;
}

// `metrics` is there in scripts of one node only; a voted one learns that at its first call.
constexpr std::string_view kGlobals[] = {"assert",   "error",    "ipairs", "metrics",
                                         "pairs",    "rawequal", "rawlen", "select",
                                         "tonumber", "tostring", "type",   "hook"};
constexpr std::string_view kKeywords[] = {"and",   "break", "do",       "else", "elseif", "end",
                                          "false", "for",   "function", "goto", "if",     "in",
                                          "local", "nil",   "not",      "or",   "repeat", "return",
                                          "then",  "true",  "until",    "while"};
// Methods that stock Lua's strings have, and a script's have not.
constexpr std::string_view kStringMethods[] = {"byte",    "char", "find",  "format", "gmatch",
                                               "gsub",    "len",  "lower", "match",  "rep",
                                               "reverse", "sub",  "upper"};

template <class List>
bool holds(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}
const Shelf* shelf_of(std::string_view name) {
  for (const Shelf& shelf : shelves()) {
    if (shelf.library == name) return &shelf;
  }
  return nullptr;
}

// The tokens of a text, and the names that it defines somewhere: whoever defines a name means it.
class Names {
 public:
  explicit Names(std::string_view source) {
    scan(source, [this](const Token& token) {
      tokens_.push_back(token);
      return true;
    });
    for (std::size_t i = 0; i < tokens_.size(); ++i) note_definitions(i);
  }

  std::vector<std::string> absent() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const std::string wrong = look_at(i);
      if (!wrong.empty()) out.push_back("script:" + std::to_string(tokens_[i].line) + ": " + wrong);
    }
    return out;
  }

 private:
  bool is_name(std::size_t i) const {
    return i < tokens_.size() && tokens_[i].kind == Token::Kind::kName &&
           !holds(kKeywords, tokens_[i].text);
  }
  std::string_view text(std::size_t i) const {
    return i < tokens_.size() ? tokens_[i].text : std::string_view();
  }
  std::string_view before(std::size_t i) const { return i == 0 ? "" : tokens_[i - 1].text; }

  // Names behind local, for and function, and those that something is assigned to.
  void note_definitions(std::size_t i) {
    if (text(i) == "local" || text(i) == "for") {
      for (++i; is_name(i) || text(i) == ","; ++i) defined_.insert(text(i));
    } else if (text(i) == "function") {
      for (++i; i < tokens_.size() && text(i) != "("; ++i) defined_.insert(text(i));
      for (; i < tokens_.size() && text(i) != ")"; ++i) defined_.insert(text(i));
    } else if (is_name(i) && (text(i + 1) == "=" || is_listed_target(i))) {
      defined_.insert(text(i));
    }
  }
  // The a of `a, b = 1, 2`.
  bool is_listed_target(std::size_t i) const {
    while (is_name(i) && text(i + 1) == ",") i += 2;
    return is_name(i) && text(i + 1) == "=";
  }

  std::string look_at(std::size_t i) const {
    if (!is_name(i)) return {};
    const std::string name(text(i));
    if (before(i) == ":") {
      const bool wrong =
          holds(kStringMethods, name) && !defined_.contains(name) && text(i + 1) == "(";
      return wrong ? "a string has no method `" + name + "` in a script: string." + name + "(s, …)"
                   : std::string();
    }
    if (before(i) == "." || before(i) == "::" || before(i) == "goto" || defined_.contains(name))
      return {};
    if (const Shelf* shelf = shelf_of(name)) return look_into(*shelf, i);
    return holds(kGlobals, name) ? std::string() : "`" + name + "` does not exist in a script";
  }
  std::string look_into(const Shelf& shelf, std::size_t i) const {
    if (text(i + 1) != "." || !is_name(i + 2)) return {};
    const std::string whole = std::string(shelf.library) + "." + std::string(text(i + 2));
    if (text(i + 3) == "=") {
      return "nothing is kept by writing to `" + whole +
             "`: on_epoch and on_block return what they keep, {state = {…}}";
    }
    return holds(shelf.functions, text(i + 2)) ? std::string()
                                               : "`" + whole + "` does not exist in a script";
  }

  std::vector<Token> tokens_;
  std::set<std::string_view> defined_;
};

}  // namespace

std::vector<std::string> absent_names(std::string_view source) { return Names(source).absent(); }

}  // namespace blockd::lua
