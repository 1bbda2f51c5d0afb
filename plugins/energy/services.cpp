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

// Receipts of a block as receipts/1 takes them: a record with its type, and who vouches for it.
struct EnergyDraft {
  std::string type = "energy", contract_id, provider;
  std::uint64_t energy_units = 0, price = 0;
  tb::Hash proof_hash;
  tb::Blob provider_signature;
  std::uint64_t signature_nonce = 0;
};
BOOST_DESCRIBE_STRUCT(EnergyDraft, (),
                      (type, contract_id, provider, energy_units, price, proof_hash,
                       provider_signature, signature_nonce))
struct SlashDraft {
  std::string type, provider;
  tb::Hash meter_hash;
  std::uint64_t slash_amount = 0;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(SlashDraft, (), (type, provider, meter_hash, slash_amount, reason))

struct EmitEnergy {
  EnergyDraft draft;
  std::string_view auth;
};
BOOST_DESCRIBE_STRUCT(EmitEnergy, (), (draft, auth))
struct EmitSlash {
  SlashDraft draft;
  std::string_view auth;
};
BOOST_DESCRIBE_STRUCT(EmitSlash, (), (draft, auth))
struct TallyEnergy {
  EnergyDraft draft;
};
BOOST_DESCRIBE_STRUCT(TallyEnergy, (), (draft))
struct TallySlash {
  SlashDraft draft;
};
BOOST_DESCRIBE_STRUCT(TallySlash, (), (draft))

constexpr tb::Function<EmitEnergy> kEmitReceipt{kReceipts, 0};
constexpr tb::Function<EmitSlash> kEmitSlash{kReceipts, 0};
constexpr tb::Function<TallyEnergy> kTallyReceipt{kReceipts, 1};
constexpr tb::Function<TallySlash> kTallySlash{kReceipts, 1};
constexpr tb::Function<Sample> kMarketSample{kReceipts, 2};

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
Result<Done> move(Market& market, tb::Function<Args> function,
                  const std::type_identity_t<Args>& args) {
  if (!market.moves_funds() || args.amount == 0) return Done{};
  const auto answer = market.ctx().call(function, args);
  if (!answer) return refused_by(answer);
  return Done{};
}

// A roster without the receipts plugin issues none.
template <class Args>
Result<Done> ask_receipts(Market& market, tb::Function<Args> function,
                          const std::type_identity_t<Args>& args) {
  const auto answer = market.ctx().call(function, args);
  if (answer.absent || answer) return Done{};
  return refused_by(answer);
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

Result<Done> pay(Market& market, const std::string& buyer, const std::string& owner,
                 const Cost& cost) {
  if (auto paid = move(market, kTransfer, {buyer, owner, cost.payout, "energy settlement", true});
      !paid)
    return paid;
  return move(
      market, kTransfer,
      {buyer, kTreasuryAccount, cost.treasury_fee + cost.jurisdiction_fee, "energy_fee", true});
}

Result<Done> issue_receipt(Market& market, const Receipt& receipt,
                           const std::optional<ReceiptAuth>& auth) {
  const Signature& signature = auth ? auth->signature : receipt.reading.signature;
  EnergyDraft draft;
  draft.contract_id = contract_id(receipt.meter_hash);
  draft.provider = format_provider_id(receipt.seller);
  draft.energy_units = receipt.kwh_delivered;
  draft.price = receipt.price_paid;
  draft.proof_hash = to_tb(receipt.meter_hash);
  draft.provider_signature.data.assign(reinterpret_cast<const char*>(signature.data()),
                                       signature.size());
  draft.signature_nonce = auth ? auth->nonce : receipt.seq;
  if (!market.real()) return ask_receipts(market, kTallyReceipt, {draft});
  return ask_receipts(market, kEmitReceipt, {draft, auth ? "provider" : "plugin"});
}

Result<Done> issue_slash_receipt(Market& market, ProviderId provider, const Hash& meter_hash,
                                 Amount amount, std::string_view reason) {
  const SlashDraft draft{"energy_slash", format_provider_id(provider), to_tb(meter_hash), amount,
                         std::string(reason)};
  if (!market.real()) return ask_receipts(market, kTallySlash, {draft});
  return ask_receipts(market, kEmitSlash, {draft, "ledger"});
}

tb::Status hand_in_sample(tb::Ctx& ctx, const Sample& sample) {
  const auto answer = ctx.call(kMarketSample, sample);
  return answer.absent || answer ? tb::ok() : ctx.fail(answer);
}

void describe_services(tb::Plugin& p) {
  p.requires_service(kLedger, "ledger/1")
      .function(kBalance, "balance")
      .function(kTransfer, "transfer")
      .function(kHold, "hold")
      .function(kRelease, "release")
      .function(kCapture, "capture");
  p.requires_service(kReceipts, "receipts/1")
      .function(kEmitReceipt, "emit_receipt")
      .function(kTallyReceipt, "tally_rehearsal")
      .function(kMarketSample, "market_sample");
}

}  // namespace energy
