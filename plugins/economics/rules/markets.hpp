// Layers 2 to 4: subsidy shares, market multipliers, ad split and tariff (economics spec 6.3 to
// 6.6). Pure. [any]
#pragma once

#include "plugins/economics/rules/metrics.hpp"
#include "plugins/economics/rules/params.hpp"

namespace economics {

struct SubsidyShares {
  PerMarket<std::uint64_t> bps{};  // sum 10,000
  PerMarket<std::int64_t> distress_nano{};
  PerMarket<std::uint64_t> target_nano{};
};
SubsidyShares next_shares(const Params& params, const PerMarket<Metric>& metrics,
                          const PerMarket<std::uint64_t>& shares_bps);

std::uint64_t multiplier_ppm(const Params& params, Market market, const Metric& metric);

struct AdState {
  std::int64_t platform_nano = 0, user_nano = 0;
  bool operator==(const AdState&) const = default;
};
struct AdSplit {
  std::uint64_t platform_bps = 0, user_bps = 0, publisher_bps = 0;  // sum 10,000
  bool operator==(const AdSplit&) const = default;
};
AdState drifted(const Params& params, const AdState& state);
AdSplit split_of(const AdState& state);
struct AdPayout {
  std::uint64_t platform = 0, user = 0, publisher = 0;
};
AdPayout payout(const AdSplit& split, std::uint64_t amount);

struct Tariff {
  std::uint64_t micro_bps = 0;  // the state
  std::uint64_t bps = 0;
  std::uint64_t contribution_bps = 0;
};
Tariff next_tariff(const Params& params, std::uint64_t micro_bps, std::uint64_t volume,
                   std::uint64_t inflow);
// A tariff that stays as it is, without a contribution.
Tariff kept_tariff(std::uint64_t micro_bps);
// What a transfer of `amount` pays on top.
std::uint64_t tariff_on(std::uint64_t amount, std::uint64_t tariff_bps);

}  // namespace economics
