// The levy on ledger.transfer (economics spec 6.6) and accounts whose plugin learns who paid in
// (governance-treasury spec 5.18). [machine]
//
// Both are rows that the ledger applies by itself: no plugin is called back.
#pragma once

#include "plugins/ledger/errors.hpp"
#include "plugins/ledger/state.hpp"

namespace ledger {

// Credits of one account that are kept apart until its plugin takes them; further ones are summed,
// one entry a source.
inline constexpr std::size_t kMaxCredits = 64;
inline constexpr std::string_view kDonation = "donation";
inline constexpr std::string_view kTariff = "tariff";

// floor(amount · bps_micro / 10^10), bounded by `amount`.
std::uint64_t levy_on(std::uint64_t amount, std::uint64_t bps_micro);

struct LevyDue {
  std::uint64_t amount = 0;  // 0: nothing
  std::string to;
};
// What the sender of this command pays on top of `amount`. Errors: those of kyc/1.
tb::Status levy_due(tb::Ctx& ctx, std::uint64_t amount, LevyDue* due);
// Moves it. Errors: insufficient_funds, amount_overflow.
tb::Status pay_levy(tb::Ctx& ctx, const LevyDue& due);

// Notes a credit by a ledger.transfer command, if `account` is watched. An account that some plugin
// owns and addresses do not: nobody watches an address.
void note_credit(tb::Ctx& ctx, std::string_view account, const Credit& credit);

// Functions set_levy, watch and take_credits of ledger/1.
struct SetLevyArgs {
  std::uint64_t bps_micro = 0;
  std::string_view to;
};
BOOST_DESCRIBE_STRUCT(SetLevyArgs, (), (bps_micro, to))
tb::Status set_levy(tb::Ctx& ctx, std::string_view plugin, const SetLevyArgs& in, tb::Out& out);

struct WatchArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(WatchArgs, (), (account))
tb::Status watch(tb::Ctx& ctx, std::string_view plugin, const WatchArgs& in, tb::Out& out);
tb::Status take_credits(tb::Ctx& ctx, std::string_view plugin, const WatchArgs& in, tb::Out& out);

}  // namespace ledger
