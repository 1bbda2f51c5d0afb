#include "kernel/config/toml_file.hpp"

#include <charconv>
#include <cstdlib>
#include <set>
#include <vector>

namespace blockd {
namespace {

using Path = std::vector<std::string>;

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string dotted(const Path& path) {
  std::string out;
  for (const std::string& part : path) out += (out.empty() ? "" : ".") + part;
  return out;
}

void put_utf8(std::string* out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t bits) { out->push_back(static_cast<char>(bits)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

class TomlParser {
 public:
  explicit TomlParser(std::string_view text) : text_(text) {}

  Result<TomlFile> run() {
    while (skip_lines()) {
      const Status status = peek() == '[' ? header() : assignment(&out_.root, table_);
      if (!status.ok()) return status;
      TB_TRY(end_of_line());
    }
    return std::move(out_);
  }

 private:
  Status fault(const std::string& what) const {
    return Status(Code::kInvalid, "line " + std::to_string(line_) + ": " + what);
  }
  bool done() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char take() {
    const char c = peek();
    if (c == '\n') ++line_;
    ++at_;
    return c;
  }
  bool starts(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') take();
  }
  void skip_comment() {
    if (peek() != '#') return;
    while (!done() && peek() != '\n') take();
  }
  // Over blanks, comments and ends of lines; false at the end of the text.
  bool skip_lines() {
    for (;;) {
      skip_blanks();
      skip_comment();
      if (peek() == '\r' && peek(1) == '\n') take();
      if (done() || peek() != '\n') return !done();
      take();
    }
  }
  Status end_of_line() {
    skip_blanks();
    skip_comment();
    if (peek() == '\r') take();
    if (!done() && peek() != '\n') return fault("something follows the value");
    return {};
  }

  Result<Path> key_path() {
    Path path;
    for (;;) {
      skip_blanks();
      std::string part;
      if (peek() == '"' || peek() == '\'') {
        Result<std::string> quoted = string();
        if (!quoted.ok()) return quoted.status();
        part = *std::move(quoted);
      } else {
        while (is_bare(peek())) part += take();
        if (part.empty()) return fault("a key is expected");
      }
      path.push_back(std::move(part));
      if (path.size() > kMaxTomlDepth) return fault("a key of more than 32 parts");
      skip_blanks();
      if (peek() != '.') return path;
      take();
    }
  }

  // The object at `path` below `from`; made where there is none. The last element of an array of
  // tables stands for the array.
  Result<json::object*> descend(json::object* from, const Path& path) {
    for (const std::string& part : path) {
      json::value& next = (*from)[part];
      if (next.is_null()) next = json::object();
      if (json::array* list = next.if_array(); list && !list->empty() && list->back().is_object()) {
        from = &list->back().get_object();
        continue;
      }
      if (!next.is_object()) return fault("'" + part + "' is a value, not a table");
      from = &next.get_object();
    }
    return from;
  }

  Status header() {
    take();
    const bool list = peek() == '[';
    if (list) take();
    Result<Path> path = key_path();
    if (!path.ok()) return path.status();
    if (!starts(list ? "]]" : "]")) return fault("the table's name does not end");
    at_ += list ? 2 : 1;
    table_ = *path;
    if (!list) {
      if (!tables_.insert(dotted(table_)).second)
        return fault("the table '" + dotted(table_) + "' is there twice");
      return descend(&out_.root, table_).status();
    }
    Path above = table_;
    above.pop_back();
    const Result<json::object*> parent = descend(&out_.root, above);
    if (!parent.ok()) return parent.status();
    json::value& value = (**parent)[table_.back()];
    if (value.is_null()) value = json::array();
    if (!value.is_array()) return fault("'" + dotted(table_) + "' is no array of tables");
    value.get_array().push_back(json::object());
    return {};
  }

  // `key = value` below the table `base` of `root`.
  Status assignment(json::object* root, const Path& base) {
    const int line = line_;
    Result<Path> path = key_path();
    if (!path.ok()) return path.status();
    if (peek() != '=') return fault("'=' is expected behind '" + dotted(*path) + "'");
    take();
    skip_blanks();
    Result<json::value> value = any(0);
    if (!value.ok()) return value.status();
    Path whole = base;
    whole.insert(whole.end(), path->begin(), path->end());
    const std::string last = whole.back();
    const std::string name = dotted(whole);
    whole.pop_back();
    const Result<json::object*> table = descend(root, whole);
    if (!table.ok()) return table.status();
    if ((*table)->contains(last)) return fault("'" + name + "' is there twice");
    (**table)[last] = *std::move(value);
    if (root == &out_.root) out_.lines.emplace(name, line);
    return {};
  }

  Result<json::value> any(std::size_t depth) {
    if (depth > kMaxTomlDepth) return fault("more than 32 values inside each other");
    const char c = peek();
    if (c == '"' || c == '\'') {
      const Result<std::string> text = string();
      if (!text.ok()) return text.status();
      return json::value(json::string(*text));
    }
    if (c == '[') return array(depth);
    if (c == '{') return inline_table();
    return plain();
  }

  Result<json::value> array(std::size_t depth) {
    take();
    json::array out;
    for (;;) {
      if (!skip_lines()) return fault("the array does not end");
      if (peek() == ']') break;
      Result<json::value> item = any(depth + 1);
      if (!item.ok()) return item;
      out.push_back(*std::move(item));
      if (!skip_lines()) return fault("the array does not end");
      if (peek() == ']') break;
      if (take() != ',') return fault("',' or ']' is expected in the array");
    }
    take();
    return json::value(std::move(out));
  }

  Result<json::value> inline_table() {
    if (++inline_depth_ > kMaxTomlDepth) return fault("more than 32 tables inside each other");
    take();
    json::object out;
    skip_blanks();
    while (peek() != '}') {
      TB_TRY(assignment(&out, {}));
      skip_blanks();
      if (peek() == '}') break;
      if (take() != ',') return fault("',' or '}' is expected in the table");
      skip_blanks();
    }
    take();
    --inline_depth_;
    return json::value(std::move(out));
  }

  Result<std::string> string() {
    const char quote = take();
    const bool literal = quote == '\'';
    const std::string three(3, quote);
    const bool lines = peek() == quote && peek(1) == quote;
    if (lines) {
      at_ += 2;
      if (peek() == '\r' && peek(1) == '\n') take();
      if (peek() == '\n') take();
    }
    std::string out;
    for (;;) {
      if (done() || (!lines && peek() == '\n')) return fault("the text does not end");
      if (lines ? starts(three) : peek() == quote) break;
      if (!literal && peek() == '\\') {
        TB_TRY(escape(&out, lines));
      } else {
        out += take();
      }
    }
    at_ += lines ? 3 : 1;
    return out;
  }

  Status escape(std::string* out, bool lines) {
    take();
    const char c = take();
    constexpr std::string_view kNames = "btnfre\"\\", kBytes = "\b\t\n\f\r\x1b\"\\";
    if (const std::size_t at = kNames.find(c); at != std::string_view::npos && c != '\0') {
      *out += kBytes[at];
      return {};
    }
    if (lines && (c == '\n' || c == ' ' || c == '\r' || c == '\t')) {  // the line goes on below
      while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') take();
      return {};
    }
    const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    const std::string_view hex = text_.substr(std::min(at_, text_.size()), digits);
    std::uint32_t code = 0;
    const auto end = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    const bool scalar = code < 0xD800 || (code > 0xDFFF && code <= 0x10FFFF);
    if (digits == 0 || hex.size() != digits || end.ptr != hex.data() + digits || !scalar)
      return fault("an escape that TOML does not have");
    at_ += digits;
    put_utf8(out, code);
    return {};
  }

  // A number or a truth value.
  Result<json::value> plain() {
    std::string word;
    while (is_bare(peek()) || peek() == '+' || peek() == '.' || peek() == ':') word += take();
    if (word == "true" || word == "false") return json::value(word == "true");
    std::string digits;
    for (const char c : word) {
      if (c != '_') digits += c;
    }
    if (digits.starts_with('+')) digits.erase(0, 1);
    const std::string_view based = digits;
    const int base = based.starts_with("0x")   ? 16
                     : based.starts_with("0o") ? 8
                     : based.starts_with("0b") ? 2
                                               : 10;
    const char* begin = digits.data() + (base == 10 ? 0 : 2);
    const char* end = digits.data() + digits.size();
    std::int64_t number = 0;
    if (const auto read = std::from_chars(begin, end, number, base);
        read.ec == std::errc() && read.ptr == end && begin != end)
      return json::value(number);
    double fraction = 0;
    const auto read = std::from_chars(digits.data(), end, fraction);
    const bool finite = digits.find_first_not_of("0123456789+-.eE") == std::string::npos &&
                        digits.find_first_of(".eE") != std::string::npos;
    if (read.ec == std::errc() && read.ptr == end && finite) return json::value(fraction);
    return fault("'" + word + "' is no value: a text needs quotes");
  }

  std::string_view text_;
  std::size_t at_ = 0, inline_depth_ = 0;
  int line_ = 1;
  Path table_;
  std::set<std::string> tables_;
  TomlFile out_;
};

}  // namespace

Result<TomlFile> parse_toml(std::string_view text) {
  if (text.size() > kMaxTomlBytes) return Status(Code::kInvalid, "a file above 1 MiB");
  return TomlParser(text).run();
}

}  // namespace blockd
