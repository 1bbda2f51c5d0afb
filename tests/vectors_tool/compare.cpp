#include "tests/vectors_tool/compare.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

namespace blockd {
namespace {

constexpr std::size_t kShownBytes = 200;
constexpr std::string_view kAnyOf = "result_any_of";

std::string shown(const json::value* value) {
  if (value == nullptr) return "(absent)";
  std::string text = json::serialize(*value);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

// The decimal form of an integer, or of a string that is one; nullopt otherwise.
std::optional<std::string> decimal(const json::value& value) {
  if (const auto* number = value.if_int64()) return std::to_string(*number);
  if (const auto* number = value.if_uint64()) return std::to_string(*number);
  if (const auto* text = value.if_string();
      text != nullptr && parse_u128({text->data(), text->size()})) {
    return std::string(text->data(), text->size());
  }
  return std::nullopt;
}

bool same_scalar(const json::value& a, const json::value& b) {
  if (a.is_number() != b.is_number()) {
    const auto left = decimal(a), right = decimal(b);
    return left && left == right;
  }
  return a == b;  // Boost.JSON compares i64 and u64 by value
}

class Comparison {
 public:
  explicit Comparison(std::size_t limit) : limit_(limit) {}

  void compare(const json::value& expected, const json::value* got, const std::string& path) {
    if (found_.size() >= limit_) return;
    if (got != nullptr && expected.is_object() && got->is_object()) {
      return compare_members(expected.get_object(), got->get_object(), path);
    }
    if (got != nullptr && expected.is_array() && got->is_array()) {
      return compare_elements(expected.get_array(), got->get_array(), path);
    }
    if (got != nullptr && same_scalar(expected, *got)) return;
    found_.push_back({path.empty() ? "(all)" : path, shown(&expected), shown(got)});
  }
  std::vector<Difference> take() { return std::move(found_); }

 private:
  void compare_members(const json::object& expected, const json::object& got,
                       const std::string& path) {
    for (const auto& member : expected) {
      if (path.empty() && member.key() == kAnyOf) {
        compare_any(member.value(), got.if_contains("result"));
        continue;
      }
      std::string inner = path.empty() ? "" : path + ".";
      inner.append(member.key().data(), member.key().size());
      compare(member.value(), got.if_contains(member.key()), inner);
    }
  }
  void compare_any(const json::value& allowed, const json::value* got) {
    const json::array* list = allowed.if_array();
    const bool found = list != nullptr && got != nullptr &&
                       std::any_of(list->begin(), list->end(), [&](const json::value& one) {
                         return compare_expected(one, *got, 1).empty();
                       });
    if (!found && found_.size() < limit_)
      found_.push_back({"result", "one of " + shown(&allowed), shown(got)});
  }
  void compare_elements(const json::array& expected, const json::array& got,
                        const std::string& path) {
    for (std::size_t i = 0; i < std::max(expected.size(), got.size()); ++i) {
      const std::string inner = path + "[" + std::to_string(i) + "]";
      if (i < expected.size()) {
        compare(expected[i], i < got.size() ? &got[i] : nullptr, inner);
      } else if (found_.size() < limit_) {
        found_.push_back({inner, "(absent)", shown(&got[i])});
      }
    }
  }

  std::size_t limit_;
  std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> compare_expected(const json::value& expected, const json::value& got,
                                         std::size_t limit) {
  Comparison comparison(limit);
  comparison.compare(expected, &got, {});
  return comparison.take();
}

}  // namespace blockd
