#include "kernel/monitoring/expression.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernel/monitoring/promql.hpp"

namespace blockd {
namespace {

using ExprPtr = std::unique_ptr<Expr>;

constexpr std::array<std::string_view, 6> kAggregations = {"sum", "max",   "min",
                                                           "avg", "count", "stddev"};
constexpr std::array<std::string_view, 16> kSigns = {"=~", "!~", "==", "!=", ">=", "<=", "(", ")",
                                                     "{",  "}",  ",",  "=",  ">",  "<",  "[", "]"};
constexpr std::string_view kArithmetic = "+-*/%^";

enum class TokenKind : std::uint8_t { kNumber, kDuration, kText, kWord, kSign, kWindow, kEnd };
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  double number = 0;
  std::size_t at = 0;
};

bool is_aggregation(const std::string& word) {
  return std::find(kAggregations.begin(), kAggregations.end(), word) != kAggregations.end();
}

// How strongly an operator binds; 0 for what is none.
int strength_of(const Token& token) {
  const std::string& t = token.text;
  if (token.kind == TokenKind::kWord) return t == "or" ? 1 : t == "and" || t == "unless" ? 2 : 0;
  if (token.kind != TokenKind::kSign) return 0;
  if (t == "==" || t == "!=" || t == ">" || t == "<" || t == ">=" || t == "<=") return 3;
  if (t == "+" || t == "-") return 4;
  if (t == "*" || t == "/" || t == "%") return 5;
  return t == "^" ? 6 : 0;
}
constexpr int kPowerStrength = 6;

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> out;
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
      Result<Token> token = next();
      if (!token.ok()) return token.status();
      token->at = began_;
      out.push_back(*std::move(token));
      if (out.back().kind == TokenKind::kEnd) return out;
    }
  }

 private:
  Status wrong(const std::string& what) const {
    return Status(Code::kInvalid, "'" + std::string(text_) + "', character " +
                                      std::to_string(began_) + ": " + what);
  }

  Result<Token> next() {
    began_ = at_;
    if (at_ == text_.size()) return Token{};
    const char c = text_[at_];
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '[') return window();
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.') return number();
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':') return word();
    for (const std::string_view sign : kSigns) {
      if (text_.substr(at_).starts_with(sign)) return sign_of(std::string(sign));
    }
    if (kArithmetic.find(c) != std::string_view::npos) return sign_of(std::string(1, c));
    return wrong("not understood");
  }

  Token sign_of(std::string sign) {
    at_ += sign.size();
    return {TokenKind::kSign, std::move(sign), 0, 0};
  }

  Result<Token> quoted(char quote) {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        out.push_back(text_[at_] == 'n' ? '\n' : text_[at_] == 't' ? '\t' : text_[at_]);
      } else {
        out.push_back(text_[at_]);
      }
    }
    if (at_ == text_.size()) return wrong("the text does not end");
    ++at_;
    return Token{TokenKind::kText, std::move(out), 0, 0};
  }

  Result<Token> window() {
    const std::size_t end = text_.find(']', at_);
    if (end == std::string_view::npos) return wrong("'[' is not closed");
    Token out{TokenKind::kWindow, std::string(text_.substr(at_ + 1, end - at_ - 1)), 0, 0};
    at_ = end + 1;
    return out;
  }

  // 1, 1.5, 1e3, or a duration such as 1h30m.
  Result<Token> number() {
    std::size_t end = at_;
    while (end < text_.size() && std::isalnum(static_cast<unsigned char>(text_[end])) != 0) ++end;
    const std::string whole(text_.substr(at_, end - at_));
    if (promql_seconds(whole)) {
      at_ = end;
      return Token{TokenKind::kDuration, whole, 0, 0};
    }
    const std::string rest(text_.substr(at_));
    char* stop = nullptr;
    const double value = std::strtod(rest.c_str(), &stop);
    const auto taken = static_cast<std::size_t>(stop - rest.c_str());
    const char behind = taken < rest.size() ? rest[taken] : ' ';
    if (taken == 0 || std::isalnum(static_cast<unsigned char>(behind)) != 0)
      return wrong("neither a number nor a duration");
    at_ += taken;
    return Token{TokenKind::kNumber, rest.substr(0, taken), value, 0};
  }

  Token word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '_' || text_[at_] == ':'))
      ++at_;
    Token out{TokenKind::kWord, std::string(text_.substr(begin, at_ - begin)), 0, 0};
    if (out.text == "Inf" || out.text == "inf" || out.text == "NaN") {
      out.kind = TokenKind::kNumber;
      out.number = out.text == "NaN" ? std::nan("") : std::numeric_limits<double>::infinity();
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0, began_ = 0;
};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Result<ExprPtr> run() {
    Result<ExprPtr> out = binary(1);
    if (!out.ok()) return out;
    if (now().kind != TokenKind::kEnd) return wrong("'" + now().text + "' is not expected here");
    return out;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  bool is(std::string_view text) const {
    return (now().kind == TokenKind::kSign || now().kind == TokenKind::kWord) && now().text == text;
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }
  Status wrong(const std::string& what) const {
    return Status(Code::kInvalid, "'" + std::string(text_) + "', character " +
                                      std::to_string(now().at) + ": " + what);
  }
  Status need(std::string_view sign) {
    if (take(sign)) return {};
    return wrong("'" + std::string(sign) + "' is expected");
  }
  static ExprPtr made(ExprKind kind, std::string name = {}) {
    auto out = std::make_unique<Expr>();
    out->kind = kind;
    out->name = std::move(name);
    return out;
  }

  Result<std::vector<std::string>> label_list() {
    TB_TRY(need("("));
    std::vector<std::string> out;
    while (!take(")")) {
      if (now().kind != TokenKind::kWord) return wrong("the name of a label is expected");
      out.push_back(tokens_[at_++].text);
      if (!is(")")) TB_TRY(need(","));
    }
    return out;
  }

  // "by (a, b)", "on (a)", …: `keeps` is the word that keeps, `drops` the one that drops.
  Result<bool> grouping(std::string_view keeps, std::string_view drops, Expr* out) {
    if (!is(keeps) && !is(drops)) return false;
    out->keeps = is(keeps);
    ++at_;
    Result<std::vector<std::string>> labels = label_list();
    if (!labels.ok()) return labels.status();
    out->labels = *std::move(labels);
    return true;
  }

  Result<ExprPtr> binary(int least) {
    if (++depth_ > kMaxExpressionDepth) return wrong("nested too deeply");
    Result<ExprPtr> left = unary();
    for (int strength = 0; left.ok() && (strength = strength_of(now())) >= least && strength > 0;) {
      ExprPtr node = made(ExprKind::kBinary, tokens_[at_++].text);
      node->is_bool = take("bool");
      Result<bool> matching = grouping("on", "ignoring", node.get());
      if (!matching.ok()) return matching.status();
      node->is_matching = *matching;
      if (is("group_left") || is("group_right"))
        return wrong("'" + now().text + "' is not computed here");
      Result<ExprPtr> right = binary(strength == kPowerStrength ? strength : strength + 1);
      if (!right.ok()) return right;
      node->parts.push_back(*std::move(left));
      node->parts.push_back(*std::move(right));
      left = std::move(node);
    }
    --depth_;
    return left;
  }

  Result<ExprPtr> unary() {
    if (take("-")) {
      Result<ExprPtr> of = binary(kPowerStrength);
      if (!of.ok()) return of;
      ExprPtr node = made(ExprKind::kBinary, "*");
      ExprPtr minus = made(ExprKind::kNumber);
      minus->number = -1;
      node->parts.push_back(std::move(minus));
      node->parts.push_back(*std::move(of));
      return node;
    }
    take("+");
    Result<ExprPtr> out = primary();
    return out.ok() ? postfix(*std::move(out)) : std::move(out);
  }

  Result<std::int64_t> milliseconds(const std::string& text) const {
    const auto seconds = promql_seconds(text);
    if (!seconds) return wrong("'" + text + "' is no duration in seconds, such as 90s or 1h30m");
    return static_cast<std::int64_t>(*seconds) * 1000;
  }

  Result<ExprPtr> postfix(ExprPtr node) {
    for (;;) {
      if (now().kind == TokenKind::kWindow) {
        Result<ExprPtr> over = window(std::move(node));
        if (!over.ok()) return over;
        node = *std::move(over);
      } else if (take("offset")) {
        if (now().kind != TokenKind::kDuration) return wrong("a duration is expected");
        Result<std::int64_t> by = milliseconds(tokens_[at_++].text);
        if (!by.ok()) return by.status();
        ExprPtr moved = made(ExprKind::kOffset);
        moved->offset_ms = *by;
        moved->parts.push_back(std::move(node));
        node = std::move(moved);
      } else {
        return node;
      }
    }
  }

  Result<ExprPtr> window(ExprPtr of) {
    const std::string text = tokens_[at_].text;
    const std::size_t colon = text.find(':');
    const bool sub = colon != std::string::npos;
    if (!sub && of->kind != ExprKind::kSelect)
      return wrong("a window over an expression is written [5m:]");
    Result<std::int64_t> range = milliseconds(text.substr(0, colon));
    if (!range.ok()) return range.status();
    ExprPtr out = made(sub ? ExprKind::kSubquery : ExprKind::kRange);
    out->range_ms = *range;
    if (sub && colon + 1 < text.size()) {
      Result<std::int64_t> step = milliseconds(text.substr(colon + 1));
      if (!step.ok()) return step.status();
      out->step_ms = *step;
    }
    out->parts.push_back(std::move(of));
    ++at_;
    return out;
  }

  Result<ExprPtr> primary() {
    const Token token = now();
    if (token.kind == TokenKind::kEnd) return wrong("the expression ends too early");
    ++at_;
    if (token.kind == TokenKind::kNumber) {
      ExprPtr out = made(ExprKind::kNumber);
      out->number = token.number;
      return out;
    }
    if (token.kind == TokenKind::kText) return made(ExprKind::kString, token.text);
    if (token.text == "(") {
      Result<ExprPtr> inner = binary(1);
      if (inner.ok()) TB_TRY(need(")"));
      return inner;
    }
    if (token.text == "{") {
      --at_;
      return selector("");
    }
    if (token.kind == TokenKind::kWord) {
      if (is_aggregation(token.text) && (is("(") || is("by") || is("without")))
        return aggregate(token.text);
      return is("(") ? call(token.text) : selector(token.text);
    }
    --at_;
    return wrong("'" + token.text + "' is not expected here");
  }

  Result<ExprPtr> aggregate(const std::string& name) {
    ExprPtr node = made(ExprKind::kAggregate, name);
    node->keeps = true;  // sum(x) keeps no label
    Result<bool> before = grouping("by", "without", node.get());
    if (!before.ok()) return before.status();
    TB_TRY(need("("));
    Result<ExprPtr> of = binary(1);
    if (!of.ok()) return of;
    TB_TRY(need(")"));
    if (!*before) {
      Result<bool> behind = grouping("by", "without", node.get());
      if (!behind.ok()) return behind.status();
    }
    node->parts.push_back(*std::move(of));
    return node;
  }

  Result<ExprPtr> call(const std::string& name) {
    ExprPtr node = made(ExprKind::kCall, name);
    TB_TRY(need("("));
    while (!take(")")) {
      Result<ExprPtr> argument = binary(1);
      if (!argument.ok()) return argument;
      node->parts.push_back(*std::move(argument));
      if (!is(")")) TB_TRY(need(","));
    }
    return node;
  }

  Result<ExprPtr> selector(const std::string& name) {
    ExprPtr node = made(ExprKind::kSelect, name);
    if (!take("{")) return node;
    while (!take("}")) {
      if (now().kind != TokenKind::kWord) return wrong("the name of a label is expected");
      LabelMatcher matcher;
      matcher.label = tokens_[at_++].text;
      const std::string op = now().text;
      if (op != "=" && op != "!=" && op != "=~" && op != "!~")
        return wrong("one of = != =~ !~ is expected");
      ++at_;
      if (now().kind != TokenKind::kText) return wrong("a text is expected");
      matcher.value = now().text;
      matcher.negative = op.front() == '!';
      if (op.back() == '~') {
        try {
          matcher.pattern.emplace(matcher.value, std::regex::ECMAScript | std::regex::optimize);
        } catch (const std::regex_error&) {
          return wrong("'" + matcher.value + "' is no regular expression");
        }
      }
      ++at_;
      node->matchers.push_back(std::move(matcher));
      if (!is("}")) TB_TRY(need(","));
    }
    return node;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0, depth_ = 0;
};

}  // namespace

bool LabelMatcher::matches(const std::string& text) const {
  const bool same = pattern ? std::regex_match(text, *pattern) : text == value;
  return same != negative;
}

Result<std::unique_ptr<Expr>> parse_expression(std::string_view text) {
  if (text.size() > kMaxExpressionBytes)
    return Status(Code::kInvalid, "an expression of more than 8192 bytes");
  Result<std::vector<Token>> tokens = Lexer(text).run();
  if (!tokens.ok()) return tokens.status();
  return Parser(text, *std::move(tokens)).run();
}

}  // namespace blockd
