#include "kernel/chain/flow/admission.hpp"

#include <algorithm>
#include <array>

#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

// The one plugin whose commands pay fees and travel in the fee lanes (node-and-cli spec 3.2).
constexpr std::string_view kLedgerId = "ledger";

bool pays_fee(const MachineSet::MethodRef& method) {
  return method.machine->machine.manifest->id == kLedgerId;
}

Refusal of_params(const ParamError& error, const Manifest& manifest) {
  Refusal out = make_refusal(kRpcInvalidParams, manifest.invalid_params_name,
                             error.field + ": " + error.message);
  out.field = error.field;
  out.nearest = error.nearest;
  out.hint = error.hint;
  if (!error.found.empty()) out.data["found"] = error.found;
  if (!error.expected.empty()) out.data["expected"] = error.expected;
  return out;
}

// The sum of the amounts that a ledger command moves; nullopt when it does not fit with the fee.
std::optional<std::uint64_t> debit_of(const Command& command, const std::vector<Field>& fields,
                                      const std::vector<tb_value>& values) {
  constexpr std::array<std::string_view, 3> kAmounts = {"amount", "amount_consumer",
                                                        "amount_industrial"};
  std::uint64_t sum = command.fee;
  for (std::size_t i = 0; i < fields.size() && i < values.size(); ++i) {
    if (fields[i].type != FieldType::kU64) continue;
    if (std::find(kAmounts.begin(), kAmounts.end(), fields[i].name) == kAmounts.end()) continue;
    if (values[i].type != TB_TYPE_U64) continue;  // not given
    if (__builtin_add_overflow(sum, values[i].num, &sum)) return std::nullopt;
  }
  return sum;
}

// Rows 1 and 2: size, chain, method. Fills `*method`.
std::optional<Refusal> find_method(const StateViewPtr& view, const Command& command,
                                   const Genesis& genesis, MachineSet::MethodRef* method) {
  *method = view->machines->find_command(command.method);
  const std::uint64_t of_method =
      method->spec != nullptr ? method->spec->max_bytes : kMaxEnvelopeBytes;
  const std::uint64_t max = std::min(
      of_method, genesis.max_block_bytes);  // what fits into no block would never leave the pool
  if (command.envelope.size() > max) {
    return make_refusal(kRpcInvalidParams, "invalid_params",
                        "the envelope has " + std::to_string(command.envelope.size()) + " bytes, " +
                            command.method + " takes at most " + std::to_string(max));
  }
  if (command.chain != genesis.chain_id) {
    return admission_refusal(
        admission::kWrongChain, "wrong_chain",
        "the command is for chain \"" + command.chain + "\", this is \"" + genesis.chain_id + "\"");
  }
  if (method->machine == nullptr) {
    return admission_refusal(admission::kUnknownCommand, "unknown_command",
                             "no plugin of the roster has a command " + command.method);
  }
  if (method->machine->roster.status != RosterStatus::kActive) {
    return admission_refusal(
        admission::kUnknownCommand, "unknown_command",
        "plugin " + method->machine->roster.id + " is suspended by the roster");
  }
  return std::nullopt;
}

// The words of the admission list that only the ledger's machine can find.
int ledger_word(std::string_view name) {
  struct Word {
    std::string_view name;
    int code;
  };
  constexpr Word kWords[] = {{"unknown_sender", admission::kUnknownSender},
                             {"insufficient_balance", admission::kInsufficientBalance},
                             {"balance_overflow", admission::kBalanceOverflow},
                             {"fee_too_low", admission::kFeeTooLow},
                             {"session_expired", admission::kSessionExpired}};
  for (const Word& word : kWords) {
    if (word.name == name) return word.code;
  }
  return 0;
}

}  // namespace

std::optional<Refusal> Admission::check(const StateViewPtr& view, const CommandPtr& command,
                                        bool verify, PoolEntry* entry) const {
  MachineSet::MethodRef method;
  if (auto refusal = find_method(view, *command, chain_.genesis(), &method)) return refusal;
  const Manifest& manifest = *method.machine->machine.manifest;
  ValueArena arena;
  std::vector<tb_value> values;
  json::value tree;  // values may point into it
  if (!decode_plain_params(method.spec->params, command->params_text, arena, &values)) {
    const json::value* params = &command->params;
    if (params->is_null() && !command->params_text.empty()) {
      Result<json::value> parsed = parse_json(command->params_text);
      if (!parsed.ok()) return make_refusal(kRpcInternal, "internal", parsed.status().message());
      tree = *std::move(parsed);
      params = &tree;
    }
    if (auto error = decode_params(method.spec->params, *params, arena, &values))
      return of_params(*error, manifest);
  }
  if (!pays_fee(method) && command->lane) {
    Refusal out =
        make_refusal(kRpcInvalidParams, "invalid_params",
                     "command.lane: only commands of the ledger choose a lane; leave it out");
    out.field = "command.lane";
    return out;
  }
  entry->command = command;
  entry->lane = pays_fee(method) ? command->lane.value_or(Lane::kConsumer) : Lane::kService;
  entry->entered_ms = clock_.unix_ms();
  if (command->pct > kMaxPct) {
    return admission_refusal(admission::kInvalidSelector, "invalid_selector", "pct is above 100");
  }
  if (command->fee > kMaxFee) {
    return admission_refusal(admission::kFeeTooLarge, "fee_too_large", "the fee is above 2^63-1");
  }
  if (pays_fee(method)) {
    std::optional<std::uint64_t> debit = debit_of(*command, method.spec->params, values);
    if (!debit)
      return admission_refusal(admission::kFeeOverflow, "fee_overflow",
                               "amount and fee together pass 2^64-1");
    entry->total_debit = *debit;
  }
  if (command->expires_at_ms && *command->expires_at_ms < entry->entered_ms) {
    return admission_refusal(admission::kExpired, "expired",
                             "expires_at_ms " + std::to_string(*command->expires_at_ms) +
                                 " is past, it is " + std::to_string(entry->entered_ms));
  }
  if (verify) {
    if (auto refusal = verify_signatures(*command)) return refusal;
  }
  if (auto refusal = check_fee(view, *command, *entry)) return refusal;
  if (entry->lane == Lane::kService && service_requires_account_) {
    Result<std::uint64_t> nonce = chain_.nonce(view, command->from);
    if (!nonce.ok()) return make_refusal(kRpcInternal, "internal", nonce.status().to_string());
    if (*nonce == 0 && !entry->own_account) {
      return admission_refusal(
          admission::kUnknownSender, "unknown_sender",
          "account " + command->from +
              " has sent nothing yet; its first command must be one of the ledger");
    }
  }
  return std::nullopt;
}

void Admission::set_limits(const MempoolLimits& limits) {
  std::lock_guard lock(mutex_);
  limits_ = limits;
}

MempoolLimits Admission::limits() const {
  std::lock_guard lock(mutex_);
  return limits_;
}

// Asked once for each block that somebody pays a fee in.
Admission::LedgerFees Admission::ledger_fees(const StateViewPtr& view) const {
  {
    std::lock_guard lock(mutex_);
    if (fees_.height == view->height) return fees_;
  }
  LedgerFees fees;
  fees.height = view->height;
  const MachineSet::FunctionRef told = view->machines->find_function("ledger/1", "fee_state");
  if (told.machine != nullptr && told.machine->machine.table->answer != nullptr) {
    ViewContext context(view, told.machine->machine.manifest);
    ValueArena arena, error_arena;
    ValueOut out(arena), error(error_arena);
    const tb_status status =
        told.machine->machine.table->answer(context.view(), told.service, told.function,
                                            to_str("chain"), nullptr, 0, out.out(), error.out());
    const tb_value* answer = status == TB_OK ? out.finish() : nullptr;
    for (std::uint64_t i = 0; answer != nullptr && i < answer->count; ++i) {
      const tb_value& item = answer->items[i];
      if (to_view(item.name) == "base_fee") fees.base_fee = item.num;
      if (to_view(item.name) == "consumer_floor") fees.floor[0] = item.num;
      if (to_view(item.name) == "industrial_floor") fees.floor[1] = item.num;
    }
  }
  std::lock_guard lock(mutex_);
  fees_ = fees;
  return fees;
}

LanePrice Admission::price(const StateViewPtr& view, Lane lane) const {
  if (lane == Lane::kService) return {};
  const LedgerFees fees = ledger_fees(view);
  const std::uint64_t floor = fees.floor[lane == Lane::kIndustrial ? 1 : 0];
  return {fees.base_fee, std::max(floor, limits().least_per_byte(lane))};
}

std::uint64_t Admission::comfort_threshold(const StateViewPtr& view) const {
  if (const std::optional<std::uint64_t> own = limits().comfort_p90) return *own;
  const MachineSet::ParamRef param =
      view->machines->find_param("consumer_fee_comfort_p90_microunits");
  if (param.machine == nullptr) return 0;
  const bool known = view->params != nullptr && param.machine->index < view->params->size() &&
                     param.index < (*view->params)[param.machine->index].size();
  return known ? (*view->params)[param.machine->index][param.index] : param.spec->default_value;
}

std::optional<Refusal> Admission::check_comfort(const StateViewPtr& view) const {
  const std::uint64_t threshold = comfort_threshold(view);
  if (threshold == 0 || !consumer_p90_) return std::nullopt;
  const std::uint64_t p90 = consumer_p90_();
  if (p90 <= threshold) return std::nullopt;
  Refusal out = admission_refusal(
      admission::kFeeTooLow, "fee_too_low",
      "the consumer lane's fees (90th percentile " + std::to_string(p90) + ") are above " +
          std::to_string(threshold) + ", so the industrial lane waits; try again later");
  out.data["reason"] = "comfort_guard";
  return out;
}

std::optional<Refusal> Admission::check_fee(const StateViewPtr& view, const Command& command,
                                            const PoolEntry& entry) const {
  if (entry.lane == Lane::kService) return std::nullopt;
  const LanePrice price = this->price(view, entry.lane);
  if (command.fee < price.base_fee || command.fee / command.envelope.size() < price.floor) {
    return admission_refusal(admission::kFeeTooLow, "fee_too_low",
                             "fee " + std::to_string(command.fee) + " for " +
                                 std::to_string(command.envelope.size()) +
                                 " bytes; the base fee is " + std::to_string(price.base_fee) +
                                 ", the floor " + std::to_string(price.floor) + " a byte");
  }
  return entry.lane == Lane::kIndustrial ? check_comfort(view) : std::nullopt;
}

std::optional<Refusal> Admission::dry_run(const StateViewPtr& view, const Command& command,
                                          DryRun* dry) const {
  DryRun ran = chain_.dry_run(view, command);
  std::optional<Refusal> refusal;
  if (ran.outcome == Outcome::kRejected) {
    const MachineSet::MethodRef method = view->machines->find_command(command.method);
    const int word = method.machine != nullptr && pays_fee(method) ? ledger_word(ran.name) : 0;
    refusal = make_refusal(word != 0 ? kRpcAdmission : ran.code, ran.name, ran.text);
    refusal->admission_code = word;
    refusal->outcome = outcome_name(Outcome::kRejected);
    if (!ran.error_data.empty()) {
      Result<json::value> data = parse_json(ran.error_data);
      if (data.ok() && data->is_object()) refusal->data = std::move(data->get_object());
    }
  }
  if (dry != nullptr) *dry = std::move(ran);
  return refusal;
}

std::uint64_t Admission::least_fee(const StateViewPtr& view, std::string_view method,
                                   std::uint64_t envelope_bytes) const {
  const MachineSet::MethodRef found = view->machines->find_command(method);
  if (found.machine == nullptr || !pays_fee(found)) return 0;
  std::uint64_t floor = 0;
  const LanePrice price = this->price(view, Lane::kConsumer);
  if (__builtin_mul_overflow(price.floor, envelope_bytes, &floor)) return kMaxFee;
  return std::min(std::max(floor, price.base_fee), kMaxFee);
}

}  // namespace blockd
