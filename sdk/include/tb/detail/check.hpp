// check: what the compiler says about the usual mistakes of an author, in sentences. Internal to
// the SDK. [any]
//
// Everything that takes a struct or a handler of the author's asks here first and goes no further
// when the answer is false, so that the sentence is the first thing in the compiler's output and
// nothing of the SDK's inside follows it. The lines "[with Struct = ...; Member = ...]" beside a
// sentence name the place.
#pragma once

#include "tb/detail/traits.hpp"
#include "tb/status.hpp"

namespace tb::detail {

template <class T>
concept Leaf = std::is_same_v<T, bool> || Unsigned<T> || Signed<T> || std::is_same_v<T, U128> ||
    Text<T> || std::is_same_v<T, Bytes> || std::is_same_v<T, Blob> || std::is_same_v<T, Hash> ||
    std::is_same_v<T, Address> || std::is_same_v<T, Value>;

template <class T>
concept Associative = requires {
  typename T::key_type;
};

// Stands for any member in `Struct{AnyMember{}, AnyMember{}}`; never defined.
struct AnyMember {
  template <class M>
  constexpr operator M() const noexcept;
};
template <class T, std::size_t... I>
constexpr bool made_of(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyMember{})...}; };
}
// True when T has more members than its description: one was added and not described. Can be told
// of plain structs only; others count as complete.
template <class T>
constexpr bool forgets_a_member() {
  if constexpr (std::is_aggregate_v<T> &&
                boost::mp11::mp_empty<
                    boost::describe::describe_bases<T, boost::describe::mod_any_access>>::value) {
    return made_of<T>(std::make_index_sequence<kMemberCount<T> + 1>{});
  } else {
    return false;
  }
}

template <class T>
constexpr bool is_usable();

// Whether the SDK carries T as a member, silently.
template <class T>
constexpr bool is_carried() {
  if constexpr (Leaf<T>) {
    return true;
  } else if constexpr (IsOptional<T>::value || IsVector<T>::value) {
    return is_carried<typename T::value_type>();
  } else {
    return is_usable<T>();
  }
}
// Whether T is a described struct that the SDK can carry, silently.
template <class T>
constexpr bool is_usable() {
  if constexpr (!Described<T>) {
    return false;
  } else if constexpr (forgets_a_member<T>()) {
    return false;
  } else {
    bool good = true;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      good = good && is_carried<Member>();
    });
    return good;
  }
}

template <class T>
constexpr bool checked();

// The same with a sentence.
template <class Struct, class Member>
constexpr bool checked_member() {
  if constexpr (is_carried<Member>()) {
    return true;
  } else if constexpr (IsOptional<Member>::value || IsVector<Member>::value) {
    return checked_member<Struct, typename Member::value_type>();
  } else if constexpr (std::is_floating_point_v<Member>) {
    static_assert(kUnsupported<Member>,
                  "a member is a float or a double. Nodes must agree to the last bit: hold an "
                  "integer of the smallest unit (cents, millionths) and say it with unit()");
    return false;
  } else if constexpr (std::is_enum_v<Member>) {
    static_assert(kUnsupported<Member>,
                  "a member is an enum, which has no form in rows and answers: hold its number as "
                  "std::uint8_t, or its name as a text with choices({...})");
    return false;
  } else if constexpr (std::is_integral_v<Member>) {
    static_assert(kUnsupported<Member>,
                  "a member is an integer of another width: use std::uint8_t to std::uint64_t, or "
                  "std::int64_t where it may be negative");
    return false;
  } else if constexpr (Associative<Member>) {
    static_assert(kUnsupported<Member>,
                  "a member is a map or a set: use a std::vector of a described struct, or give "
                  "each entry a row of its own below a common prefix");
    return false;
  } else if constexpr (std::is_pointer_v<Member> || std::is_array_v<Member>) {
    static_assert(kUnsupported<Member>,
                  "a member is a pointer or an array: a text is std::string (std::string_view "
                  "where it is borrowed), a list is std::vector, raw bytes are tb::Blob");
    return false;
  } else if constexpr (std::is_class_v<Member>) {
    return checked<Member>();
  } else {
    static_assert(kUnsupported<Member>,
                  "a member has a type that the SDK does not carry; tb/values.hpp lists them");
    return false;
  }
}

// True when T is a described struct that the SDK can carry; else a sentence says what is missing.
template <class T>
constexpr bool checked() {
  if constexpr (is_usable<T>()) {
    return true;
  } else if constexpr (!Described<T>) {
    static_assert(kUnsupported<T>,
                  "this struct is not described: put BOOST_DESCRIBE_STRUCT(Name, (), (member, "
                  "member)) right behind it, in its own namespace");
    return false;
  } else if constexpr (forgets_a_member<T>()) {
    static_assert(kUnsupported<T>,
                  "a member of this struct is missing in its BOOST_DESCRIBE_STRUCT: it would be "
                  "neither stored nor sent");
    return false;
  } else {
    bool good = true;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      good = checked_member<T, Member>() && good;
    });
    return good;
  }
}

// What is none of the handlers that a declaration takes. The overloads that take the right ones
// are more specialised, or are found by a conversion to `Taken`.
template <class Fn, class... Taken>
concept NoHandler = !(std::is_convertible_v<Fn, Taken> || ...);

}  // namespace tb::detail
