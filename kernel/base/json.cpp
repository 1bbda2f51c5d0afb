#include "kernel/base/json.hpp"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cstring>
#include <forward_list>
#include <limits>
#include <vector>

namespace blockd {
namespace {

constexpr std::size_t kUsualNames = 32;      // open at one time in a request
constexpr std::size_t kMaxNameLength = 128;  // longer words are compared by their beginning

std::string_view std_view(json::string_view s) { return {s.data(), s.size()}; }

// Receives what the parser meets and builds the value; besides, it keeps the names of the objects
// that are still open, to find a repeated one when the object ends.
class Builder {
 public:
  // Limits of the parser's handler concept: the input has one, and it is the caller's.
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  Builder(std::string_view text, json::storage_ptr storage)
      : text_(text), stack_({}, scratch_, sizeof scratch_) {
    stack_.reset(std::move(storage));
    names_.reserve(kUsualNames);
  }

  json::value release() { return stack_.release(); }
  const std::string& repeated() const { return repeated_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) { return stack_.push_array(n), true; }
  bool on_object_begin(json::error_code&) { return true; }

  bool on_object_end(std::size_t n, json::error_code& ec) {
    if (n > 1 && !names_differ(n)) {
      ec = json::error::syntax;
      return false;
    }
    names_.resize(names_.size() - n);
    stack_.push_object(n);
    return true;
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    partial_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    names_.push_back(name(part));
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return stack_.push_chars(part), true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    return stack_.push_string(part), true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t i, json::string_view digits, json::error_code&) {
    if (i == 0 && digits.starts_with('-')) {
      stack_.push_double(-0.0);
    } else {
      stack_.push_int64(i);
    }
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view, json::error_code&) {
    return stack_.push_uint64(u), true;
  }
  bool on_double(double d, json::string_view, json::error_code&) {
    return stack_.push_double(d), true;
  }
  bool on_bool(bool b, json::error_code&) { return stack_.push_bool(b), true; }
  bool on_null(json::error_code&) { return stack_.push_null(), true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  // A name without escapes stands in the input as it is and is borrowed from there; others are
  // copied.
  std::string_view name(json::string_view last_part) {
    const bool borrowed = partial_.empty() && last_part.data() >= text_.data() &&
                          last_part.data() + last_part.size() <= text_.data() + text_.size();
    if (borrowed) return std_view(last_part);
    partial_.append(last_part.data(), last_part.size());
    copies_.push_front(std::move(partial_));
    partial_.clear();
    return copies_.front();
  }

  // Looks at the last `n` names; may reorder them, they are dropped next.
  bool names_differ(std::size_t n) {
    constexpr std::size_t kFew = 16;
    auto first = names_.end() - static_cast<std::ptrdiff_t>(n);
    if (n > kFew) {
      std::sort(first, names_.end());
      auto twin = std::adjacent_find(first, names_.end());
      if (twin == names_.end()) return true;
      repeated_ = *twin;
      return false;
    }
    for (auto a = first; a != names_.end(); ++a) {
      for (auto b = first; b != a; ++b) {
        if (*a == *b) {
          repeated_ = *a;
          return false;
        }
      }
    }
    return true;
  }

  std::string_view text_;
  unsigned char scratch_[2048];
  json::value_stack stack_;
  std::vector<std::string_view> names_;
  std::forward_list<std::string> copies_;  // costs nothing while empty
  std::string partial_;
  std::string repeated_;
};

Status parse_failure(const json::error_code& ec, std::string_view text, std::size_t offset,
                     int max_depth, const std::string& repeated) {
  std::string where = "JSON at byte " + std::to_string(offset) + ": ";
  if (!repeated.empty())
    return Status(Code::kInvalid, where + "member \"" + repeated + "\" is repeated");
  if (ec == json::error::too_deep)
    return Status(Code::kInvalid,
                  where + "nested deeper than " + std::to_string(max_depth) + " levels");
  const bool foreign_byte =
      offset < text.size() && static_cast<unsigned char>(text[offset]) >= 0x80;
  if (ec == json::error::syntax && foreign_byte)
    return Status(Code::kInvalid, where + "invalid UTF-8");
  return Status(Code::kInvalid, where + ec.message());
}

// Order by UTF-16 code units without decoding. It differs from the order of the bytes in one case:
// the characters above U+FFFF (lead byte F0 and up) are surrogates there and come before
// U+E000..U+FFFF (EE, EF).
bool utf16_less(json::string_view a, json::string_view b) {
  std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  if (i == n) return a.size() < b.size();
  auto x = static_cast<unsigned char>(a[i]);
  auto y = static_cast<unsigned char>(b[i]);
  if (x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0)) return x >= 0xF0;
  return x < y;
}

template <class Integer>
void append_integer(std::string& out, Integer value) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

Status append_value(const json::value& value, std::string& out, int depth);

Status append_members(const json::key_value_pair* const* members, std::size_t n, std::string& out,
                      int depth) {
  out.push_back('{');
  for (std::size_t i = 0; i < n; ++i) {
    if (i != 0) out.push_back(',');
    append_json_string(out, std_view(members[i]->key()));
    out.push_back(':');
    TB_TRY(append_value(members[i]->value(), out, depth));
  }
  out.push_back('}');
  return {};
}

Status append_object(const json::object& object, std::string& out, int depth) {
  constexpr std::size_t kFew = 24;
  const json::key_value_pair* few[kFew];
  std::vector<const json::key_value_pair*> many;
  const json::key_value_pair** members = few;
  if (object.size() > kFew) {
    many.resize(object.size());
    members = many.data();
  }
  std::size_t n = 0;
  bool sorted = true;
  for (const json::key_value_pair& member : object) {
    if (n != 0 && sorted) sorted = utf16_less(members[n - 1]->key(), member.key());
    members[n++] = &member;
  }
  if (!sorted) {
    std::sort(members, members + n,
              [](const auto* a, const auto* b) { return utf16_less(a->key(), b->key()); });
  }
  return append_members(members, n, out, depth);
}

Status append_value(const json::value& value, std::string& out, int depth) {
  if (value.is_structured() && depth++ >= kMaxJsonDepth) {
    return Status(Code::kInvalid, "JSON is nested deeper than 64 levels");
  }
  switch (value.kind()) {
    case json::kind::null:
      out.append("null");
      return {};
    case json::kind::bool_:
      out.append(value.get_bool() ? "true" : "false");
      return {};
    case json::kind::string:
      append_json_string(out, std_view(value.get_string()));
      return {};
    case json::kind::object:
      return append_object(value.get_object(), out, depth);
    case json::kind::array: {
      out.push_back('[');
      bool first = true;
      for (const json::value& element : value.get_array()) {
        if (!std::exchange(first, false)) out.push_back(',');
        TB_TRY(append_value(element, out, depth));
      }
      out.push_back(']');
      return {};
    }
    case json::kind::int64: {
      constexpr auto kMax = static_cast<std::int64_t>(kMaxSafeInteger);
      std::int64_t i = value.get_int64();
      if (i < -kMax || i > kMax) break;
      append_integer(out, i);
      return {};
    }
    case json::kind::uint64:
      if (value.get_uint64() > kMaxSafeInteger) break;
      append_integer(out, value.get_uint64());
      return {};
    case json::kind::double_:
      break;
  }
  return Status(Code::kInvalid, "a number in JSON is not an integer of at most 2^53-1 in magnitude",
                "write larger integers as decimal strings, and no fraction, exponent or -0");
}

// 0: as it is; 'u': \u00xx; else the letter behind the backslash.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> out{};
  for (std::size_t c = 0; c < 32; ++c) out[c] = 'u';
  out['\b'] = 'b';
  out['\t'] = 't';
  out['\n'] = 'n';
  out['\f'] = 'f';
  out['\r'] = 'r';
  out['"'] = '"';
  out['\\'] = '\\';
  return out;
}
constexpr auto kEscapes = make_escapes();

template <class Integer>
std::optional<Integer> parse_digits(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  Integer value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, Integer{10}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<Integer>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

}  // namespace

Result<json::value> parse_json(std::string_view text, int max_depth, json::storage_ptr storage) {
  json::parse_options options;
  options.max_depth = static_cast<std::size_t>(max_depth);
  json::basic_parser<Builder> parser(options, text, std::move(storage));
  json::error_code ec;
  std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) return parse_failure(ec, text, used, max_depth, parser.handler().repeated());
  if (used < text.size()) return parse_failure(json::error::extra_data, text, used, max_depth, {});
  return parser.handler().release();
}

Status append_canonical(const json::value& value, std::string& out) {
  return append_value(value, out, 0);
}

Result<std::string> canonical_json(const json::value& value) {
  std::string out;
  TB_TRY(append_canonical(value, out));
  return out;
}

namespace {

// True if one of the eight bytes at `at` needs an escape: below a blank, a quote, a backslash.
bool eight_need_escape(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = kOnes * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  auto zero_bytes = [](std::uint64_t w) { return (w - kOnes) & ~w; };
  const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
  const std::uint64_t special = zero_bytes(word ^ kOnes * '"') | zero_bytes(word ^ kOnes * '\\');
  return ((below_blank | special) & kHighs) != 0;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t plain = 0;  // begin of the run that needs no escape
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (i + 8 < text.size() && !eight_need_escape(text.data() + i)) i += 8;
    auto c = static_cast<unsigned char>(text[i]);
    char escape = kEscapes[c];
    if (escape == 0) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out.push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      out.append("00").push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  out.append(text, plain, text.size() - plain);
  out.push_back('"');
}

void append_json_u64(std::string& out, std::uint64_t value) {
  const bool quoted = value > kMaxSafeInteger;
  if (quoted) out.push_back('"');
  append_integer(out, value);
  if (quoted) out.push_back('"');
}

void append_json_u128(std::string& out, U128 value) {
  if (value <= kMaxSafeInteger) return append_json_u64(out, static_cast<std::uint64_t>(value));
  out.append("\"").append(u128_to_string(value)).append("\"");
}

std::string u128_to_string(U128 value) {
  char digits[40];
  char* p = digits + sizeof digits;
  do {
    *--p = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  return std::string(p, digits + sizeof digits);
}

std::optional<std::uint64_t> parse_u64(std::string_view digits) {
  return parse_digits<std::uint64_t>(digits);
}

std::optional<U128> parse_u128(std::string_view digits) { return parse_digits<U128>(digits); }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kMaxNameLength);
  b = b.substr(0, kMaxNameLength);
  std::size_t row[kMaxNameLength + 1];
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace blockd
