#include "plugins/energy/services.hpp"

#include "plugins/energy/settlement.hpp"
#include "tb/ledger.hpp"

namespace energy {
namespace {

using Ledger = tb::Ledger<0>;
constexpr tb::Service kReceipts{1};
constexpr tb::Service kTreasury{2};

// treasury/1: `from` stays empty, since this plugin moves the money itself.
struct AccrueArgs {
  std::string_view source, from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccrueArgs, (), (source, from, amount))
constexpr tb::Function<AccrueArgs> kAccrue{kTreasury, 0};

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

Result<Done> done(const tb::Answer<tb::NoArgs>& answer) {
  if (!answer) return refused_by(answer);
  return Done{};
}

bool nothing_moves(const Market& market, Amount amount) {
  return !market.moves_funds() || amount == 0;
}

// Tells the treasury where the money came from that has just been moved there. A roster without a
// treasury keeps no book of it; the account is the same.
Result<Done> book_accrual(Market& market, std::string_view source, Amount amount) {
  const auto booked = market.ctx().call(kAccrue, {source, {}, amount});
  if (!booked && !booked.absent) return refused_by(booked);
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
  const auto answer = Ledger::balance(market.ctx(), account);
  if (!answer) return refused_by(answer);
  return answer->amount >= amount;
}

std::optional<std::uint64_t> ledger_balance(tb::View& view, std::string_view account) {
  const auto answer = Ledger::balance(view, account);
  return answer ? std::optional(answer->amount) : std::nullopt;
}

Result<Done> hold_stake(Market& market, const std::string& owner, Amount amount) {
  if (nothing_moves(market, amount)) return Done{};
  return done(Ledger::hold(market.ctx(), owner, kStakesAccount, amount, "energy stake",
                           tb::Consent::kChecked));
}
Result<Done> release_stake(Market& market, const std::string& owner, Amount amount) {
  if (nothing_moves(market, amount)) return Done{};
  return done(Ledger::release(market.ctx(), kStakesAccount, owner, amount, "energy stake"));
}

Result<Done> forfeit_stake(Market& market, Amount amount) {
  if (nothing_moves(market, amount)) return Done{};
  if (auto taken = done(
          Ledger::capture(market.ctx(), kStakesAccount, kTreasuryAccount, amount, kSlashSource));
      !taken)
    return taken;
  return book_accrual(market, kSlashSource, amount);
}

Result<Done> pay(Market& market, const std::string& buyer, const std::string& owner,
                 const Cost& cost) {
  if (!nothing_moves(market, cost.payout)) {
    if (auto paid = done(Ledger::transfer(market.ctx(), buyer, owner, cost.payout,
                                          "energy settlement", tb::Consent::kChecked));
        !paid)
      return paid;
  }
  const Amount fee = cost.treasury_fee + cost.jurisdiction_fee;
  if (nothing_moves(market, fee)) return Done{};
  if (auto paid = done(Ledger::transfer(market.ctx(), buyer, kTreasuryAccount, fee, kFeeSource,
                                        tb::Consent::kChecked));
      !paid)
    return paid;
  return book_accrual(market, kFeeSource, fee);
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
  Ledger::require(p);
  p.requires_service(kReceipts, "receipts/1")
      .function(kEmitReceipt, "emit_receipt")
      .function(kTallyReceipt, "tally_rehearsal")
      .function(kMarketSample, "market_sample");
  p.requires_service(kTreasury, "treasury/1").optional().function(kAccrue, "accrue");
}

}  // namespace energy
