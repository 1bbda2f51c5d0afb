#include "kernel/lua/source.hpp"

#include <algorithm>

#include "kernel/base/json.hpp"

namespace blockd::lua {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_name(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

class Scanner {
 public:
  explicit Scanner(std::string_view source) : text_(source) {}

  std::optional<Token> next() {
    skip_blanks_and_comments();
    if (at_ >= text_.size()) return std::nullopt;
    const std::size_t begin = at_;
    const int line = line_;
    const Token::Kind kind = token();
    return Token{kind, text_.substr(begin, at_ - begin), line};
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }

  void skip_blanks_and_comments() {
    while (at_ < text_.size()) {
      if (one_of(peek(), " \t\r\n\v\f")) {
        step();
      } else if (peek() == '-' && peek(1) == '-') {
        at_ += 2;
        if (long_bracket()) continue;
        while (at_ < text_.size() && !one_of(peek(), "\r\n")) step();
      } else {
        return;
      }
    }
  }

  // [[…]], [=[…]=] and so on; false (and nothing taken) if none begins here.
  bool long_bracket() {
    if (peek() != '[') return false;
    std::size_t level = 0;
    while (peek(1 + level) == '=') ++level;
    if (peek(1 + level) != '[') return false;
    const std::string close = "]" + std::string(level, '=') + "]";
    const std::size_t end = std::min(text_.find(close, at_ + level + 2), text_.size());
    const std::size_t stop = std::min(end + close.size(), text_.size());
    while (at_ < stop) step();
    return true;
  }

  Token::Kind token() {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_name(c)) {
      while (is_name(peek())) ++at_;
      return Token::Kind::kName;
    }
    if (c == '"' || c == '\'') return quoted(c);
    if (long_bracket()) return Token::Kind::kString;
    step();
    for (const std::string_view two : {"//", "==", "~=", "<=", ">=", "::", "..", "<<", ">>"}) {
      if (c == two[0] && peek() == two[1]) {
        ++at_;
        break;
      }
    }
    return Token::Kind::kSymbol;
  }

  // As Lua's reader takes them, well formed or not.
  Token::Kind number() {
    std::string_view exponent = "eE";
    if (peek() == '0' && one_of(peek(1), "xX")) {
      at_ += 2;
      exponent = "pP";
    }
    while (at_ < text_.size()) {
      if (one_of(peek(), exponent)) {
        ++at_;
        if (peek() == '+' || peek() == '-') ++at_;
      } else if (is_hex(peek()) || peek() == '.') {
        ++at_;
      } else {
        break;
      }
    }
    return Token::Kind::kNumber;
  }

  Token::Kind quoted(char quote) {
    step();
    while (at_ < text_.size() && peek() != quote && peek() != '\n') {
      if (peek() == '\\') {
        const bool skips_blanks = peek(1) == 'z';
        step();
        if (at_ < text_.size()) step();
        while (skips_blanks && at_ < text_.size() && one_of(peek(), " \t\r\n\v\f")) step();
      } else {
        step();
      }
    }
    if (at_ < text_.size() && peek() == quote) step();
    return Token::Kind::kString;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

// What makes the numeral a float; empty for an integer, and for what Lua will call malformed.
std::string_view float_reason(std::string_view numeral) {
  const bool hex = numeral.size() > 1 && numeral[0] == '0' && one_of(numeral[1], "xX");
  if (std::count(numeral.begin(), numeral.end(), '.') > 1) return {};
  if (numeral.find_first_of(hex ? ".pP" : ".eE") != std::string_view::npos) return "is a float";
  if (hex || !std::all_of(numeral.begin(), numeral.end(), is_digit)) return {};
  const std::size_t zeros = std::min(numeral.find_first_not_of('0'), numeral.size() - 1);
  const auto value = parse_u64(numeral.substr(zeros));
  return value && *value <= INT64_MAX ? "" : "is beyond 64 bits";
}

// Whether a quoted string may have a zero byte: as it is, or by \0, \x00 or \u{0}.
bool has_zero(std::string_view literal) {
  if (literal.find('\0') != std::string_view::npos) return true;
  if (literal[0] == '[') return false;
  for (const std::string_view escape : {"\\0", "\\x0", "\\u{0"}) {
    if (literal.find(escape) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

void scan(std::string_view source, const std::function<bool(const Token&)>& take) {
  Scanner scanner(source);
  while (const std::optional<Token> token = scanner.next()) {
    if (!take(*token)) return;
  }
}

SourceFacts look_at_source(std::string_view source) {
  SourceFacts facts;
  const auto is_float = [&](const Token& token, const std::string& why) {
    facts.float_text = "script:" + std::to_string(token.line) + ": " + why;
    return false;
  };
  scan(source, [&](const Token& token) {
    switch (token.kind) {
      case Token::Kind::kNumber: {
        const std::string_view reason = float_reason(token.text);
        if (reason.empty()) return true;
        return is_float(token, std::string(token.text.substr(0, 64)) + " " + std::string(reason) +
                                   "; a script has 64-bit integers only");
      }
      case Token::Kind::kSymbol:
        if (token.text == "/") return is_float(token, "`/` gives a float; divide integers with //");
        if (token.text == "^") return is_float(token, "`^` gives a float; multiply instead");
        return true;
      case Token::Kind::kString:
        facts.zero_byte = facts.zero_byte || has_zero(token.text);
        return true;
      default:
        return true;
    }
  });
  return facts;
}

}  // namespace blockd::lua
