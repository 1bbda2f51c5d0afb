// Handles: how handlers name what the plugin declares. [any]
//
// The ABI names an event, metric, parameter, config key or service by its place in the manifest. A
// handle is that place as a constant, with the type that belongs to it:
//
//   inline constexpr tb::Event<Settled> kSettled{0};
//   inline constexpr tb::Event<Flagged> kFlagged{1};
//   inline constexpr tb::Param kMinStake{0};
//
// The declaration takes the handle and refuses one that stands at another place than it says, so a
// wrong number is found when the library loads, not when it runs. Counters, gauges and histograms
// share one row of places.
#pragma once

#include <cstdint>

namespace tb {

struct NoArgs;

template <class T>
struct Event {
  std::uint32_t index;
  using Type = T;
};
template <class T>
struct Record {
  std::uint32_t index;
  using Type = T;
};
template <class T>
struct Config {
  std::uint32_t index;
  using Type = T;
};
struct Param {
  std::uint32_t index;
};

// Metrics. The values of the ABI are integers; the manifest's `scale` divides them.
struct Counter {
  std::uint32_t index;
};
struct Gauge {
  std::uint32_t index;
};
struct Histogram {
  std::uint32_t index;
};

// A slot: a service that this plugin requires.
struct Service {
  std::uint32_t index;
};
// A function of a slot. `Args` and `Result` are described structs of the caller's own: only the
// members that it needs of the result, and all of the arguments in the order of the provider's
// manifest.
template <class Args, class Result = NoArgs>
struct Function {
  Service service;
  std::uint32_t index;
  using ArgsType = Args;
  using ResultType = Result;
};

}  // namespace tb
