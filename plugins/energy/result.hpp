// Result: what a rule of the market says to a command, and Refusal, why not. [machine]
//
// A refusal without a penalty rejects the command. One with a penalty charges it: everything the
// command did is taken back, then the penalty is written on the state as it was before, and stays.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "plugins/energy/errors.hpp"

namespace energy {

class Market;

using Detail = std::variant<std::uint64_t, std::string>;

struct Refusal {
  tb::Error error;
  std::string text;
  std::vector<std::pair<std::string_view, Detail>> data;  // members of the error object's data
  std::function<void(Market&)> penalty;
  std::string foreign_name;  // owns error.name where a service refused

  bool charges() const { return static_cast<bool>(penalty); }
  std::string_view name() const {
    return foreign_name.empty() ? error.name : std::string_view(foreign_name);
  }
  // The number among the data that is called `member`.
  std::optional<std::uint64_t> number(std::string_view member) const {
    for (const auto& [name, value] : data) {
      if (name == member && value.index() == 0) return std::get<std::uint64_t>(value);
    }
    return std::nullopt;
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : held_(std::move(value)) {}  // NOLINT(google-explicit-constructor): returned as itself
  Result(Refusal refusal) : held_(std::move(refusal)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  Refusal& refusal() { return std::get<1>(held_); }

 private:
  std::variant<T, Refusal> held_;
};

struct Done {};

inline Refusal refuse(tb::Error error, std::string text) {
  return {error, std::move(text), {}, {}, {}};
}
inline Refusal invalid(std::string text) { return refuse(kInvalidParams, std::move(text)); }

}  // namespace energy
