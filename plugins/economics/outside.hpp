// The services that the plugin requires, as it calls them. [machine]
//
// ledger/1 moves the money, treasury/1 takes its part and knows its inflow, receipts/1 measures the
// markets, params/1 carries tuned rates, chain/1 names the producer of the block, and kyc/1, where
// the roster has it, tells who is verified.
#pragma once

#include "plugins/economics/state.hpp"

namespace economics {

struct Supply {
  std::uint64_t issued = 0, cap = 0;
};
tb::Status ask_supply(tb::View& view, Supply* out);

struct BlockStats {
  std::uint64_t tx_count = 0, tx_volume = 0, non_kyc_volume = 0;
  std::optional<std::uint64_t> levy;
};
BOOST_DESCRIBE_STRUCT(BlockStats, (), (tx_count, tx_volume, non_kyc_volume, levy))
tb::Status ask_block_stats(tb::View& view, BlockStats* out);

// The account of the key that the block's header names as proposer.
tb::Status ask_producer(tb::View& view, std::string* out);

tb::Status mint(tb::Ctx& ctx, std::string_view to, std::uint64_t amount, std::string_view kind);
// Empties both fee pools into `to`.
tb::Status take_fees(tb::Ctx& ctx, std::string_view to, std::uint64_t* amount);
tb::Status set_levy(tb::Ctx& ctx, std::uint64_t tariff_bps);
// The treasury's part of the coinbase, out of what the producer just received.
tb::Status accrue(tb::Ctx& ctx, std::string_view producer, std::uint64_t amount);
tb::Status ask_inflow(tb::View& view, std::uint64_t epoch, std::uint64_t* out);

struct Measured {
  PerMarket<Metric> metrics{};
  PerMarket<bool> rehearsal{};
};
tb::Status measure_markets(tb::View& view, std::uint64_t epoch, Measured* out);

// A parameter of another plugin; nullopt: nobody knows it.
tb::Status ask_param(tb::View& view, std::string_view key, std::optional<std::uint64_t>* out);
tb::Status write_param(tb::Ctx& ctx, std::string_view key, std::uint64_t value);

// What a transfer of `amount` by `from` pays on top at `tariff_bps`: nothing if `from` is verified.
tb::Status ask_tariff(tb::View& view, std::string_view from, std::uint64_t amount,
                      std::uint64_t tariff_bps, std::uint64_t* out);

void describe_outside(tb::Plugin& p);

}  // namespace economics
