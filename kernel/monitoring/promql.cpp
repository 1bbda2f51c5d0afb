#include "kernel/monitoring/promql.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace blockd {
namespace {

constexpr std::array<std::string_view, 8> kWords = {"and",    "or",  "unless", "bool",
                                                    "offset", "inf", "nan",    "atan2"};
constexpr std::array<std::string_view, 6> kLabelLists = {"by",       "without",    "on",
                                                         "ignoring", "group_left", "group_right"};
constexpr std::string_view kOperators = "+-*/%^=!<>~,@:";

bool word_begins(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool word_goes_on(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<std::vector<SeriesUse>> run() {
    if (text_.size() > kMaxExpressionBytes)
      return Status(Code::kInvalid, "an expression of more than 8192 bytes");
    while (skip_blanks(), at_ < text_.size()) {
      if (Status status = token(); !status.ok()) return status;
    }
    if (!open_.empty()) return wrong("'(' is not closed");
    if (empty_) return Status(Code::kInvalid, "an empty expression");
    return std::move(uses_);
  }

 private:
  Status wrong(const std::string& what) const {
    return Status(Code::kInvalid,
                  "'" + std::string(text_) + "', character " + std::to_string(at_) + ": " + what);
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  Status token() {
    empty_ = false;
    const char c = text_[at_];
    if (c == '(') {
      open_.push_back(std::move(function_));
      function_.clear();
      ++at_;
      return {};
    }
    if (c == ')') {
      if (open_.empty()) return wrong("')' without '('");
      open_.pop_back();
      ++at_;
      return {};
    }
    if (c == '"' || c == '\'' || c == '`') return string();
    if (c == '{') return selector(nullptr);
    if (c == '[') return range(nullptr);
    if (word_begins(c) || c == ':') return word();
    if (is_digit(c) || c == '.') return number();
    if (kOperators.find(c) == std::string_view::npos) return wrong("not understood");
    ++at_;
    return {};
  }

  Status string() {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote)
      end += text_[end] == '\\' && quote != '`' ? 2 : 1;
    if (end >= text_.size()) return wrong("a string does not end");
    at_ = end + 1;
    return {};
  }

  Status number() {  // and durations: 5m, 1e9, 0x1f
    while (at_ < text_.size() && (word_goes_on(text_[at_]) || text_[at_] == '.')) ++at_;
    return {};
  }

  // "{…}" behind a name (`use`) or alone.
  Status selector(SeriesUse* use) {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '}') {
      const char c = text_[at_];
      if (c == '"' || c == '\'' || c == '`') {
        if (Status status = string(); !status.ok()) return status;
      } else {
        ++at_;
      }
    }
    if (at_ >= text_.size()) return wrong("'{' is not closed");
    if (use != nullptr) use->selector = text_.substr(begin + 1, at_ - begin - 1);
    ++at_;
    return {};
  }

  Status range(SeriesUse* use) {
    const std::size_t end = text_.find(']', at_);
    if (end == std::string_view::npos) return wrong("'[' is not closed");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (!promql_seconds(inside.substr(0, inside.find(':'))))
      return wrong("'[" + std::string(inside) + "]' is no range");
    if (use != nullptr) use->range = inside;
    at_ = end + 1;
    return {};
  }

  Status word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && word_goes_on(text_[at_])) ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    const std::size_t end = at_;
    skip_blanks();
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    const std::string small = lower(name);
    if (is_one_of(kLabelLists, small)) return next == '(' ? label_list() : Status();
    if (is_one_of(kWords, small)) return {};
    if (next == '(') {
      function_ = small;
      return {};
    }
    // `sum by (x) (y)`: the function comes before its labels.
    const std::string following = lower(text_.substr(at_, 8));
    if (following.starts_with("by") || following.starts_with("without")) {
      function_ = small;
      return {};
    }
    SeriesUse use{name, begin, end, {}, {}, open_.empty() ? std::string() : innermost()};
    if (next == '{') {
      if (Status status = selector(&use); !status.ok()) return status;
      skip_blanks();
    }
    if (at_ < text_.size() && text_[at_] == '[') {
      if (Status status = range(&use); !status.ok()) return status;
    }
    uses_.push_back(std::move(use));
    return {};
  }

  // Brackets that only group belong to the function around them.
  std::string innermost() const {
    for (auto at = open_.rbegin(); at != open_.rend(); ++at) {
      if (!at->empty()) return *at;
    }
    return {};
  }

  Status label_list() {
    const std::size_t end = text_.find(')', at_);
    if (end == std::string_view::npos) return wrong("a list of labels is not closed");
    at_ = end + 1;
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool empty_ = true;
  std::string function_;           // named last, and not opened yet
  std::vector<std::string> open_;  // functions of the brackets that are open
  std::vector<SeriesUse> uses_;
};

}  // namespace

Result<std::vector<SeriesUse>> series_of(std::string_view expr) { return Scanner(expr).run(); }

std::optional<std::uint64_t> promql_seconds(std::string_view text) {
  constexpr std::uint64_t kMaxSeconds = 1'000'000'000;
  std::uint64_t sum = 0;
  bool any = false;
  while (!text.empty()) {
    std::uint64_t n = 0;
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits]) && n < kMaxSeconds)
      n = n * 10 + static_cast<std::uint64_t>(text[digits++] - '0');
    if (digits == 0 || digits == text.size()) return std::nullopt;
    static constexpr std::pair<char, std::uint64_t> kUnits[] = {
        {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}, {'y', 31'536'000}};
    const auto unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                   [&](const auto& one) { return one.first == text[digits]; });
    if (unit == std::end(kUnits)) return std::nullopt;
    sum = std::min(sum + n * unit->second, kMaxSeconds);
    text.remove_prefix(digits + 1);
    any = true;
  }
  return any ? std::optional(sum) : std::nullopt;
}

}  // namespace blockd
