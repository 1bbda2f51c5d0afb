#include "plugins/economics/rules/tuning.hpp"

namespace economics {
namespace {

constexpr std::array<std::uint64_t, kUsageClasses> kPhiPpm = {4000, 2500, 2500, 2500};
constexpr std::uint64_t kSecondsPerYear = 365 * 86'400;
constexpr std::uint64_t kMaxRate = 1'000'000;
constexpr std::uint64_t kMaxIndustrial = 1'000'000'000;

}  // namespace

TunedRate tuned_rate(UsageClass usage, std::uint64_t rate, std::uint64_t units,
                     std::uint64_t emission, std::uint64_t epoch_secs,
                     std::uint64_t year_inflation_ppm) {
  TunedRate out;
  if (units == 0) {
    out.target = 2 * rate;
  } else {
    // phi * 20,000 is below 2^27, emission below 2^63, a year of seconds below 2^26.
    const U128 budget = U128{kPhiPpm[static_cast<std::size_t>(usage)]} * kInflationGuardPpm *
                        emission * std::min(epoch_secs, kSecondsPerYear);
    out.target = saturated(budget / (U128{1000} * kSecondsPerYear * units));
  }
  const std::uint64_t low = rate * 85 / 100;
  const std::uint64_t high =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(ceil_div(U128{rate} * 115, 100)));
  out.rate = std::clamp(out.target, low, high);
  if (year_inflation_ppm > kInflationGuardPpm) {
    out.rate = out.rate * 95 / 100;
    out.reduced = true;
  }
  out.rate = std::min(out.rate, kMaxRate);
  return out;
}

std::uint64_t inflation_ppm(std::uint64_t emission, std::uint64_t before) {
  if (before == 0 || emission <= before) return 0;
  return saturated(U128{emission - before} * kPpm / before);
}

Industrial next_industrial(const Industrial& state, std::uint64_t backlog,
                           std::uint64_t utilization) {
  // milli is at most 10^9, so the product stays below 2^96.
  const U128 scaled = utilization == 0
                          ? U128{state.milli} * 2
                          : U128{state.milli} * (U128{utilization} + backlog) / utilization;
  const std::uint64_t c = state.multiplier;
  U128 next = std::clamp<U128>(scaled, U128{850} * c, U128{1150} * c);
  next = std::clamp<U128>(next, 1000, kMaxIndustrial);
  Industrial out;
  out.milli = static_cast<std::uint64_t>(next);
  out.multiplier = static_cast<std::uint64_t>(rounded_div(next, 1000));
  return out;
}

}  // namespace economics
