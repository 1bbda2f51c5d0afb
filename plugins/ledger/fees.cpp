#include "plugins/ledger/fees.hpp"

#include <algorithm>
#include <limits>

namespace ledger {
namespace {

__extension__ typedef __int128 Wide;

}  // namespace

FeeSplit split_fee(std::uint64_t fee, std::uint64_t pct) {
  const auto consumer = static_cast<std::uint64_t>((static_cast<Wide>(fee) * pct + 99) / 100);
  return {consumer, fee - consumer};
}

std::uint64_t next_base_fee(std::uint64_t previous, std::uint64_t gas) {
  constexpr Wide kTarget = kGasTarget;
  const Wide change =
      static_cast<Wide>(previous) * (static_cast<Wide>(gas) - kTarget) / kTarget / 8;
  constexpr Wide kMax = std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::clamp<Wide>(previous + change, 1, kMax));
}

std::uint64_t fee_floor(std::span<std::uint64_t> samples, std::uint64_t percentile,
                        std::uint64_t minimum) {
  if (samples.empty()) return minimum;
  std::sort(samples.begin(), samples.end());
  const std::size_t index =
      std::min<std::size_t>(samples.size() * percentile / 100, samples.size() - 1);
  return std::max(samples[index], minimum);
}

std::uint64_t percentile_of(std::span<const std::uint64_t> sorted, std::uint64_t percent) {
  return sorted.empty() ? 0 : sorted[(sorted.size() - 1) * percent / 100];
}

}  // namespace ledger
