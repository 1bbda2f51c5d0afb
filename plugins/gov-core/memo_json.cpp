#include "plugins/gov-core/memo_json.hpp"

#include <string>

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/payload.hpp"
#include "plugins/gov-core/text.hpp"

namespace gov {
namespace {

// A reader of JSON that keeps nothing but the ids. Its depth is bounded by kMaxMemoDepth, so that
// recursion is too. Every method returns false where the text is not JSON.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<Ids> run() {
    skip_space();
    if (!object(1, true)) return std::nullopt;
    skip_space();
    if (!rest_.empty()) return std::nullopt;
    return std::move(ids_);
  }

 private:
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (peek() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_space() {
    const std::size_t at = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at);
  }
  bool word(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  bool object(std::size_t depth, bool top) {
    if (depth > kMaxMemoDepth || !take('{')) return false;
    skip_space();
    if (take('}')) return true;
    for (;;) {
      std::string name;
      skip_space();
      if (!string(&name)) return false;
      skip_space();
      if (!take(':')) return false;
      skip_space();
      if (!member(top && name == "depends_on", depth + 1)) return false;
      skip_space();
      if (take('}')) return true;
      if (!take(',')) return false;
    }
  }

  // The value of a member; the hint's array is collected.
  bool member(bool hint, std::size_t depth) {
    if (!hint) return value(depth, nullptr);
    ids_.clear();
    if (peek() != '[') return value(depth, nullptr);
    return array(depth, &ids_);
  }

  bool array(std::size_t depth, Ids* ids) {
    if (depth > kMaxMemoDepth || !take('[')) return false;
    skip_space();
    if (take(']')) return true;
    for (std::size_t items = 1;; ++items) {
      skip_space();
      if (!value(depth + 1, items <= kMaxDependencies ? ids : nullptr)) return false;
      skip_space();
      if (take(']')) return true;
      if (!take(',')) return false;
    }
  }

  bool value(std::size_t depth, Ids* ids) {
    switch (peek()) {
      case '{':
        return object(depth, false);
      case '[':
        return array(depth, nullptr);
      case '"': {
        std::string text;
        if (!string(&text)) return false;
        keep(digits_to_u64(trimmed(text)), ids);
        return true;
      }
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(ids);
    }
  }

  static void keep(std::optional<std::uint64_t> id, Ids* ids) {
    if (id && ids != nullptr) ids->push_back(*id);
  }

  bool digits() {
    std::size_t count = 0;
    while (peek() >= '0' && peek() <= '9') {
      rest_.remove_prefix(1);
      ++count;
    }
    return count > 0;
  }

  bool number(Ids* ids) {
    const std::string_view begin = rest_;
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    keep(digits_to_u64(begin.substr(0, begin.size() - rest_.size())), ids);
    return true;
  }

  bool string(std::string* out) {
    if (!take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        *out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string* out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (rest_.empty()) return false;
    rest_.remove_prefix(1);
    if (c == 'u') return unicode(out);
    const std::size_t at = kNames.find(c);
    if (at == std::string_view::npos) return false;
    *out += kValues[at];
    return true;
  }

  std::optional<unsigned> hex4() {
    if (rest_.size() < 4) return std::nullopt;
    unsigned code = 0;
    for (char c : rest_.substr(0, 4)) {
      const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      code = code * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
    }
    rest_.remove_prefix(4);
    return code;
  }

  // Halves of a pair stand together, or the text is no JSON. What lies beyond ASCII is no digit and
  // no letter of `depends_on`; one '?' stands for it.
  bool unicode(std::string* out) {
    const std::optional<unsigned> code = hex4();
    if (!code || (*code >= 0xdc00 && *code <= 0xdfff)) return false;
    if (*code >= 0xd800 && *code <= 0xdbff) {
      const std::optional<unsigned> low = word("\\u") ? hex4() : std::nullopt;
      if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
    }
    *out += *code < 0x80 ? static_cast<char>(*code) : '?';
    return true;
  }

  std::string_view rest_;
  Ids ids_;
};

}  // namespace

std::optional<std::vector<std::uint64_t>> json_depends_on(std::string_view text) {
  return Reader(text).run();
}

}  // namespace gov
