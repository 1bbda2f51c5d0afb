// The services that the treasury calls: ledger/1 for money, roles/1 for houses and roles, gov/1 for
// the provenance log and the spending policy. [machine]
#pragma once

#include "plugins/treasury/shapes.hpp"

namespace treasury {

// ledger/1. On error the ctx has failed with the ledger's own error.
tb::Status move_in(tb::Ctx& ctx, std::string_view from, std::uint64_t amount,
                   std::string_view memo);
tb::Status hold_payment(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount);
tb::Status return_payment(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount);
tb::Status pay_out(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount, std::string_view to);
std::optional<std::uint64_t> ledger_balance(tb::View& view, std::string_view account);
void watch_account(tb::Ctx& ctx);
// What `ledger.transfer` commands paid in since the last call: source (donation, tariff) and sum.
struct PaidIn {
  std::string from;
  std::uint64_t amount = 0;
  std::string source;
};
BOOST_DESCRIBE_STRUCT(PaidIn, (), (from, amount, source))
std::vector<PaidIn> take_credits(tb::Ctx& ctx);

// For the audit: balances behind `after`, ascending, kAccountPage at most; what was issued.
inline constexpr std::uint32_t kAccountPage = 1000;
struct AccountRow {
  std::string account;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccountRow, (), (account, amount))
std::vector<AccountRow> ledger_accounts(tb::View& view, std::string_view after);
std::uint64_t ledger_issued(tb::View& view);

// roles/1.
struct Totals {
  std::uint64_t operators = 0, builders = 0;
};
BOOST_DESCRIBE_STRUCT(Totals, (), (operators, builders))
tb::Status house_totals(tb::Ctx& ctx, Totals* out);
tb::Status house_weights(tb::Ctx& ctx, std::string_view account, std::uint64_t height, Totals* out);
// ok, or not_authorized: the caller is neither executor nor more.
tb::Status need_executor(tb::Ctx& ctx);
tb::Status need_operator(tb::Ctx& ctx);
tb::Status need_admin(tb::Ctx& ctx);

// gov/1. One entry of the provenance log; the record itself goes with an execution.
struct Provenance {
  std::uint64_t id = 0;
  std::optional<std::string> from_state;
  std::string to_state;
  std::uint64_t amount = 0;
  std::string destination;
  std::optional<std::string> reason, tx_hash;
};
tb::Status note_provenance(tb::Ctx& ctx, const Provenance& entry,
                           const std::optional<RecordShape>& snapshot);

// gov/1. What the voted scripts say of an execution at the gate `treasury`; an empty name: nothing
// against it.
struct PolicyQuestion {
  std::uint64_t id = 0;
  std::string_view destination;
  std::uint64_t amount = 0;
  std::string_view memo, proposer;
  std::uint64_t scheduled_epoch = 0, balance = 0;
  std::uint64_t paid_in_epoch = 0, paid_to_destination = 0;
};
BOOST_DESCRIBE_STRUCT(PolicyQuestion, (),
                      (id, destination, amount, memo, proposer, scheduled_epoch, balance,
                       paid_in_epoch, paid_to_destination))
struct PolicyVerdict {
  bool refused = false;
  std::string reason, name;
};
BOOST_DESCRIBE_STRUCT(PolicyVerdict, (), (refused, reason, name))
tb::Status ask_policy(tb::Ctx& ctx, const PolicyQuestion& question, PolicyVerdict* verdict);

void describe_services(tb::Plugin& p);

}  // namespace treasury
