#include "plugins/energy/services.hpp"

#include "plugins/energy/settlement.hpp"

namespace energy {
namespace {

constexpr tb::Service kLedger{0};
constexpr tb::Service kReceipts{1};

struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))
struct Balance {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (amount))

// `consented`: this plugin has checked that the owner of `from` agrees.
struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo, consented))

struct PayoutArgs {
  std::string_view escrow, to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(PayoutArgs, (), (escrow, to, amount, memo))

constexpr tb::Function<AccountArgs, Balance> kBalance{kLedger, 0};
constexpr tb::Function<MoveArgs> kTransfer{kLedger, 1};
constexpr tb::Function<MoveArgs> kHold{kLedger, 2};
constexpr tb::Function<PayoutArgs> kRelease{kLedger, 3};
constexpr tb::Function<PayoutArgs> kCapture{kLedger, 4};

Refusal refused_by(const auto& answer) {
  if (answer.name == "insufficient_funds" || answer.name == "unknown_account") {
    return refuse(kInsufficientFunds, answer.text);
  }
  Refusal refusal = refuse(tb::Error{answer.code, {}}, answer.text);
  refusal.foreign_name = answer.name.empty() ? std::string(tb::kInternalError.name) : answer.name;
  if (answer.name.empty()) refusal.error.code = tb::kInternalError.code;
  return refusal;
}

template <class Args>
Result<Done> move(Market& market, tb::Function<Args> function, const std::type_identity_t<Args>& args) {
  if (!market.moves_funds() || args.amount == 0) return Done{};
  const auto answer = market.ctx().call(function, args);
  if (!answer) return refused_by(answer);
  return Done{};
}

}  // namespace

std::string account_named(Market& market, std::string_view name) {
  const bool caller = market.moves_funds() && (name == "anonymous" || name == "self");
  return std::string(caller ? market.ctx().account() : name);
}

Result<bool> covers(Market& market, const std::string& account, Amount amount) {
  if (!market.moves_funds()) return true;
  const auto answer = market.ctx().call(kBalance, {account});
  if (!answer) return refused_by(answer);
  return answer->amount >= amount;
}

std::optional<std::uint64_t> ledger_balance(tb::View& view, std::string_view account) {
  const auto answer = view.ask(kBalance, {account});
  return answer ? std::optional(answer->amount) : std::nullopt;
}

Result<Done> hold_stake(Market& market, const std::string& owner, Amount amount) {
  return move(market, kHold, {owner, kStakesAccount, amount, "energy stake", true});
}
Result<Done> release_stake(Market& market, const std::string& owner, Amount amount) {
  return move(market, kRelease, {kStakesAccount, owner, amount, "energy stake"});
}
Result<Done> forfeit_stake(Market& market, Amount amount) {
  return move(market, kCapture, {kStakesAccount, kTreasuryAccount, amount, "energy_slash"});
}

Result<Done> pay(Market& market, const std::string& buyer, const std::string& owner, const Cost& cost) {
  if (auto paid = move(market, kTransfer, {buyer, owner, cost.payout, "energy settlement", true}); !paid) return paid;
  return move(market, kTransfer, {buyer, kTreasuryAccount, cost.treasury_fee + cost.jurisdiction_fee, "energy_fee", true});
}

Result<Done> issue_receipt(Market&, const Receipt&, const std::optional<ReceiptAuth>&) { return Done{}; }
Result<Done> issue_slash_receipt(Market&, ProviderId, const Hash&, Amount, std::string_view) { return Done{}; }
tb::Status hand_in_sample(tb::Ctx&, const Sample&) { return tb::ok(); }

void describe_services(tb::Plugin& p) {
  p.requires_service(kLedger, "ledger/1")
      .function(kBalance, "balance").function(kTransfer, "transfer").function(kHold, "hold")
      .function(kRelease, "release").function(kCapture, "capture");
  (void)kReceipts;
}

}  // namespace energy
