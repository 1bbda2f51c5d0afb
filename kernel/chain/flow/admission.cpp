#include "kernel/chain/flow/admission.hpp"

#include <algorithm>
#include <array>

#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

// The one plugin whose commands pay fees and travel in the fee lanes (node-and-cli spec 3.2).
constexpr std::string_view kLedgerId = "ledger";
constexpr std::string_view kSessionExpired = "session_expired";

std::uint64_t least_fee(const LanePrice& price, std::uint64_t envelope_bytes) {
  std::uint64_t least = 0;
  if (__builtin_mul_overflow(price.floor, envelope_bytes, &least) ||
      __builtin_add_overflow(least, price.base_fee, &least))
    return kMaxFee;
  return std::min(least, kMaxFee);
}

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

// The member of the params that names who receives the amount; empty when there is none.
std::string_view receiver_of(const std::vector<Field>& fields,
                             const std::vector<tb_value>& values) {
  for (std::size_t i = 0; i < fields.size() && i < values.size(); ++i) {
    if (fields[i].name == "to" && values[i].type == TB_TYPE_STR) return to_view(values[i].str);
  }
  return {};
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
  if (auto refusal = check_session(view, *entry)) return refusal;
  if (auto refusal = check_fee(view, entry)) return refusal;
  find_funds(view, receiver_of(method.spec->params, values), entry);
  return std::nullopt;
}

std::optional<Refusal> Admission::check_session(const StateViewPtr& view,
                                                const PoolEntry& entry) const {
  const Command& command = *entry.command;
  if (command.session.empty() || entry.lane == Lane::kService) return std::nullopt;
  const std::optional<std::uint64_t> end =
      LedgerFacts(view).session_end(command.from, command.session);
  if (!end || *end > entry.entered_ms) return std::nullopt;
  if (*end != 0) {  // the ledger counts those that have expired
    const DryRun dry = chain_.dry_run(view, command);
    if (dry.name == kSessionExpired) chain_.report_refusal(dry);
  }
  Refusal out =
      admission_refusal(admission::kSessionExpired, std::string(kSessionExpired),
                        "session key " + command.session + " of account " + command.from +
                            (*end == 0 ? " is not open" : " expired at " + std::to_string(*end)));
  out.hint = "open one with ledger.open_session, signed by the account";
  return out;
}

// Leaves `funds` unset where no ledger tells them.
void Admission::find_funds(const StateViewPtr& view, std::string_view receiver,
                           PoolEntry* entry) const {
  const bool pays = entry->lane != Lane::kService;
  if (!pays && !limits().service_requires_account) return;
  const LedgerFacts ledger(view);
  const std::string& sender = entry->command->from;
  const Result<std::uint64_t> nonce = chain_.nonce(view, sender);
  if (!nonce.ok()) return;  // the pool finds no window for it then
  const std::optional<bool> exists = *nonce == 0 ? ledger.exists(sender) : std::nullopt;
  entry->sender_known = *nonce > 0 || exists.value_or(pays);
  const std::optional<std::uint64_t> balance = pays ? ledger.balance(sender) : std::nullopt;
  if (!balance) return;
  entry->funds = Funds{*balance, *nonce, UINT64_MAX};
  if (receiver.empty() || receiver == sender) return;
  if (const std::optional<std::uint64_t> held = ledger.balance(receiver))
    entry->funds->receiver_room = UINT64_MAX - *held;
}

std::optional<Refusal> Admission::check_sender(const PoolEntry& entry) const {
  const bool service = entry.lane == Lane::kService;
  if (entry.sender_known || (service && entry.own_account)) return std::nullopt;
  Refusal out = admission_refusal(
      admission::kUnknownSender, "unknown_sender",
      "account " + entry.command->from + " has neither a balance nor sent a command before");
  out.hint = service ? "somebody must pay the account first (mempool.service_requires_account)"
                     : "somebody must pay the account first";
  return out;
}

void Admission::set_limits(const MempoolLimits& limits) {
  std::lock_guard lock(mutex_);
  limits_ = limits;
}

MempoolLimits Admission::limits() const {
  std::lock_guard lock(mutex_);
  return limits_;
}

LedgerFacts::Fees Admission::ledger_fees(const StateViewPtr& view) const {
  {
    std::lock_guard lock(mutex_);
    if (fees_height_ == view->height) return fees_;
  }
  const LedgerFacts::Fees fees = LedgerFacts(view).fees();
  std::lock_guard lock(mutex_);
  fees_ = fees;
  fees_height_ = view->height;
  return fees;
}

LanePrice Admission::price(const StateViewPtr& view, Lane lane) const {
  if (lane == Lane::kService) return {0, limits().service_min_fee_per_byte};
  const LedgerFacts::Fees fees = ledger_fees(view);
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

std::optional<Refusal> Admission::check_fee(const StateViewPtr& view, PoolEntry* entry) const {
  const Command& command = *entry->command;
  const LanePrice price = this->price(view, entry->lane);
  entry->base_fee = price.base_fee;
  const std::uint64_t size = command.envelope.size();
  if (command.fee < price.base_fee || (command.fee - price.base_fee) / size < price.floor) {
    Refusal out =
        admission_refusal(admission::kFeeTooLow, "fee_too_low",
                          "fee " + std::to_string(command.fee) + " for " + std::to_string(size) +
                              " bytes; the base fee is " + std::to_string(price.base_fee) +
                              ", the floor " + std::to_string(price.floor) + " a byte above it");
    const std::uint64_t least = least_fee(price, size);
    out.hint = "an envelope of this size is let in with a fee of " + std::to_string(least);
    if (least <= kMaxSafeInteger) out.expected = least;
    return out;
  }
  return entry->lane == Lane::kIndustrial ? check_comfort(view) : std::nullopt;
}

std::optional<Refusal> Admission::dry_run(const StateViewPtr& view, const Command& command,
                                          DryRun* dry) const {
  DryRun ran = chain_.dry_run(view, command);
  std::optional<Refusal> refusal;
  if (ran.outcome == Outcome::kRejected) {
    refusal = make_refusal(ran.code, ran.name, ran.text);
    refusal->outcome = outcome_name(Outcome::kRejected);
    if (!ran.error_data.empty()) {
      Result<json::value> data = parse_json(ran.error_data);
      if (data.ok() && data->is_object()) refusal->data = std::move(data->get_object());
    }
  }
  if (dry != nullptr) *dry = std::move(ran);
  return refusal;
}

std::uint64_t Admission::least_fee_of(const StateViewPtr& view, std::string_view method,
                                      std::uint64_t envelope_bytes) const {
  const MachineSet::MethodRef found = view->machines->find_command(method);
  if (found.machine == nullptr) return 0;
  return least_fee(price(view, pays_fee(found) ? Lane::kConsumer : Lane::kService), envelope_bytes);
}

}  // namespace blockd
