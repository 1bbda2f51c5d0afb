// What greeter stores: one row a name.
//
//   "name/" + name        Greeting, how often the name was greeted
//   "total"               Greeting, the sum over all names
//
// Invariant: the total is the sum of the counts, and never above greeter_max_greetings when it was
// raised.
#pragma once

#include <tb/sdk.hpp>

namespace greeter {

struct Greeting {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t count = 0;
  std::uint64_t last_height = 0;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (count, last_height))

inline constexpr std::string_view kNamePrefix = "name/";
inline constexpr std::string_view kTotalKey = "total";

inline tb::Key name_key(std::string_view name) { return tb::Key(kNamePrefix).raw(name); }

}  // namespace greeter
