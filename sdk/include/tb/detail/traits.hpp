// Which C++ types the SDK carries and how it walks described structs. Internal to the SDK. [any]
#pragma once

#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <optional>
#include <type_traits>
#include <vector>

#include "tb/values.hpp"

namespace tb::detail {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsVector : std::false_type {};
template <class T, class A>
struct IsVector<std::vector<T, A>> : std::true_type {};

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
concept Unsigned = std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t> ||
    std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::uint64_t> ||
    std::is_same_v<T, unsigned long long>;
template <class T>
concept Signed = std::is_same_v<T, std::int64_t> || std::is_same_v<T, long long>;
template <class T>
concept Text = std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>;

template <class T>
using MembersOf = boost::describe::describe_members<T, boost::describe::mod_public>;

template <class T>
inline constexpr std::size_t kMemberCount = boost::mp11::mp_size<MembersOf<T>>::value;

// Calls fn(name, member of `value`) for each described member, in declared order.
template <class T, class Fn>
constexpr void for_each_member(T& value, Fn&& fn) {
  boost::mp11::mp_for_each<MembersOf<std::remove_const_t<T>>>(
      [&](auto member) { fn(std::string_view(member.name), value.*member.pointer); });
}

// True when a value of T points into memory that it does not own.
template <class T>
constexpr bool borrows() {
  if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, Bytes> ||
                std::is_same_v<T, Address> || std::is_same_v<T, Value>) {
    return true;
  } else if constexpr (IsOptional<T>::value || IsVector<T>::value) {
    return borrows<typename T::value_type>();
  } else if constexpr (Described<T>) {
    bool any = false;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      any = any || borrows<Member>();
    });
    return any;
  } else {
    return false;
  }
}

template <class T>
inline constexpr bool kUnsupported = false;

}  // namespace tb::detail
