// What this node remembers of validations, in the local store (receipts spec 3.5). [face]
//
//   flaw/<height><index><reason>  a flaw that was counted; index 2^32 - 1 stands for the block
//   tallies                       Tallies, the number of such rows by market and reason
//
// At most kMaxRemembered flaws are remembered and counted; beyond, the operator has other worries.
#pragma once

#include <tb/plugin.hpp>

#include "plugins/receipts/store.hpp"

namespace receipts {

inline constexpr std::uint64_t kMaxRemembered = 100'000;
inline constexpr std::size_t kReasons = std::size(kReasonNames);

struct Tallies {
  static constexpr std::uint8_t kLayout = 1;
  // By market, the last one being blocks as a whole, and reason.
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>((kMarkets + 1) * kReasons);
  // The newest validation found headers or aggregates that differ.
  bool mismatch = false;

  std::uint64_t& at(std::optional<Market> market, Reason reason) {
    const std::size_t row = market ? static_cast<std::size_t>(*market) : kMarkets;
    return counts[row * kReasons + static_cast<std::size_t>(reason)];
  }
  std::uint64_t of(Market market, Reason reason) const {
    return counts[static_cast<std::size_t>(market) * kReasons + static_cast<std::size_t>(reason)];
  }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (std::uint64_t count : counts) sum += count;
    return sum;
  }
};
BOOST_DESCRIBE_STRUCT(Tallies, (), (counts, mismatch))

// None, and ones of another layout, count as empty.
Tallies load_tallies(const tb::Host& host);
// Counts those of `flaws` that were not counted before, in metrics and tallies. Fails with what the
// local store says.
tb::Status count_flaws(const tb::Host& host, const std::vector<Flaw>& flaws);
// Forgets all; `cleared` is the number of flaws.
tb::Status clear_tallies(const tb::Host& host, std::uint64_t& cleared);

}  // namespace receipts
