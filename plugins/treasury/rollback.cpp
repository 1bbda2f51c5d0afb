// gov.treasury.rollback_disbursement: a record that is not final ends, and its money comes back
// (5.13).
#include "plugins/gov-core/text.hpp"
#include "plugins/treasury/book.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/services.hpp"
#include "plugins/treasury/spent.hpp"

namespace treasury {
namespace {

constexpr std::size_t kMaxReasonBytes = 1024;

struct RollbackParams {
  std::uint64_t id = 0;
  std::string reason;
  std::optional<std::uint64_t> timestamp;
};
BOOST_DESCRIBE_STRUCT(RollbackParams, (), (id, reason, timestamp))

std::string explain(const Held& held, std::string_view name) {
  if (name == "empty_reason") return "say why: the reason goes to the provenance log";
  if (name == "rollback_window_expired")
    return tb::cat("disbursement ", held.id, " was executed in epoch ",
                   held.progress.executed_epoch, " and its window of ",
                   held.record.rollback_window_epochs, " epochs is over");
  return tb::cat("disbursement ", held.id, " is ", gov::state_name(held.progress.at()),
                 " and stays so");
}

tb::Status take_back(tb::Ctx& ctx, const Held& held) {
  if (held.progress.at() != gov::State::kExecuted) {
    write_row(ctx, "cancelled", held.id, 0);
    return tb::ok();
  }
  const std::uint64_t amount = held.record.amount;
  if (auto s = return_payment(ctx, held.id, amount); !s) return s;
  ctx.erase(escrow_key(held.id));
  write_row(ctx, "cancelled", held.id, static_cast<std::int64_t>(amount));
  take_back_spent(ctx, held.progress.executed_epoch, held.record.destination, amount);
  return tb::ok();
}

tb::Status rollback(tb::Ctx& ctx, const RollbackParams& in, tb::Out& out) {
  if (auto s = need_operator(ctx); !s) return s;
  if (auto s = check_timestamp(ctx, in.timestamp); !s) return s;
  std::optional<Held> held = hold_record(ctx, in.id);
  if (!held) {
    if (!state_of(ctx, in.id)) return unknown(ctx, in.id);
    if (gov::is_blank(in.reason)) return refuse(ctx, "empty_reason", "say why");
    return refuse(ctx, "invalid_state", tb::cat("disbursement ", in.id, " is in the archive"));
  }
  const std::string_view name =
      gov::check_rollback(held->progress.rules(), held->record.windows(), ctx.epoch(), in.reason);
  if (!name.empty()) return refuse(ctx, name, explain(*held, name));
  if (auto s = take_back(ctx, *held); !s) return s;
  gov::Progress next = held->progress.rules();
  next.state = gov::State::kRolledBack;
  Cause cause{std::string(ctx.account()), ctx.epoch(), in.reason, {}, {}, {}};
  if (auto s = enter(ctx, *held, next, cause); !s) return s;
  out.put("ok", true);
  out.put("message", "Disbursement rolled back successfully");
  out.put("status", status_of(held->record, held->progress, std::nullopt));
  return tb::ok();
}

}  // namespace

void describe_rollback(tb::Plugin& p) {
  p.command("gov.treasury.rollback_disbursement", &rollback)
      .role("operator")
      .summary("Roll a disbursement back: before it is executed, or within its window")
      .error(error("unknown_disbursement"))
      .error(error("empty_reason"))
      .error(error("invalid_state"), "it is final or rolled back")
      .error(error("rollback_window_expired"))
      .error(error("operation_expired"))
      .error(error("not_authorized"))
      .field("reason")
      .max(kMaxReasonBytes)
      .help("goes to the provenance log")
      .field("timestamp")
      .unit("seconds")
      .help("when the command was made; refused if that is more than 600 s ago")
      .cli("gov disburse rollback")
      .positional("id")
      .flag("id", "--id")
      .positional("reason")
      .flag("reason", "--reason")
      .now_field("timestamp")
      .say("{message}")
      .alias("gov treasury rollback")
      .alias("gov treasury cancel")
      .alias("gov treasury rollback-remote")
      .example(
          "contract-cli gov disburse rollback --id 12 --reason \"dependency 9 was rolled back\"",
          "prints: Disbursement rolled back successfully");
}

}  // namespace treasury
