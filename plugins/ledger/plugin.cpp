// ledger: accounts, transfers, fees, and the service ledger/1. describe() is the table of contents.
#include <tb/address.hpp>

#include "plugins/ledger/outside.hpp"
#include "plugins/ledger/queries.hpp"
#include "plugins/ledger/service.hpp"
#include "plugins/ledger/sessions.hpp"
#include "plugins/ledger/transfer.hpp"

namespace ledger {
namespace {

tb::Status genesis(tb::Ctx& ctx, std::span<const tb::Allocation> accounts) {
  Supply supply;
  for (const tb::Allocation& allocation : accounts) {
    const std::optional<std::string> address = tb::stored_address(allocation.account);
    if (!address && !is_system_account(allocation.account)) {
      return ctx.fail(kInvalidParams, tb::cat("genesis allocates to '", allocation.account,
                                              "', which is neither an address with a right "
                                              "checksum nor a system account"));
    }
    if (supply.issued + allocation.amount < supply.issued)
      return ctx.fail(kAmountOverflow, "genesis allocates more than 2^64 - 1 in sum");
    supply.issued += allocation.amount;
    const tb::Key key = account_key(address.value_or(std::string(allocation.account)));
    Account account = ctx.load<Account>(key).value_or(Account{});
    account.amount += allocation.amount;  // cannot wrap: it is part of the sum
    ctx.store(key, account);
  }
  ctx.store(kSupplyKey, supply);
  ctx.store(kFeesKey, FeeState{});
  ctx.set(kIssuedGauge, static_cast<std::int64_t>(supply.issued));
  return tb::ok();
}

void describe_commands(tb::Plugin& p) {
  p.command("ledger.transfer", &apply_transfer)
      .role("open")
      .summary("Send money to an account")
      .error(kInsufficientFunds)
      .error(kUnknownAccount)
      .error(kAmountOverflow)
      .error(kNotAllowed, "the receiver is an escrow")
      .error(kSafeMode, "the launch governor keeps the ledger in safe mode")
      .error(kUnknownSession)
      .error(kSessionExpired)
      .error(kSessionLimit)
      .field("to")
      .min(1)
      .max(kMaxAccountBytes)
      .help("an address, or a system account that exists and is no escrow")
      .field("amount")
      .help("smallest units; or amount_consumer and amount_industrial")
      .field("amount_consumer")
      .alias("amount_ct")
      .field("amount_industrial")
      .alias("amount_it");
  p.command("ledger.open_session", &open_session)
      .role("open")
      .summary("Let a session key sign transfers of this account for at most a day")
      .error(kNotAllowed, "signed by a session key")
      .error(kTooManySessions)
      .field("session_pk")
      .help("Ed25519 public key")
      .field("expires_at_ms")
      .unit("ms")
      .field("limit")
      .help("what the session may send in sum, fees included; unlimited if left out");
  p.command("ledger.close_session", &close_session)
      .role("open")
      .summary("Close a session key of this account")
      .error(kNotAllowed, "signed by a session key")
      .error(kUnknownSession)
      .field("session_pk")
      .help("Ed25519 public key");
}

void describe_effects(tb::Plugin& p) {
  p.event(kMovedEvent, "ledger.moved")
      .help("Money moved; without `from` minted, without `to` burned");
  p.record(kMovedRecord, "ledger.moved").help("A mint, a burn, or a move of treasury/pending");
  p.record(kTransferRecord, "ledger.transfer").help("A transfer and its fee");
  p.param(kMaxSupply, "max_supply_block", 40'000'000, 1, std::uint64_t{1} << 62)
      .unit("BLOCK")
      .owner("economics")
      .help("supply up to which ledger/1 mints");
  p.param(kFeeFloorWindow, "fee_floor_window", 256, 1, kSampleRing)
      .alias("mempool.fee_floor_window")
      .unit("samples")
      .help("paid commands whose fee per byte makes the fee floor of their lane");
  p.param(kFeeFloorPercentile, "fee_floor_percentile", 75, 0, 100)
      .alias("mempool.fee_floor_percentile")
      .unit("percent")
      .help("percentile of the window that is the floor");
  p.param(kComfortP90, "consumer_fee_comfort_p90_microunits", 2500, 500, 25'000)
      .unit("micro")
      .help("consumer p90 fee above which the pool refuses industrial commands");
  p.gauge(kIssuedGauge, "ledger_issued_supply").help("Issued and not burned");
  p.gauge(kBaseFeeGauge, "base_fee").help("Base fee of the next block");
  p.gauge(kFeeFloorGauge, "fee_floor_current")
      .labels({"lane"})
      .preset({"consumer"})
      .preset({"industrial"})
      .help("Fee per byte below which the pool refuses a lane's commands");
  p.counter(kWindowChanged, "fee_floor_window_changed_total")
      .help("Changes of fee_floor_window or fee_floor_percentile");
  p.counter(kMoves, "ledger_moves_total")
      .labels({"kind"})
      .preset({"transfer"})
      .help("Moves of money by kind");
  p.counter(kFeesPaid, "ledger_fees_paid_total").help("Fees that transfers paid");
  p.counter(kSessionsOpened, "session_key_issued_total").help("Session keys that were opened");
  p.counter(kSessionsExpired, "session_key_expired_total")
      .help("Commands refused because their session key had expired");
}

void describe(tb::Plugin& p) {
  p.id("ledger").version("1.0.0").sm(1).schema(1).summary(
      "Accounts, transfers and fees; the service ledger/1 moves money for other plugins");
  p.method_prefix("balance").escrow_prefix("ledger");
  p.genesis(&genesis).end(&end_block).params_changed(&params_changed);
  describe_required(p);
  describe_commands(p);
  describe_queries(p);
  describe_service(p);
  describe_effects(p);
  p.panel("Ledger", "Moves of money", "sum by (kind) (rate(ledger_moves_total[5m]))").unit("ops");
  p.panel("Ledger", "Issued supply", "ledger_issued_supply");
}

}  // namespace
}  // namespace ledger

TB_PLUGIN(ledger::describe)
