#include "kernel/chain/flow/ledger_facts.hpp"

#include "kernel/base/hex.hpp"
#include "kernel/chain/active_scripts.hpp"
#include "kernel/chain/context.hpp"

namespace blockd {
namespace {

constexpr std::string_view kLedgerService = "ledger/1";
constexpr std::string_view kAsker = "chain";

}  // namespace

const tb_value* LedgerFacts::Answer::member(std::string_view name) const {
  for (std::uint64_t i = 0; value != nullptr && i < value->count; ++i) {
    if (to_view(value->items[i].name) == name) return &value->items[i];
  }
  return nullptr;
}

void LedgerFacts::ask(std::string_view function, std::initializer_list<tb_value> args,
                      Answer* answer) const {
  const MachineSet::FunctionRef asked = view_->machines->find_function(kLedgerService, function);
  if (asked.machine == nullptr || asked.machine->machine.table->answer == nullptr) return;
  answer->asked = true;
  ViewContext context(view_, asked.machine->machine.manifest);
  ValueOut out(answer->arena), error(answer->error_arena);
  const std::vector<tb_value> given = named_args(asked, args);
  const tb_status status = asked.machine->machine.table->answer(
      context.view(), asked.service, asked.function, to_str(kAsker), given.data(),
      static_cast<std::uint32_t>(given.size()), out.out(), error.out());
  answer->ok = status == TB_OK;
  if (answer->ok) answer->value = out.finish();
}

std::optional<std::uint64_t> LedgerFacts::number(std::string_view function,
                                                 std::string_view account,
                                                 std::string_view member) const {
  Answer answer;
  ask(function, {text_value("account", account)}, &answer);
  const tb_value* value = answer.member(member);
  return value == nullptr ? std::nullopt : std::optional(value->num);
}

LedgerFacts::Fees LedgerFacts::fees() const {
  Answer answer;
  ask("fee_state", {}, &answer);
  Fees fees;
  if (const tb_value* base = answer.member("base_fee")) fees.base_fee = base->num;
  if (const tb_value* floor = answer.member("consumer_floor")) fees.floor[0] = floor->num;
  if (const tb_value* floor = answer.member("industrial_floor")) fees.floor[1] = floor->num;
  return fees;
}

std::optional<std::uint64_t> LedgerFacts::balance(std::string_view account) const {
  return number("balance", account, "amount");
}

std::optional<bool> LedgerFacts::exists(std::string_view account) const {
  const std::optional<std::uint64_t> known = number("exists", account, "exists");
  return known ? std::optional(*known != 0) : std::nullopt;
}

std::optional<std::uint64_t> LedgerFacts::session_end(std::string_view account,
                                                      std::string_view session_key) const {
  const Result<Bytes> key = from_hex(session_key);
  if (!key.ok()) return 0;  // the form of a command has been checked: it cannot be
  tb_value raw = text_value("key", *key);
  raw.type = TB_TYPE_BYTES;
  Answer answer;
  ask("session", {text_value("account", account), raw}, &answer);
  if (!answer.asked) return std::nullopt;
  const tb_value* end = answer.member("expires_at_ms");
  return end == nullptr ? 0 : end->num;
}

}  // namespace blockd
