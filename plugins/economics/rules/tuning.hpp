// Self-adjusting usage rates and the industrial multiplier (economics spec 6.10), and the inflation
// of a year. Pure. [any]
#pragma once

#include "plugins/economics/rules/params.hpp"

namespace economics {

// Classes of usage, in the order of their rates (kBetaStorage and on).
enum class UsageClass : std::uint8_t { kStorage, kRead, kCpu, kBytesOut };
inline constexpr std::size_t kUsageClasses = 4;
inline constexpr std::array<std::string_view, kUsageClasses> kUsageNames = {"storage", "read",
                                                                            "cpu", "bytes_out"};
constexpr ParamId rate_of(UsageClass usage) {
  return static_cast<ParamId>(kBetaStorage + static_cast<std::uint32_t>(usage));
}
constexpr Market market_of(UsageClass usage) {
  return usage == UsageClass::kStorage || usage == UsageClass::kRead ? Market::kStorage
                                                                     : Market::kCompute;
}

inline constexpr std::uint64_t kInflationGuardPpm = 20'000;

struct TunedRate {
  std::uint64_t target = 0;  // the proposal before clamps
  std::uint64_t rate = 0;
  bool reduced = false;  // by the inflation guard
};
TunedRate tuned_rate(UsageClass usage, std::uint64_t rate, std::uint64_t units,
                     std::uint64_t emission, std::uint64_t epoch_secs,
                     std::uint64_t year_inflation_ppm);

std::uint64_t inflation_ppm(std::uint64_t emission, std::uint64_t emission_before);
// Epochs between two marks of the year, at one block a second.
constexpr std::uint64_t epochs_per_year(std::uint64_t epoch_blocks) {
  return std::max<std::uint64_t>(1, kBlocksPerYear / std::max<std::uint64_t>(1, epoch_blocks));
}

struct Industrial {
  std::uint64_t milli = 100'000;
  std::uint64_t multiplier = 100;  // percent
  bool operator==(const Industrial&) const = default;
};
Industrial next_industrial(const Industrial& state, std::uint64_t backlog,
                           std::uint64_t utilization);

}  // namespace economics
