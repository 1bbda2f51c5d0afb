// Which C++ types the SDK carries and how it walks described structs. Internal to the SDK. [any]
#pragma once

#include <array>
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

// Places of the described members of T in the order of their names.
template <class T>
constexpr std::array<std::size_t, kMemberCount<T>> make_sorted_places() {
  std::array<std::string_view, kMemberCount<T>> names{};
  std::array<std::size_t, kMemberCount<T>> places{};
  std::size_t count = 0;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
    std::size_t at = count++;
    for (; at > 0 && std::string_view(member.name) < names[at - 1]; --at) {
      names[at] = names[at - 1];
      places[at] = places[at - 1];
    }
    names[at] = member.name;
    places[at] = count - 1;
  });
  return places;
}

template <class T>
inline constexpr auto kSortedPlaces = make_sorted_places<T>();

// Calls fn(name, member of `value`) for each described member, by name: canonical JSON that comes
// in its order needs no sorting.
template <class T, class Fn>
constexpr void for_each_member_sorted(T& value, Fn&& fn) {
  using Plain = std::remove_const_t<T>;
  boost::mp11::mp_for_each<boost::mp11::mp_iota_c<kMemberCount<Plain>>>([&](auto i) {
    using Member = boost::mp11::mp_at_c<MembersOf<Plain>, kSortedPlaces<Plain>[decltype(i)::value]>;
    fn(std::string_view(Member::name), value.*Member::pointer);
  });
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
