// Schema: described structs -> the fields of the manifest. Internal to the SDK, used while a
// library loads.
#pragma once

#include "tb/detail/check.hpp"
#include "tb/detail/json.hpp"

namespace tb::detail {

template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (Unsigned<T>) {
    return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : "u64";
  } else if constexpr (Signed<T>) {
    return "i64";
  } else if constexpr (std::is_same_v<T, U128>) {
    return "u128";
  } else if constexpr (Text<T>) {
    return "string";
  } else if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>) {
    return "bytes";
  } else if constexpr (std::is_same_v<T, Hash>) {
    return "hash";
  } else if constexpr (std::is_same_v<T, Address>) {
    return "address";
  } else if constexpr (std::is_same_v<T, Value>) {
    return "any";
  } else if constexpr (IsVector<T>::value) {
    return "list";
  } else {
    static_assert(Described<T>, "a type that tb/values.hpp does not list");
    return "record";
  }
}

template <class T>
Json fields_of();

// Adds the type of T (and what is inside) to a field.
template <class T>
void describe_type(Json& field) {
  if constexpr (IsOptional<T>::value) {
    describe_type<typename T::value_type>(field);
    field.set("optional", true);
  } else {
    field.set("type", type_name<T>());
    if constexpr (IsVector<T>::value) {
      describe_type<typename T::value_type>(field.set("items", Json::object()));
    } else if constexpr (Described<T>) {
      field.set("fields", fields_of<T>());
    }
  }
}

template <class T>
Json fields_of() {
  Json fields = Json::array();
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
    using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
    Json& field = fields.push(Json::object());
    field.set("name", std::string_view(member.name));
    describe_type<Member>(field);
  });
  return fields;
}

// The values that a fresh T gives its members, for those that have a JSON form: {"queue": false}.
template <class T>
Json initials_of() {
  Json initials = Json::object();
  const T fresh{};
  for_each_member(fresh, [&](std::string_view name, const auto& member) {
    using Member = std::remove_cvref_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, bool> || Unsigned<Member> || Signed<Member> ||
                  std::is_same_v<Member, U128> || Text<Member>) {
      initials.set(name, member);
    }
  });
  return initials;
}

}  // namespace tb::detail
