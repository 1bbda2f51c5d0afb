#include "plugins/energy/commands.hpp"

#include "plugins/energy/disputes.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/providers.hpp"
#include "plugins/energy/readings.hpp"
#include "plugins/energy/settlement.hpp"
#include "plugins/energy/shapes.hpp"

namespace energy {
namespace {

void put_details(const Refusal& refusal, tb::Out& data) {
  for (const auto& [name, value] : refusal.data) {
    std::visit([&, key = name](const auto& held) { data.put(key, held); }, value);
  }
}

// Old names of the reasons, under which the older guide counts them.
std::string_view old_reason(std::string_view reason) {
  if (reason == "invalid_format") return "malformed_signature";
  if (reason == "key_not_found") return "provider_not_registered";
  if (reason == "scheme_unsupported") return "unsupported_scheme";
  return "invalid_signature";
}

void count_signature_failure(tb::Ctx& ctx, std::string_view provider, const Refusal& refusal) {
  if (refusal.data.empty() || refusal.data[0].first != "reason") return;
  const std::string& reason = std::get<std::string>(refusal.data[0].second);
  const auto id = parse_provider_id(provider);
  ctx.add(kSignatureVerificationFailures, 1, {reason});
  ctx.add(kSignatureFailures, 1,
          {id ? format_provider_id(*id) : std::string("unknown"), old_reason(reason)});
  ctx.log(TB_LOG_WARN, tb::cat("signature_verification_failed reason=", reason, " provider=",
                               id ? format_provider_id(*id) : std::string("unknown")));
}

void count(tb::Ctx& ctx, const ReadingParams& in, const Refusal& refusal) {
  ctx.add(kReadingRejects, 1, {reject_reason(refusal.name())});
  count_signature_failure(ctx, in.provider_id, refusal);
  if (refusal.name() == kTimestampSkew.name) {
    ctx.log(TB_LOG_WARN, tb::cat("timestamp_skew provider=", in.provider_id.substr(0, 32),
                                 " skew=", std::get<std::uint64_t>(refusal.data[1].second)));
  }
}
void count(tb::Ctx& ctx, const SettleParams& in, const Refusal& refusal) {
  ctx.add(kSettlementRejects, 1, {refusal.name()});
  if (refusal.name() != kSettlementBelowQuorum.name) return;
  if (const auto id = parse_provider_id(in.provider_id))
    ctx.add(kQuorumShortfalls, 1, {format_provider_id(*id)});
}
template <class P>
void count(tb::Ctx&, const P&, const Refusal&) {}

template <class P>
tb::Status refuse_command(tb::Ctx& ctx, const Params& params, const P& in, const Refusal& refusal) {
  const tb::Status failed = ctx.fail({refusal.error.code, refusal.name()}, refusal.text,
                                     [&](tb::Out& data) { put_details(refusal, data); });
  if (!refusal.charges()) {
    count(ctx, in, refusal);  // reported after fail(), so it stays
    return failed;
  }
  if (auto status = ctx.charge(); !status) return status;
  Market market(ctx, Space::kReal, params);
  refusal.penalty(market);
  market.save();
  count(ctx, in, refusal);
  return failed;
}

// A rule, and how its answer is shown.
template <class P, class T>
struct Rule {
  Result<T> (*run)(Market&, const P&);
  void (*show)(Market&, const T&, tb::Out&);
};

template <class P, class T>
tb::Status run_real(tb::Ctx& ctx, const Params& params, const P& in, tb::Out& out,
                    const Rule<P, T>& rule) {
  Market market(ctx, Space::kReal, params);
  auto result = rule.run(market, in);
  if (!result) return refuse_command(ctx, params, in, result.refusal());
  market.save();
  rule.show(market, *result, out);
  return tb::ok();
}

template <class P, class T>
tb::Status rehearse(tb::Ctx& ctx, const Params& params, const P& in, const Rule<P, T>& rule) {
  Market market(ctx, Space::kRehearsal, params);
  auto result = rule.run(market, in);
  const tb::Status failed = ctx.fail(
      kRehearsal,
      "the market is in rehearsal until its gate opens; would_be tells what would have been",
      [&](tb::Out& data) {
        data.record("would_be", [&](tb::Out& would) {
          if (result)
            return would.record("ok", [&](tb::Out& ok) { rule.show(market, *result, ok); });
          const Refusal& refusal = result.refusal();
          would.record("error", [&](tb::Out& error) {
            error.put("code", refusal.error.code);
            error.put("message", tb::cat(refusal.name(), ": ", refusal.text));
            error.record("data", [&](tb::Out& inner) {
              inner.put("name", refusal.name());
              put_details(refusal, inner);
            });
          });
        });
      });
  if (!result && !result.refusal().charges()) return failed;
  if (auto status = ctx.charge(); !status) return status;
  Market again(ctx, Space::kRehearsal, params);
  if (!result) {
    result.refusal().penalty(again);
  } else if (!rule.run(again, in)) {
    throw std::runtime_error("the rehearsal did not end twice in the same way");
  }
  again.save();
  return failed;
}

template <class P, class T>
tb::Status run_gated(tb::Ctx& ctx, const P& in, tb::Out& out, const Rule<P, T>& rule) {
  const Params params = load_params(ctx);
  return params.launch_autopilot != 0 ? run_real(ctx, params, in, out, rule)
                                      : rehearse(ctx, params, in, rule);
}

void show_one(Market& market, const Provider& provider, tb::Out& out) {
  show_provider(market.ctx(), market.params(), provider, out);
}
void show_standing(Market&, const Provider& provider, tb::Out& out) {
  show_fulfillment(provider, out);
}
void show_minted(Market& market, const Minted& minted, tb::Out& out) {
  const auto status =
      minted.credit.amount_kwh == 0 ? CreditStatus::kConsumed : CreditStatus::kPending;
  show_credit(minted.credit, minted.meter_hash, status, market.expiry(), out);
}
void show_settled(Market&, const Settled& settled, tb::Out& out) {
  if (const auto* receipt = std::get_if<Receipt>(&settled)) return show_receipt(*receipt, out);
  show_queued(std::get<QueuedSettlement>(settled), out);
}
void show_the_dispute(Market&, const Dispute& dispute, tb::Out& out) { show_dispute(dispute, out); }
void show_keys(Market&, const KeysReplaced& done, tb::Out& out) {
  out.put("registered", done.registered);
  out.put("version", done.version);
  out.put("digest", to_tb(done.digest));
}

tb::Status on_register(tb::Ctx& ctx, const RegisterParams& in, tb::Out& out) {
  return run_gated(ctx, in, out, Rule<RegisterParams, Provider>{&register_provider, &show_one});
}
tb::Status on_update(tb::Ctx& ctx, const UpdateParams& in, tb::Out& out) {
  return run_gated(ctx, in, out, Rule<UpdateParams, Provider>{&update_provider, &show_one});
}
tb::Status on_withdraw(tb::Ctx& ctx, const WithdrawParams& in, tb::Out& out) {
  return run_real(ctx, load_params(ctx), in, out,
                  Rule<WithdrawParams, Provider>{&withdraw_stake, &show_one});
}
tb::Status on_reading(tb::Ctx& ctx, const ReadingParams& in, tb::Out& out) {
  return run_gated(ctx, in, out, Rule<ReadingParams, Minted>{&submit_reading, &show_minted});
}
tb::Status on_settle(tb::Ctx& ctx, const SettleParams& in, tb::Out& out) {
  return run_gated(ctx, in, out, Rule<SettleParams, Settled>{&settle, &show_settled});
}
tb::Status on_flag(tb::Ctx& ctx, const FlagParams& in, tb::Out& out) {
  return run_gated(ctx, in, out, Rule<FlagParams, Dispute>{&flag_dispute, &show_the_dispute});
}
// An open dispute of the real market can be resolved while the gate is closed: no money is
// stranded.
tb::Status on_resolve(tb::Ctx& ctx, const ResolveParams& in, tb::Out& out) {
  const Rule<ResolveParams, Dispute> rule{&resolve_dispute, &show_the_dispute};
  const auto real = load_row<Dispute>(ctx, Keys(Space::kReal).dispute(in.dispute_id));
  if (real && !real->resolution) return run_real(ctx, load_params(ctx), in, out, rule);
  return run_gated(ctx, in, out, rule);
}
tb::Status on_fulfillment(tb::Ctx& ctx, const FulfillmentParams& in, tb::Out& out) {
  return run_gated(ctx, in, out,
                   Rule<FulfillmentParams, Provider>{&record_fulfillment, &show_standing});
}
tb::Status on_keys(tb::Ctx& ctx, const KeysParams& in, tb::Out& out) {
  return run_real(ctx, load_params(ctx), in, out,
                  Rule<KeysParams, KeysReplaced>{&set_provider_keys, &show_keys});
}

constexpr std::string_view kAdmin = "energy.admin";
constexpr std::string_view kHash = "meter hash of the reading, 64 hex digits";

void describe_providers(tb::Plugin& p) {
  p.command("energy.register_provider", &on_register)
      .role(kAdmin)
      .rate_class("submit")
      .summary("Register a provider with its meter and stake")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kInsufficientStake)
      .error(kMeterAddressInUse)
      .error(kInsufficientFunds)
      .error(kRehearsal)
      .field("capacity_kwh")
      .unit("kWh")
      .help("what the provider can deliver")
      .field("price_per_kwh")
      .unit("BLOCK")
      .help("price of a kWh")
      .field("stake")
      .unit("BLOCK")
      .default_value(1000)
      .help("bond; at least energy_min_stake")
      .field("meter_address")
      .max(kMaxNameBytes)
      .help("the meter that is bound to the provider")
      .field("jurisdiction")
      .max(kMaxNameBytes)
      .help("such as US_CA")
      .field("owner")
      .defaulted()
      .max(kMaxNameBytes)
      .help("account that holds the stake and is paid")
      .cli("energy register")
      .positional("capacity_kwh")
      .positional("price_per_kwh")
      .example(
          "contract-cli energy register 10000 120 --meter-address meter_a --jurisdiction US_CA "
          "--stake 5000 --owner acct",
          "registers a provider of 10 MWh at 120 a kWh");
  p.command("energy.update_provider", &on_update)
      .role(kAdmin)
      .rate_class("submit")
      .summary("Change a provider's terms, top up its stake, or bring it back")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kUnknownProvider)
      .error(kInsufficientFunds)
      .error(kInsufficientStake)
      .error(kRehearsal)
      .field("provider_id")
      .help("such as energy-0x00000000")
      .field("capacity_kwh")
      .unit("kWh")
      .field("price_per_kwh")
      .unit("BLOCK")
      .field("jurisdiction")
      .max(kMaxNameBytes)
      .field("stake_topup")
      .unit("BLOCK")
      .help("added to the stake")
      .field("reactivate")
      .help("starts the reputation anew and activates the provider")
      .cli("energy update-provider")
      .positional("provider_id");
  p.command("energy.withdraw_stake", &on_withdraw)
      .role(kAdmin)
      .rate_class("submit")
      .summary("Pay stake back to the provider's owner")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kUnknownProvider)
      .error(kInsufficientStake)
      .error(kStakeLocked)
      .field("provider_id")
      .help("such as energy-0x00000000")
      .field("amount")
      .unit("BLOCK")
      .cli("energy withdraw-stake")
      .positional("provider_id")
      .positional("amount");
}

void describe_reading(tb::Plugin& p) {
  p.command("energy.submit_reading", &on_reading)
      .role("energy.oracle")
      .rate_class("submit")
      .summary("Submit a signed meter reading; its increase becomes a credit")
      .error(kInvalidParams)
      .error(kUnknownProvider)
      .error(kProviderInactive)
      .error(kTimestampSkew)
      .error(kNonceReplay)
      .error(kSignatureVerificationFailed,
             "reason: invalid_format, verification_failed, key_not_found or scheme_unsupported")
      .error(kMeterMismatch)
      .error(kStaleReading)
      .error(kInvalidMeterValue)
      .error(kMeterHashConflict)
      .error(kUnauthorized)
      .error(kRehearsal)
      .field("provider_id")
      .help("exactly as it was signed")
      .field("meter_address")
      .field("kwh_reading")
      .unit("kWh")
      .help("total of the meter since it was installed")
      .field("timestamp")
      .unit("seconds")
      .help("Unix time of the reading")
      .field("nonce")
      .help("above that of the last reading")
      .field("signature")
      .help("Ed25519, 64 bytes as hex")
      .cli("energy submit-reading")
      .merge_json("--reading-json")
      .import_verb("energy import", "provider_id", {"NonceReplay"})
      .example("contract-cli energy submit-reading --reading-json @reading.json",
               "mints a credit and prints it");
}

void describe_settlement(tb::Plugin& p) {
  auto& settle = p.command("energy.settle", &on_settle)
                     .role(kAdmin)
                     .rate_class("settle")
                     .summary("Settle kWh against a credit: the buyer pays, the provider is paid");
  for (const tb::Error& error : kSettleErrors) settle.error(error);
  settle.field("provider_id")
      .help("such as energy-0x00000000")
      .field("kwh_consumed")
      .unit("kWh")
      .field("meter_hash")
      .help(kHash)
      .field("buyer")
      .defaulted()
      .help("account that pays; self is the sender")
      .field("queue")
      .defaulted()
      .help("in batch mode: wait for the due block")
      .field("receipt_auth")
      .help("the provider's signature over the block receipt")
      .cli("energy settle")
      .positional("provider_id")
      .positional("kwh_consumed")
      .file_field("receipt_auth")
      .given("buyer", "self")
      .example(
          "contract-cli energy settle energy-0x00000000 400 --meter-hash 8ea2...ec30 --buyer acct",
          "pays for 400 kWh");
  p.command("energy.flag_dispute", &on_flag)
      .alias("energy.dispute")
      .role(kAdmin)
      .rate_class("dispute")
      .summary("Open a dispute on a reading; its credit is frozen")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kAlreadyOpen)
      .error(kUnknownMeterReading)
      .error(kRehearsal)
      .field("meter_hash")
      .help(kHash)
      .field("reason")
      .help("why, up to 1,024 bytes")
      .field("reporter")
      .defaulted()
      .cli("energy flag-dispute");
  p.command("energy.resolve_dispute", &on_resolve)
      .role(kAdmin)
      .rate_class("dispute")
      .summary("End a dispute: free the credit, or slash the provider")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kUnknownDispute)
      .error(kAlreadyResolved)
      .error(kRehearsal)
      .field("dispute_id")
      .alias("id")
      .field("resolver")
      .defaulted()
      .field("resolution_note")
      .field("outcome")
      .defaulted()
      .choices({"resolved", "slashed"})
      .cli("energy resolve-dispute");
}

void describe_rest(tb::Plugin& p) {
  p.command("energy.record_fulfillment", &on_fulfillment)
      .role(kAdmin)
      .rate_class("submit")
      .summary("Record how a delivery went, for the provider's reputation")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .error(kUnknownProvider)
      .error(kRehearsal)
      .field("provider_id")
      .field("fulfillment_ms")
      .unit("ms")
      .field("delivery_success")
      .defaulted()
      .field("meter_consistent")
      .defaulted()
      .field("customer_rating")
      .defaulted()
      .help("0 to 5; used while Bayesian reputation is off")
      .field("failed")
      .defaulted()
      .help("the same as delivery_success: false")
      .field("inconsistent")
      .defaulted()
      .help("the same as meter_consistent: false")
      .cli("energy record-fulfillment")
      .positional("provider_id")
      .flag("fulfillment_ms", "--ms")
      .flag("customer_rating", "--rating");
  p.command("energy.set_provider_keys", &on_keys)
      .role(kAdmin)
      .rate_class("submit")
      .max_bytes(4u << 20)
      .summary("Replace the registry of the providers' keys")
      .error(kInvalidParams)
      .error(kUnauthorized)
      .field("keys")
      .max(kMaxTrustRoots)
      .help("all keys; those that are not listed are revoked")
      .field("keys.public_key_hex")
      .help("Ed25519, 32 bytes as hex")
      .cli("energy oracle keys set")
      .flag("keys", "--file")
      .file_field("keys");
}

}  // namespace

void describe_commands(tb::Plugin& p) {
  describe_providers(p);
  describe_reading(p);
  describe_settlement(p);
  describe_rest(p);
}

}  // namespace energy
