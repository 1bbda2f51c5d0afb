#include "kernel/manifest/object_reader.hpp"

#include <algorithm>

namespace blockd {

void Problems::add(const std::string& place, const std::string& what, std::string hint) {
  if (any()) return;
  first_ = Status(Code::kInvalid, place.empty() ? what : place + ": " + what, std::move(hint));
}

namespace {
const json::object kNothing;
}

ObjectReader::ObjectReader(Problems& problems, const json::value& value, std::string place)
    : problems_(problems), object_(value.if_object()), place_(std::move(place)) {
  if (object_ != nullptr) return;
  problem("expected an object");
  object_ = &kNothing;
}

const json::value* ObjectReader::take(std::string_view name, bool required) {
  asked_.emplace_back(name);
  const json::value* value = object_->if_contains(name);
  if (value == nullptr && required) problem("'" + std::string(name) + "' is missing");
  return value;
}

void ObjectReader::expected(std::string_view name, const std::string& what) {
  problem(std::string(name) + ": expected " + what);
}

std::string ObjectReader::inner_place(std::string_view name) const {
  return place_.empty() ? std::string(name) : place_ + ": " + std::string(name);
}

// "methods[3] 'energy.settle'"; a field is named the way it is written in a path: "params.kwh".
std::string ObjectReader::entry_place(std::string_view list, std::size_t index,
                                      const json::value& entry) const {
  static constexpr std::string_view kLabels[] = {"name", "topic", "kind", "key", "path", "title"};
  static constexpr std::string_view kFieldLists[] = {"params", "result", "fields", "items"};
  const json::object* object = entry.if_object();
  for (std::string_view label : kLabels) {
    const json::value* value = object != nullptr ? object->if_contains(label) : nullptr;
    if (value == nullptr || !value->is_string()) continue;
    const std::string text(value->get_string().subview(0, kMaxName));
    const bool is_field =
        !place_.empty() && std::count(std::begin(kFieldLists), std::end(kFieldLists), list) > 0;
    if (is_field) return inner_place(list) + "." + text;
    return inner_place(list) + "[" + std::to_string(index) + "] '" + text + "'";
  }
  return inner_place(list) + "[" + std::to_string(index) + "]";
}

void ObjectReader::text(std::string_view name, std::string* out, bool required) {
  const json::value* value = take(name, required);
  if (value == nullptr) return;
  if (!value->is_string()) return expected(name, "a text");
  if (value->get_string().size() > kMaxText)
    return expected(name, "at most " + std::to_string(kMaxText) + " bytes");
  *out = std::string(value->get_string());
}

const json::array* ObjectReader::array_of(std::string_view name, std::size_t max) {
  const json::value* value = take(name, false);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) return expected(name, "a list"), nullptr;
  if (value->get_array().size() > max)
    return expected(name, "at most " + std::to_string(max) + " entries"), nullptr;
  return &value->get_array();
}

void ObjectReader::texts(std::string_view name, std::vector<std::string>* out) {
  const json::array* array = array_of(name, kMaxEntries);
  if (array == nullptr) return;
  for (const json::value& item : *array) {
    if (!item.is_string() || item.get_string().size() > kMaxText)
      return expected(name, "a list of texts");
    out->emplace_back(item.get_string());
  }
}

void ObjectReader::text_lists(std::string_view name, std::vector<std::vector<std::string>>* out) {
  const json::array* array = array_of(name, kMaxEntries);
  if (array == nullptr) return;
  for (const json::value& row : *array) {
    if (!row.is_array()) return expected(name, "a list of lists of texts");
    out->emplace_back();
    for (const json::value& item : row.get_array()) {
      if (!item.is_string()) return expected(name, "a list of lists of texts");
      out->back().emplace_back(item.get_string());
    }
  }
}

void ObjectReader::boolean(std::string_view name, bool* out) {
  const json::value* value = take(name, false);
  if (value == nullptr) return;
  if (!value->is_bool()) return expected(name, "true or false");
  *out = value->get_bool();
}

std::optional<U128> ObjectReader::unsigned_of(const json::value& value) {
  if (value.is_int64() && value.get_int64() >= 0)
    return static_cast<std::uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_string()) return parse_u128(value.get_string());
  return std::nullopt;
}

void ObjectReader::integer128(std::string_view name, std::optional<U128>* out) {
  const json::value* value = take(name, false);
  if (value == nullptr) return;
  *out = unsigned_of(*value);
  if (!*out) expected(name, "an integer that is not negative, as a number or a decimal string");
}

void ObjectReader::code(std::string_view name, std::int32_t* out) {
  const json::value* value = take(name, true);
  if (value == nullptr) return;
  const bool fits =
      value->is_int64() && value->get_int64() >= INT32_MIN && value->get_int64() <= INT32_MAX;
  if (!fits) return expected(name, "an integer of 32 bits");
  *out = static_cast<std::int32_t>(value->get_int64());
}

void ObjectReader::numbers(std::string_view name, std::vector<double>* out) {
  const json::array* array = array_of(name, 256);
  if (array == nullptr) return;
  for (const json::value& item : *array) {
    if (!item.is_number()) return expected(name, "a list of numbers");
    out->push_back(item.to_number<double>());
  }
}

void ObjectReader::pairs(std::string_view name,
                         std::vector<std::pair<std::string, std::string>>* out) {
  const json::value* value = take(name, false);
  if (value == nullptr) return;
  if (!value->is_object()) return expected(name, "an object of texts");
  for (const auto& member : value->get_object()) {
    if (!member.value().is_string()) return expected(name, "an object of texts");
    out->emplace_back(member.key(), member.value().get_string());
  }
}

void ObjectReader::couples(std::string_view name,
                           std::vector<std::pair<std::string, std::string>>* out) {
  const json::array* array = array_of(name, 64);
  if (array == nullptr) return;
  for (const json::value& item : *array) {
    const json::array* couple = item.if_array();
    const bool good = couple != nullptr && couple->size() == 2 && (*couple)[0].is_string() &&
                      (*couple)[1].is_string();
    if (!good) return expected(name, "a list of [text, text]");
    out->emplace_back((*couple)[0].get_string(), (*couple)[1].get_string());
  }
}

void ObjectReader::any(std::string_view name, std::optional<json::value>* out) {
  if (const json::value* value = take(name, false)) *out = *value;
}

void ObjectReader::word(std::string_view name, const std::vector<std::string_view>& words,
                        std::size_t* out, bool required) {
  const json::value* value = take(name, required);
  if (value == nullptr) return;
  const std::string_view found =
      value->is_string() ? std::string_view(value->get_string()) : std::string_view();
  const auto at = std::find(words.begin(), words.end(), found);
  if (value->is_string() && at != words.end()) {
    *out = static_cast<std::size_t>(at - words.begin());
    return;
  }
  std::string list;
  for (std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  expected(name, "one of " + list);
}

void ObjectReader::finish() {
  if (!strict_) return;
  for (const auto& member : *object_) {
    const std::string_view key = member.key();
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const auto nearest = nearest_name(key.substr(0, kMaxName), asked_);
    problem("unknown member '" + std::string(key.substr(0, kMaxName)) + "'",
            nearest ? "did you mean '" + *nearest + "'?" : "docs/manifest.md lists the members");
  }
}

}  // namespace blockd
