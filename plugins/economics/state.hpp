// What the plugin stores.
//
//   state               Laws: what the laws carry from epoch to epoch
//   genesis             Laws as they began, with the epoch and the emission of that moment
//   in_force            InForce: what mints, pays and charges now
//   epoch               OpenEpoch: counters of the open epoch, and what is left of its budgets
//   prod/<account>      ProducerBlocks: blocks of a producer in the epoch that it names; an older
//                       epoch counts as none, so that no boundary has to walk them
//   use/<market><account>  Usage that waits for the end of this block, or of the next one
//   carry/<market>      Carry: nBLOCK carried over
//   minted              Minted: what was minted since the beginning
//   industrial          IndustrialLoad that compute handed in last
//   closed/<epoch>      Closed: the inputs of a boundary as they were measured
//   snap/<epoch>        Snap: canonical JSON of the snapshot and its hash; kept for ever
//   params/<hash>       canonical JSON of the parameter set with that hash
//   year                YearMark for rolling inflation
//
// Invariants: shares and the ad split sum to 10,000; what an epoch mints is at most twice its
// reward times its blocks; each snapshot names the hash of the one before; `closed` and `params`
// suffice to compute all snapshots again.
#pragma once

#include <tb/sdk.hpp>

#include "plugins/economics/rules/laws.hpp"
#include "plugins/economics/rules/tuning.hpp"

namespace economics {

// One number a market; as JSON an object of their names.
struct Four {
  std::uint64_t storage = 0, compute = 0, energy = 0, ad = 0;
};
BOOST_DESCRIBE_STRUCT(Four, (), (storage, compute, energy, ad))
inline Four four(const PerMarket<std::uint64_t>& values) {
  return {values[0], values[1], values[2], values[3]};
}
inline PerMarket<std::uint64_t> per_market(const Four& four) {
  return {four.storage, four.compute, four.energy, four.ad};
}

struct Laws {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t epoch = 0;     // of the newest boundary; of a genesis row: in which it was written
  std::uint64_t emission = 0;  // then
  std::uint64_t baseline_tx_count_micro = 0, baseline_tx_volume_micro = 0,
                baseline_miners_micro = 0;
  std::uint64_t block_reward_per_block = 0;
  Four subsidies, multipliers_ppm;
  std::int64_t ad_platform_nano = 0, ad_user_nano = 0;
  std::uint64_t tariff_micro_bps = 0;
  std::uint64_t fairness_nano = 0, fairness_last_n_milli = 0, fairness_lock_until_height = 0;
  std::string prev_hash;
  std::uint64_t industrial_milli = 0, industrial_multiplier = 0;
  std::uint64_t legacy_annual_issuance = 0;
};
BOOST_DESCRIBE_STRUCT(Laws, (),
                      (epoch, emission, baseline_tx_count_micro, baseline_tx_volume_micro,
                       baseline_miners_micro, block_reward_per_block, subsidies, multipliers_ppm,
                       ad_platform_nano, ad_user_nano, tariff_micro_bps, fairness_nano,
                       fairness_last_n_milli, fairness_lock_until_height, prev_hash,
                       industrial_milli, industrial_multiplier, legacy_annual_issuance))

struct InForce {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t block_reward_per_block = 0;
  Four subsidies, multipliers_ppm;
  std::uint64_t platform_take_bps = 0, user_share_bps = 0, publisher_share_bps = 0;
  std::uint64_t tariff_bps = 0;
};
BOOST_DESCRIBE_STRUCT(InForce, (),
                      (block_reward_per_block, subsidies, multipliers_ppm, platform_take_bps,
                       user_share_bps, publisher_share_bps, tariff_bps))

struct OpenEpoch {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t tx_count = 0, tx_volume_block = 0, non_kyc_volume_block = 0, ad_spend_block = 0;
  std::uint64_t blocks = 0, producers = 0;
  tb::U128 squares = 0;  // sum of the squares of the producers' blocks
  std::uint64_t first_ms = 0, last_ms = 0;
  std::uint64_t storage_bytes = 0, read_bytes = 0, cpu_ms = 0, bytes_out = 0;
  Four budget_left;
};
BOOST_DESCRIBE_STRUCT(OpenEpoch, (),
                      (tx_count, tx_volume_block, non_kyc_volume_block, ad_spend_block, blocks,
                       producers, squares, first_ms, last_ms, storage_bytes, read_bytes, cpu_ms,
                       bytes_out, budget_left))

struct ProducerBlocks {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t epoch = 0, blocks = 0;
};
BOOST_DESCRIBE_STRUCT(ProducerBlocks, (), (epoch, blocks))

struct Usage {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t storage_bytes = 0, read_bytes = 0, cpu_ms = 0, bytes_out = 0;
  tb::U128 claimed_nblock = 0;
};
BOOST_DESCRIBE_STRUCT(Usage, (), (storage_bytes, read_bytes, cpu_ms, bytes_out, claimed_nblock))

struct Carry {
  static constexpr std::uint8_t kLayout = 1;
  tb::U128 nblock = 0;
};
BOOST_DESCRIBE_STRUCT(Carry, (), (nblock))

struct Minted {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t reward = 0;
  Four subsidies;
};
BOOST_DESCRIBE_STRUCT(Minted, (), (reward, subsidies))

struct IndustrialLoad {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t epoch = 0, backlog = 0, matched = 0;
};
BOOST_DESCRIBE_STRUCT(IndustrialLoad, (), (epoch, backlog, matched))

struct StoredMetric {
  std::uint64_t utilization_ppm = 0;
  std::int64_t margin_ppm = 0;
  std::uint64_t cost_micro = 0, payout_micro = 0;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(StoredMetric, (),
                      (utilization_ppm, margin_ppm, cost_micro, payout_micro, rehearsal))

struct Closed {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t emission = 0, tx_count = 0, tx_volume = 0;
  std::uint64_t unique_miners = 0, effective_miners_milli = 0;
  std::uint64_t ad_spend = 0, non_kyc_volume = 0, treasury_inflow = 0;
  std::vector<StoredMetric> markets;
};
BOOST_DESCRIBE_STRUCT(Closed, (),
                      (emission, tx_count, tx_volume, unique_miners, effective_miners_milli,
                       ad_spend, non_kyc_volume, treasury_inflow, markets))

struct Snap {
  static constexpr std::uint8_t kLayout = 1;
  std::string hash;  // hexadecimal
  std::string json;
};
BOOST_DESCRIBE_STRUCT(Snap, (), (hash, json))

struct YearMark {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t epoch = 0, emission = 0;
};
BOOST_DESCRIBE_STRUCT(YearMark, (), (epoch, emission))

inline constexpr std::string_view kStateKey = "state";
inline constexpr std::string_view kGenesisKey = "genesis";
inline constexpr std::string_view kInForceKey = "in_force";
inline constexpr std::string_view kEpochKey = "epoch";
inline constexpr std::string_view kMintedKey = "minted";
inline constexpr std::string_view kIndustrialKey = "industrial";
inline constexpr std::string_view kYearKey = "year";
inline constexpr std::string_view kSnapPrefix = "snap/";
inline constexpr std::size_t kUsagePrefixBytes = 5;  // "use/" and the market

inline tb::Key producer_key(std::string_view account) { return tb::Key("prod/").raw(account); }
inline tb::Key usage_prefix(Market market) {
  return tb::Key("use/").u8(static_cast<std::uint8_t>(market));
}
inline tb::Key carry_key(Market market) {
  return tb::Key("carry/").raw(kMarketNames[static_cast<std::size_t>(market)]);
}
inline tb::Key closed_key(std::uint64_t epoch) { return tb::Key("closed/").u64(epoch); }
inline tb::Key snap_key(std::uint64_t epoch) { return tb::Key(kSnapPrefix).u64(epoch); }
inline tb::Key params_key(std::string_view hash) { return tb::Key("params/").raw(hash); }

struct SnapshotMade {
  std::uint64_t epoch = 0;
  std::string_view snapshot_hash;
};
BOOST_DESCRIBE_STRUCT(SnapshotMade, (), (epoch, snapshot_hash))
inline constexpr tb::Event<SnapshotMade> kSnapshotEvent{0};

}  // namespace economics
