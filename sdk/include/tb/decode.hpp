// decode: tb_value -> the C++ types of values.hpp. [any]
//
// Strict: a member of a struct that is not std::optional must be there and of its type, else
// decode() is false and `problem`, if given, names the member ("keys.public_key"). Members are
// looked up at their own place first and by name then; names that the struct does not have are
// ignored, so that a provider may add members to a result.
#pragma once

#include <limits>

#include "tb/detail/traits.hpp"

namespace tb {

template <class T>
bool decode(const tb_value& value, T& out, std::string* problem = nullptr);

namespace detail {

inline const tb_value* member_at(const tb_value* items, std::uint32_t count, std::uint32_t place,
                                 std::string_view name) {
  if (place < count && to_view(items[place].name) == name) return items + place;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (to_view(items[i].name) == name) return items + i;
  }
  return nullptr;
}

template <class T>
bool decode_member(const tb_value* value, std::string_view name, T& out, std::string* problem) {
  if (value == nullptr || value->type == TB_TYPE_NONE) {
    if constexpr (IsOptional<T>::value) {
      out.reset();
      return true;
    } else if constexpr (std::is_same_v<T, Value>) {
      out = Value(value);
      return true;
    }
  }
  if (value != nullptr && decode(*value, out, problem)) return true;
  if (problem != nullptr)
    *problem = problem->empty() ? std::string(name) : std::string(name) + "." + *problem;
  return false;
}

// The members of a described struct from a record that arrives as `count` values.
template <Described T>
bool decode_record(const tb_value* items, std::uint32_t count, T& out, std::string* problem) {
  bool good = true;
  std::uint32_t place = 0;
  for_each_member(out, [&](std::string_view name, auto& member) {
    if (good) good = decode_member(member_at(items, count, place, name), name, member, problem);
    ++place;
  });
  return good;
}

// The members of a described struct from params or arguments, which arrive in declared order.
template <Described T>
bool decode_params(const tb_value* items, std::uint32_t count, T& out, std::string* problem) {
  bool good = true;
  std::uint32_t place = 0;
  for_each_member(out, [&](std::string_view name, auto& member) {
    if (good) good = decode_member(place < count ? items + place : nullptr, name, member, problem);
    ++place;
  });
  return good;
}

template <Unsigned T>
bool decode_unsigned(const tb_value& value, T& out) {
  const bool number =
      value.type == TB_TYPE_U64 || (value.type == TB_TYPE_I64 && (value.num >> 63) == 0);
  if (!number || value.num > std::numeric_limits<T>::max()) return false;
  out = static_cast<T>(value.num);
  return true;
}

template <class T>
bool decode_list(const tb_value& value, std::vector<T>& out, std::string* problem) {
  if (value.type != TB_TYPE_LIST) return false;
  out.clear();
  out.reserve(value.count);
  for (std::uint32_t i = 0; i < value.count; ++i) {
    T element{};
    if (!decode(value.items[i], element, problem)) return false;
    out.push_back(std::move(element));
  }
  return true;
}

inline bool decode_hash(const tb_value& value, Hash& out) {
  if (value.type != TB_TYPE_BYTES || value.str.len != out.bytes.size()) return false;
  out = Hash::from(to_view(value.str));
  return true;
}

inline bool decode_u128(const tb_value& value, U128& out) {
  if (value.type != TB_TYPE_U128 && value.type != TB_TYPE_U64) return false;
  out = value.type == TB_TYPE_U64 ? U128(value.num) : (U128(value.num_hi) << 64) | value.num;
  return true;
}

inline bool decode_i64(const tb_value& value, std::int64_t& out) {
  if (value.type == TB_TYPE_U64 ? (value.num >> 63) != 0 : value.type != TB_TYPE_I64) return false;
  out = static_cast<std::int64_t>(value.num);
  return true;
}

}  // namespace detail

template <class T>
bool decode(const tb_value& value, T& out, std::string* problem) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    out = value.num != 0;
    return value.type == TB_TYPE_BOOL;
  } else if constexpr (Unsigned<T>) {
    return decode_unsigned(value, out);
  } else if constexpr (Signed<T>) {
    std::int64_t number = 0;
    const bool good = decode_i64(value, number);
    out = number;
    return good;
  } else if constexpr (std::is_same_v<T, U128>) {
    return decode_u128(value, out);
  } else if constexpr (Text<T>) {
    out = to_view(value.str);
    return value.type == TB_TYPE_STR;
  } else if constexpr (std::is_same_v<T, Address>) {
    out.text = to_view(value.str);
    return value.type == TB_TYPE_STR;
  } else if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>) {
    out.data = to_view(value.str);
    return value.type == TB_TYPE_BYTES;
  } else if constexpr (std::is_same_v<T, Hash>) {
    return decode_hash(value, out);
  } else if constexpr (std::is_same_v<T, Value>) {
    out = Value(&value);
    return true;
  } else if constexpr (IsOptional<T>::value) {
    out.reset();
    return value.type == TB_TYPE_NONE || decode(value, out.emplace(), problem);
  } else if constexpr (IsVector<T>::value) {
    return decode_list(value, out, problem);
  } else if constexpr (Described<T>) {
    return value.type == TB_TYPE_RECORD && decode_record(value.items, value.count, out, problem);
  } else {
    static_assert(kUnsupported<T>, "a type that tb/values.hpp does not list");
  }
}

}  // namespace tb
