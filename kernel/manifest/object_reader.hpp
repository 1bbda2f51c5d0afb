// ObjectReader: reads the members of one JSON object into a struct and knows, at the end, which
// ones nobody asked for. The first thing that is wrong is kept with its place ("methods[3]
// 'energy.settle': params.kwh: ..."); what follows is read but no longer matters. Internal to
// kernel/manifest.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd {

// The first problem of a manifest.
class Problems {
 public:
  void add(const std::string& place, const std::string& what, std::string hint = {});
  bool any() const { return !first_.ok(); }
  const Status& first() const { return first_; }

 private:
  Status first_;
};

class ObjectReader {
 public:
  // Limits of every text and list of a manifest.
  static constexpr std::size_t kMaxName = 128, kMaxText = 16384, kMaxEntries = 4096;

  ObjectReader(Problems& problems, const json::value& value, std::string place);

  const std::string& place() const { return place_; }
  void problem(const std::string& what, std::string hint = {}) {
    problems_.add(place_, what, std::move(hint));
  }
  bool has(std::string_view name) const { return object_->contains(name); }

  void text(std::string_view name, std::string* out, bool required = false);
  void texts(std::string_view name, std::vector<std::string>* out);
  void text_lists(std::string_view name, std::vector<std::vector<std::string>>* out);
  void boolean(std::string_view name, bool* out);
  template <class T>
  void integer(std::string_view name, T* out, bool required = false) {
    const json::value* value = take(name, required);
    if (value == nullptr) return;
    std::optional<U128> n = unsigned_of(*value);
    if (!n || *n > static_cast<T>(~T{0}))
      return expected(name, "an integer up to " + u128_to_string(static_cast<T>(~T{0})));
    *out = static_cast<T>(*n);
  }
  void integer128(std::string_view name, std::optional<U128>* out);
  void code(std::string_view name, std::int32_t* out);
  void numbers(std::string_view name, std::vector<double>* out);
  // An object of texts: {"page_size": "--limit"}.
  void pairs(std::string_view name, std::vector<std::pair<std::string, std::string>>* out);
  // A list of two-element lists of texts.
  void couples(std::string_view name, std::vector<std::pair<std::string, std::string>>* out);
  void any(std::string_view name, std::optional<json::value>* out);
  // An index of `words`, spelled out.
  void word(std::string_view name, const std::vector<std::string_view>& words, std::size_t* out,
            bool required = false);
  template <class E>
  void word_as(std::string_view name, const std::vector<std::string_view>& words, E* out,
               bool required = false) {
    auto index = static_cast<std::size_t>(*out);
    word(name, words, &index, required);
    *out = static_cast<E>(index);
  }
  // A list of objects; each is read by `read` and checked for members that nobody asked for.
  template <class T, class Read>
  void list(std::string_view name, std::vector<T>* out, Read read, std::size_t max = kMaxEntries) {
    const json::array* array = array_of(name, max);
    if (array == nullptr) return;
    for (std::size_t i = 0; i < array->size() && !problems_.any(); ++i) {
      ObjectReader entry(problems_, (*array)[i], entry_place(name, i, (*array)[i]));
      T value{};
      read(entry, &value);
      entry.finish();
      out->push_back(std::move(value));
    }
  }
  // One object.
  template <class Read>
  bool object(std::string_view name, Read read) {
    const json::value* value = take(name, false);
    if (value == nullptr) return false;
    ObjectReader entry(problems_, *value, inner_place(name));
    read(entry);
    entry.finish();
    return true;
  }
  // Reports a member that was never asked for, with the nearest name that was.
  void finish();
  // Members that nobody asked for are fine: for documents of a newer node.
  void accept_rest() { strict_ = false; }

  static std::optional<U128> unsigned_of(const json::value& value);

 private:
  const json::value* take(std::string_view name, bool required);
  const json::array* array_of(std::string_view name, std::size_t max);
  void expected(std::string_view name, const std::string& what);
  std::string inner_place(std::string_view name) const;
  std::string entry_place(std::string_view list, std::size_t index, const json::value& entry) const;

  Problems& problems_;
  const json::object* object_;
  std::string place_;
  bool strict_ = true;
  std::vector<std::string> asked_;
};

// Reads a field in its manifest form; also used for the copies in an OpenRPC document.
void read_field(ObjectReader& in, Field* out, int depth = 0);
void read_cli(ObjectReader& in, CliSpec* out);
void read_error(ObjectReader& in, ErrorSpec* out);
// The way back: read_field of the answer gives the same field.
json::object field_to_json(const Field& field);

inline json::array texts_json(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

}  // namespace blockd
