// The inputs of a boundary once more, from the blocks themselves: producers from the headers, money
// from the ledger's events, inflow from the treasury's rows. `economics replay --verify` compares
// them with the inputs that the state keeps, so that a replay does not rest on stored sums. [face]
//
// What blocks tell exactly is compared exactly: emission, producers, their even spread, inflow. Of
// transactions they tell bounds: a tip is the part of a fee above a base that no event names, so
// that the volume lies between what moved and that plus the fees. What markets and recipients
// report by service calls (samples, ad spending) leaves no event and is not compared.
//
// The tariff is what `ledger.transfer` commands pay on top; the treasury books it under the source
// `tariff`, and nothing else under it. So the two sums of an epoch are equal, and each payment is
// the part of its transfer that the rate in force says. That a transfer paid nothing is no
// contradiction: its sender may have been verified then.
#pragma once

#include <bitset>
#include <map>

#include "plugins/economics/store.hpp"
#include "tb/host.hpp"

namespace economics {

inline constexpr std::uint64_t kMaxRecountedBlocks = 50'000;
inline constexpr std::uint64_t kMaxTariffBps = 10'000;

struct Recounted {
  std::uint64_t minted = 0, burned = 0;
  std::uint64_t blocks = 0, unique_miners = 0, effective_miners_milli = 0;
  std::uint64_t treasury_inflow = 0;
  std::uint64_t commands = 0, volume = 0, fees = 0;  // that moved money; the fees of all
  std::uint64_t tariff_paid = 0, tariff_booked = 0;  // by the ledger's events, by the treasury's
  // The rates, both included, that explain every payment of the epoch; none if low is above high.
  std::uint64_t tariff_low_bps = 0, tariff_high_bps = kMaxTariffBps;
};

// Heights of the blocks that a boundary counts: those of the epoch before it.
struct Heights {
  std::uint64_t first = 0, last = 0;
};
Heights heights_of(std::uint64_t boundary, std::uint64_t epoch_length);

// By number of the boundary, for `first` to `last`. Fails where blocks of the range are pruned.
using Recounts = std::map<std::uint64_t, Recounted>;
tb::Status recount(tb::LocalCall& call, std::uint64_t first, std::uint64_t last,
                   std::uint64_t epoch_length, Recounts* out);

// The first input of `row` that the blocks contradict, as "blocks:emission"; empty: none.
// `emission_before`: at the boundary before; absent where nobody knows it.
std::string contradicted(const Recounted& blocks, const Closed& row,
                         std::optional<std::uint64_t> emission_before);

// The rates that may have been in force, epoch by epoch. A boundary sets one unless the autopilot
// was off then, which no row remembers: so an older one stays possible until blocks speak against
// it.
class TariffRates {
 public:
  // Before the first boundary the rate is 0; before a later one, nobody knows.
  explicit TariffRates(std::uint64_t first_boundary);
  // `set_bps`: of the snapshot at the boundary where the epoch began; absent: not stored. False:
  // no possible rate explains what the epoch's transfers paid.
  bool follow(std::optional<std::uint64_t> set_bps, const Recounted& epoch);

 private:
  std::bitset<kMaxTariffBps + 1> possible_;
};

}  // namespace economics
