// The services that the energy machine calls: ledger/1 for money, treasury/1 so that its book says
// where fees and slashes came from, receipts/1 for the receipts of a block. [machine]
//
// Money moves only where Market::moves_funds() says so; elsewhere these functions do nothing and
// succeed. A refusal of the ledger becomes InsufficientFunds where money was missing, and keeps the
// ledger's own name otherwise.
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

inline constexpr std::string_view kStakesAccount = "energy:stakes";
inline constexpr std::string_view kTreasuryAccount = "treasury";
// Sources of the treasury's accruals, and memos of the moves.
inline constexpr std::string_view kFeeSource = "energy_fee", kSlashSource = "energy_slash";

// The account that an owner or buyer names: "self" and "anonymous" are the caller where money
// moves.
std::string account_named(Market& market, std::string_view name);

// True if the account holds `amount`, or where no money moves.
Result<bool> covers(Market& market, const std::string& account, Amount amount);
Result<Done> hold_stake(Market& market, const std::string& owner, Amount amount);
Result<Done> release_stake(Market& market, const std::string& owner, Amount amount);
// The slash of a stake, to the treasury.
Result<Done> forfeit_stake(Market& market, Amount amount);
// Payout and fees of a settlement, out of the buyer's account: the caller has checked that the
// buyer is the sender or that an admin settles for it.
Result<Done> pay(Market& market, const std::string& buyer, const std::string& owner,
                 const Cost& cost);

// For energy.check; absent where the ledger does not answer.
std::optional<std::uint64_t> ledger_balance(tb::View& view, std::string_view account);

// Hands the receipt of a settlement to the block; in rehearsal it is only counted.
Result<Done> issue_receipt(Market& market, const Receipt& receipt,
                           const std::optional<ReceiptAuth>& auth);
Result<Done> issue_slash_receipt(Market& market, ProviderId provider, const Hash& meter_hash,
                                 Amount amount, std::string_view reason);

// What receipts/1 wants of the market at the end of an epoch.
struct Sample {
  std::string_view market = "energy";
  std::uint64_t epoch = 0;
  bool rehearsal = false;
  std::uint64_t capacity_units = 0, used_units = 0, payout_total = 0, cost_total = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (),
                      (market, epoch, rehearsal, capacity_units, used_units, payout_total,
                       cost_total))
tb::Status hand_in_sample(tb::Ctx& ctx, const Sample& sample);

// The entries of the manifest.
void describe_services(tb::Plugin& p);

}  // namespace energy
