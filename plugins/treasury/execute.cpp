// gov.treasury.execute_disbursement: matured money goes into escrow (5.12, 6.4).
#include "plugins/treasury/book.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/events.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/services.hpp"
#include "plugins/treasury/spent.hpp"

namespace treasury {
namespace {

struct ExecuteParams {
  std::uint64_t id = 0;
  std::optional<std::uint64_t> nonce;  // the next one unless given
  std::optional<std::string> holder;   // who holds the lease for this account unless given
  std::optional<std::string> tx_ref;
  std::optional<std::vector<Receipt>> receipts;
};
BOOST_DESCRIBE_STRUCT(ExecuteParams, (), (id, nonce, holder, tx_ref, receipts))

void count_refusal(tb::Ctx& ctx, std::string_view name) {
  ctx.add(kExecutionErrors, 1, {reason_label(name)});
  if (name == "dependency_missing") ctx.add(kDependencyFailures, 1, {"missing"});
  if (name == "dependency_pending") ctx.add(kDependencyFailures, 1, {"stale"});
  if (name == "dependency_failed") ctx.add(kDependencyFailures, 1, {"rolled_back_dependency"});
}

tb::Status refuse_execution(tb::Ctx& ctx, std::string_view name, std::string_view text) {
  const tb::Status failed = refuse(ctx, name, text);
  count_refusal(ctx, name);
  return failed;
}

std::uint64_t nonce_of(const ExecuteParams& in, const Lease& lease) {
  return in.nonce.value_or(lease.last_nonce + 1);
}

// Who may execute instead, and what to do about it.
std::string explain_lease(tb::Ctx& ctx, const Lease& lease) {
  if (!lease.held_at(ctx.time_s()))
    return "nobody holds the executor's lease; take it with `contract-cli gov treasury lease "
           "acquire --holder NAME`";
  return tb::cat("the executor's lease is held by '", lease.holder, "' with the account ",
                 lease.account, " for ", lease.expires_at - ctx.time_s(),
                 " s more; execute with that holder and account, or see `contract-cli gov "
                 "treasury lease release`");
}

tb::Status check_lease(tb::Ctx& ctx, const ExecuteParams& in, const Lease& lease) {
  if (lease.held_at(ctx.time_s()) && lease.holder == in.holder.value_or(lease.holder) &&
      lease.account == ctx.account()) {
    if (nonce_of(in, lease) > lease.last_nonce) return tb::ok();
    return refuse_execution(
        ctx, "stale_nonce",
        tb::cat("the lease has seen nonce ", lease.last_nonce, "; use a larger one"));
  }
  return refuse_execution(ctx, "lease_not_held", explain_lease(ctx, lease));
}

std::string explain(const Held& held, std::string_view name, std::uint64_t epoch,
                    std::uint64_t balance) {
  const Progress& p = held.progress;
  if (name == "not_matured")
    return tb::cat("it is scheduled for epoch ", p.scheduled_epoch, ", the chain is in ", epoch);
  if (name == "insufficient_funds")
    return tb::cat("disbursement ", held.id, " needs ", p.amount, " and the treasury has ", balance,
                   "; it stays timelocked until accruals suffice");
  if (name.starts_with("dependency"))
    return tb::cat("disbursement ", held.id,
                   " depends on one that is not final; see gov treasury executor-status");
  return tb::cat("disbursement ", held.id, " is ", gov::state_name(p.at()));
}

tb::Status check_receipts(tb::Ctx& ctx, const ExecuteParams& in, std::uint64_t amount) {
  if (!in.receipts) return tb::ok();
  std::vector<gov::ReceiptLine> lines;
  for (const Receipt& r : *in.receipts) {
    if (r.account.empty() || r.account.size() > gov::kMaxAccountBytes || r.amount == 0)
      return refuse_execution(ctx, "invalid_expected_receipt",
                              gov::payload_rule("invalid_expected_receipt"));
    lines.push_back({r.account, r.amount});
  }
  if (gov::receipts_sum_to(lines, amount)) return tb::ok();
  return refuse_execution(ctx, "expected_receipts_mismatch",
                          tb::cat("the receipts do not add up to ", amount));
}

std::vector<Receipt> receipts_of(const ExecuteParams& in, const Record& record) {
  if (in.receipts && !in.receipts->empty()) return *in.receipts;
  if (!record.expected_receipts.empty()) return record.expected_receipts;
  return {{record.destination, record.amount}};
}

tb::Status check(tb::Ctx& ctx, const ExecuteParams& in, const Held& held) {
  const Progress& p = held.progress;
  const std::uint64_t balance = balance_of(ctx);
  const std::string_view name = gov::check_execution(p.at(), p.scheduled_epoch, ctx.epoch(),
                                                     dependencies_of(ctx, p), balance, p.amount);
  if (!name.empty()) return refuse_execution(ctx, name, explain(held, name, ctx.epoch(), balance));
  return check_receipts(ctx, in, p.amount);
}

// The voted spending policy holds an execution for as long as it says; the record stays timelocked.
tb::Status check_policy(tb::Ctx& ctx, const Held& held) {
  const Record& r = held.record;
  PolicyVerdict verdict;
  if (auto s = ask_policy(
          ctx,
          {held.id, r.destination, r.amount, r.memo, r.proposer, r.scheduled_epoch, balance_of(ctx),
           spent_in(ctx, ctx.epoch()), spent_in(ctx, ctx.epoch(), r.destination)},
          &verdict);
      !s)
    return s;
  if (!verdict.refused) return tb::ok();
  return refuse_execution(ctx, verdict.name,
                          tb::cat("disbursement ", held.id, " is held by the spending policy: ",
                                  verdict.reason, "; it stays timelocked"));
}

tb::Status pay(tb::Ctx& ctx, const ExecuteParams& in, std::uint64_t nonce, Held& held) {
  const std::uint64_t amount = held.record.amount;
  if (auto s = hold_payment(ctx, held.id, amount); !s) {
    ctx.add(kExecutionErrors, 1, {"execution_failed"});
    return s;
  }
  ctx.store(escrow_key(held.id), Escrowed{amount});
  write_row(ctx, "executed", held.id, -static_cast<std::int64_t>(amount));
  note_spent(ctx, held.record.destination, amount);
  held.progress.receipts = receipts_of(in, held.record);
  gov::Progress next = held.progress.rules();
  next.state = gov::State::kExecuted;
  next.executed_epoch = ctx.epoch();
  Cause cause{std::string(ctx.account()), ctx.epoch(), {},
              ctx.command_id().hex(),     in.tx_ref,   nonce};
  return enter(ctx, held, next, cause);
}

void tell(tb::Ctx& ctx, const Held& held) {
  const Record& r = held.record;
  const Progress& p = held.progress;
  ctx.record(kExecutionRecord, {held.id, r.destination, r.amount, r.memo, r.scheduled_epoch,
                                p.tx_hash, p.executed_at});
  const std::uint64_t lag = p.executed_at > p.matured_at ? p.executed_at - p.matured_at : 0;
  ctx.observe(kLag, static_cast<std::int64_t>(lag));
}

tb::Status execute(tb::Ctx& ctx, const ExecuteParams& in, tb::Out& out) {
  if (auto s = need_executor(ctx); !s) return s;
  std::optional<Held> held = hold_record(ctx, in.id);
  if (!held && !state_of(ctx, in.id)) return unknown(ctx, in.id);
  Lease lease = ctx.load<Lease>(kLeaseKey).value_or(Lease{});
  if (auto s = check_lease(ctx, in, lease); !s) return s;
  if (!held) {
    return refuse_execution(ctx, "invalid_state",
                            tb::cat("disbursement ", in.id, " is in the archive"));
  }
  if (auto s = check(ctx, in, *held); !s) return s;
  if (auto s = check_policy(ctx, *held); !s) return s;
  const std::uint64_t nonce = nonce_of(in, lease);
  if (auto s = pay(ctx, in, nonce, *held); !s) return s;
  lease.last_nonce = nonce;
  ctx.store(kLeaseKey, lease);
  tell(ctx, *held);
  out.put("ok", true);
  out.put("message", tb::cat("disbursement ", in.id, " executed: ", held->progress.tx_hash));
  return tb::ok();
}

}  // namespace

void describe_execute(tb::Plugin& p) {
  tb::Method& m = p.command("gov.treasury.execute_disbursement", &execute);
  m.role("treasury.executor").summary("Execute a matured disbursement under the executor's lease");
  for (std::string_view name : {"unknown_disbursement",
                                "not_authorized",
                                "lease_not_held",
                                "stale_nonce",
                                "requires_approval",
                                "still_timelocked",
                                "invalid_state",
                                "not_matured",
                                "dependency_missing",
                                "dependency_failed",
                                "dependency_pending",
                                "insufficient_funds",
                                "invalid_expected_receipt",
                                "expected_receipts_mismatch",
                                "hook_rejected",
                                "lua_syntax_error",
                                "lua_runtime_error",
                                "lua_budget_exceeded",
                                "lua_memory_exceeded",
                                "lua_float_value",
                                "lua_bad_return",
                                "script_hash_mismatch"})
    m.error(error(name));
  m.field("nonce").help("larger than the lease's last one; the next one unless given");
  m.field("holder").min(1).max(64).help("who holds the lease, unless this account holds it anyhow");
  m.field("tx_ref").max(256).help("a note for the timeline");
  m.field("receipts").max(gov::kMaxReceipts).help("who got what; adds up to the amount");
  m.cli("gov disburse execute")
      .positional("id")
      .flag("id", "--id")
      .positional("tx_ref")
      .flag("tx_ref", "--tx-hash")
      .file_field("receipts")
      .say("{message}")
      .alias("gov treasury execute")
      .alias("gov treasury execute-remote")
      .example("contract-cli gov disburse execute --id 12", "holds the amount in treasury/pending");
}

}  // namespace treasury
