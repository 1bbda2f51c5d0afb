// What the ledger stores.
//
//   a/<account>                    Account: the balance; a row from the first credit on
//   supply                         Supply: what genesis and mint have issued, less what was burned
//   fees                           FeeState: base fee, fee floors, gas of the block at hand
//   f/<lane u8><slot u16>          Sample: fee per byte of a paid command; a ring of 4,096 a lane
//   s/<len><account><key>          Session: a session key of an account
//   stats                          BlockStats of the newest block that moved money
//   levy                           Levy on transfers, if economics has set one
//   w/<account>                    Watched: an account whose plugin takes its credits
//
// Invariant: the sum of all accounts, the two fee pools and all escrows among them, is `supply`.
#pragma once

#include <tb/sdk.hpp>

#include "plugins/ledger/accounts.hpp"
#include "plugins/ledger/fees.hpp"

namespace ledger {

struct Account {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Account, (), (amount))

struct Supply {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t issued = 0;
};
BOOST_DESCRIBE_STRUCT(Supply, (), (issued))

// Lanes are those of the ABI: TB_LANE_CONSUMER, TB_LANE_INDUSTRIAL.
struct FeeState {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t base_fee = kFirstBaseFee;
  std::uint64_t gas = 0;                                       // of the block at hand
  std::uint64_t consumer_samples = 0, industrial_samples = 0;  // ever taken
  std::uint64_t consumer_floor = 0, industrial_floor = 0;
};
BOOST_DESCRIBE_STRUCT(FeeState, (),
                      (base_fee, gas, consumer_samples, industrial_samples, consumer_floor,
                       industrial_floor))

struct Sample {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t fee_per_byte = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (), (fee_per_byte))

struct Session {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t expires_at_ms = 0;
  std::optional<std::uint64_t> limit;  // of all that it sends, fees included
  std::uint64_t spent = 0;
};
BOOST_DESCRIBE_STRUCT(Session, (), (expires_at_ms, limit, spent))

// What economics has each ledger.transfer pay on top: floor(amount · bps_micro / 10^10) to `to`.
struct Levy {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t bps_micro = 0;
  std::string to;
};
BOOST_DESCRIBE_STRUCT(Levy, (), (bps_micro, to))

struct Credit {
  std::string from;  // empty: the sum of several
  std::uint64_t amount = 0;
  std::string source;  // donation or tariff
};
BOOST_DESCRIBE_STRUCT(Credit, (), (from, amount, source))
struct Watched {
  static constexpr std::uint8_t kLayout = 1;
  std::vector<Credit> credits;  // since the last take_credits; see watch.hpp for the bound
};
BOOST_DESCRIBE_STRUCT(Watched, (), (credits))

// A transaction is a command in which at least one transfer or capture moved money between two
// accounts; the volume is the sum of these amounts and of the tips (economics spec 7).
struct BlockStats {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t height = 0;
  std::uint64_t transactions = 0;
  std::uint64_t volume = 0;
  std::uint64_t non_kyc_volume = 0;  // the part that left accounts which kyc/1 does not verify
  std::uint32_t counted = 0;         // 1 + place of the last command that was counted
  std::uint64_t levy = 0;            // what transfers paid on top
};
BOOST_DESCRIBE_STRUCT(BlockStats, (), (height, transactions, volume, non_kyc_volume, counted, levy))

inline constexpr std::string_view kAccounts = "a/";
inline constexpr std::string_view kSupplyKey = "supply";
inline constexpr std::string_view kFeesKey = "fees";
inline constexpr std::string_view kStatsKey = "stats";
inline constexpr std::string_view kLevyKey = "levy";
inline constexpr std::uint64_t kSampleRing = 4096;
inline constexpr std::uint64_t kMaxAmount = (std::uint64_t{1} << 63) - 1;

inline tb::Key account_key(std::string_view account) { return tb::Key(kAccounts).raw(account); }
inline tb::Key watch_key(std::string_view account) { return tb::Key("w/").raw(account); }
inline tb::Key sample_key(std::uint32_t lane, std::uint64_t number) {
  return tb::Key("f/")
      .u8(static_cast<std::uint8_t>(lane))
      .u16(static_cast<std::uint16_t>(number % kSampleRing));
}
inline tb::Key sessions_key(std::string_view account) { return tb::Key("s/").text(account); }
inline tb::Key session_key(std::string_view account, std::string_view key) {
  return sessions_key(account).raw(key);
}

// Parameters, metrics, events and records, in the order of the manifest.
inline constexpr tb::Param kMaxSupply{0};
inline constexpr tb::Param kFeeFloorWindow{1};
inline constexpr tb::Param kFeeFloorPercentile{2};
inline constexpr tb::Param kComfortP90{3};

inline constexpr tb::Gauge kIssuedGauge{0};
inline constexpr tb::Gauge kBaseFeeGauge{1};
inline constexpr tb::Gauge kFeeFloorGauge{2};
inline constexpr tb::Counter kWindowChanged{3};
inline constexpr tb::Counter kMoves{4};
inline constexpr tb::Counter kFeesPaid{5};
inline constexpr tb::Counter kSessionsOpened{6};
inline constexpr tb::Counter kSessionsExpired{7};

struct Moved {
  std::string_view kind;
  std::string_view from;  // empty: minted
  std::string_view to;    // empty: burned
  std::uint64_t amount = 0;
  std::string_view memo;
  tb::Hash command;  // zero in a hook
};
BOOST_DESCRIBE_STRUCT(Moved, (), (kind, from, to, amount, memo, command))
inline constexpr tb::Event<Moved> kMovedEvent{0};
inline constexpr tb::Record<Moved> kMovedRecord{0};

struct Transferred {
  tb::Hash id;
  std::string_view from;
  std::string_view to;
  std::uint64_t amount_consumer = 0;
  std::uint64_t amount_industrial = 0;
  std::uint64_t fee = 0;
};
BOOST_DESCRIBE_STRUCT(Transferred, (), (id, from, to, amount_consumer, amount_industrial, fee))
inline constexpr tb::Record<Transferred> kTransferRecord{1};

}  // namespace ledger
