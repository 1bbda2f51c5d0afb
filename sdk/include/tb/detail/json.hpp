// Json: a small ordered tree that prints itself; the SDK writes the manifest with it. Internal to
// the SDK, used while a library loads, never in a handler.
#pragma once

#include <charconv>
#include <concepts>
#include <list>
#include <string>
#include <string_view>

#include "tb/values.hpp"

namespace tb::detail {

class Json {
 public:
  Json() : kind_(Kind::kScalar), text_("null") {}
  static Json object() { return Json(Kind::kObject); }
  static Json array() { return Json(Kind::kArray); }

  template <class T>
  static Json of(const T& value);

  // Sets member `key` of an object and returns it; the place of an existing one is kept.
  Json& set(std::string_view key, Json value);
  template <class T>
  requires(!std::same_as<T, Json>) Json& set(std::string_view key, const T& value) {
    return set(key, of(value));
  }
  // Adds an element to an array. References stay valid.
  Json& push(Json value);
  template <class T>
  requires(!std::same_as<T, Json>) Json& push(const T& value) { return push(of(value)); }
  // The array or object at member `key`, made when absent.
  Json& array_at(std::string_view key) { return child(key, Kind::kArray); }
  Json& object_at(std::string_view key) { return child(key, Kind::kObject); }

  Json* find(std::string_view key);
  // The element of an array whose member "name" is `name`.
  Json* element_named(std::string_view name);
  std::size_t size() const { return members_.size(); }
  std::string text() const {
    std::string out;
    print(out);
    return out;
  }

  static std::string quoted(std::string_view text);

 private:
  enum class Kind { kScalar, kArray, kObject };
  struct Member;
  explicit Json(Kind kind) : kind_(kind) {}
  Json& child(std::string_view key, Kind kind) {
    Json* found = find(key);
    return found != nullptr ? *found : set(key, Json(kind));
  }
  void print(std::string& out) const;

  Kind kind_;
  std::string text_;  // of a scalar, as printed
  std::list<Member> members_;
};

struct Json::Member {
  std::string key;  // empty in an array
  Json value;
};

template <class T>
Json Json::of(const T& value) {
  Json json;
  if constexpr (std::same_as<T, bool>) {
    json.text_ = value ? "true" : "false";
  } else if constexpr (std::same_as<T, U128>) {
    if (value <= U128(UINT64_MAX)) return of(static_cast<std::uint64_t>(value));
    std::string digits;
    for (U128 rest = value; rest != 0; rest /= 10) {
      digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    }
    json.text_ = quoted(digits);
  } else if constexpr (std::integral<T> || std::floating_point<T>) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
    json.text_.assign(buffer, end.ptr);
  } else {
    json.text_ = quoted(std::string_view(value));
  }
  return json;
}

inline Json& Json::set(std::string_view key, Json value) {
  if (Json* found = find(key)) return *found = std::move(value);
  return members_.emplace_back(Member{std::string(key), std::move(value)}).value;
}

inline Json& Json::push(Json value) {
  return members_.emplace_back(Member{{}, std::move(value)}).value;
}

inline Json* Json::find(std::string_view key) {
  for (Member& member : members_) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

inline Json* Json::element_named(std::string_view name) {
  const std::string wanted = quoted(name);
  for (Member& member : members_) {
    const Json* found = member.value.find("name");
    if (found != nullptr && found->text_ == wanted) return &member.value;
  }
  return nullptr;
}

inline std::string Json::quoted(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out += '"';
}

inline void Json::print(std::string& out) const {
  if (kind_ == Kind::kScalar) {
    out += text_;
    return;
  }
  out += kind_ == Kind::kObject ? '{' : '[';
  bool first = true;
  for (const Member& member : members_) {
    if (!first) out += ',';
    first = false;
    if (kind_ == Kind::kObject) out += quoted(member.key) + ":";
    member.value.print(out);
  }
  out += kind_ == Kind::kObject ? '}' : ']';
}

}  // namespace tb::detail
