#include "kernel/chain/command_step.hpp"

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::int32_t kCodeUnknown = -32601, kCodeParams = -32602, kCodeHook = -32061;

}  // namespace

Status CommandStep::prepare(const MachineSet& machines, const Command& command, std::uint32_t index,
                            const ActiveScripts* scripts) {
  find_method(machines, command.method);
  command_ = &command;
  refusal_.reset();
  around_ = 0;
  if (method_.machine == nullptr) {
    refusal_ = {kCodeUnknown,
                "unknown_command",
                "no plugin of the roster has the command '" + command.method + "'",
                {}};
    return {};
  }
  TB_TRY(read_caller(command, index));
  std::optional<ParamError> wrong;
  TB_TRY(read_params(command, &wrong));
  if (wrong) {
    std::string data = "{\"field\":";
    append_json_string(data, wrong->field);
    data.push_back('}');
    refusal_ = {kCodeParams, method_.machine->machine.manifest->invalid_params_name,
                wrong->field + ": " + wrong->message, std::move(data)};
    return {};
  }
  if (scripts != nullptr) around_ = scripts->around(method_);
  return {};
}

// Commands of one name come one after another. A set of machines lives as long as its block, so
// within one its address tells it from others.
void CommandStep::find_method(const MachineSet& machines, std::string_view name) {
  const bool same_set = machines_ == &machines && method_block_ == run_.blocks();
  if (same_set && method_.machine != nullptr && method_.spec->name == name) return;
  machines_ = &machines;
  method_block_ = run_.blocks();
  method_ = machines.find_command(name);
}

// Plain params are read from their text; others from their tree, which a command of a log brings
// only if its text is not plain.
Status CommandStep::read_params(const Command& command, std::optional<ParamError>* wrong) {
  const std::vector<Field>& fields = method_.spec->params;
  arena_.clear();
  values_.clear();
  if (plain_params_.decode(fields, command.params_text, arena_, &values_)) return {};
  const bool has_tree = command.params_text.empty() || !command.params.is_null();
  if (!has_tree) {
    Result<json::value> parsed = parse_json(command.params_text);
    if (!parsed.ok()) return parsed.status().in("params of command " + to_hex(command.id));
    tree_ = *std::move(parsed);
  }
  *wrong = decode_params(fields, has_tree ? command.params : tree_, arena_, &values_);
  return {};
}

Status CommandStep::read_caller(const Command& command, std::uint32_t index) {
  role_key_.assign(kRoleRows).append(command.from);
  std::string scratch;
  std::optional<BytesView> role;
  TB_TRY(overlay_.find(role_key_, &scratch, &role));
  caller_ = tb_caller{};
  caller_.roles = role_bits(role);
  caller_.account = to_str(command.from);
  std::memcpy(caller_.command_id, command.id.data(), command.id.size());
  caller_.nonce = command.nonce;
  caller_.index = index;
  for (const std::string& cosigner : command.cosigners) {
    if (caller_.cosigner_count < 16) cosigners_[caller_.cosigner_count++] = to_str(cosigner);
  }
  caller_.cosigners = cosigners_;
  // Only the ledger's own commands travel in the paid lanes.
  const bool paid = command.method.starts_with("ledger.");
  const Lane lane = !paid ? Lane::kService : command.lane.value_or(Lane::kConsumer);
  caller_.lane = lane == Lane::kService    ? TB_LANE_SERVICE
                 : lane == Lane::kConsumer ? TB_LANE_CONSUMER
                                           : TB_LANE_INDUSTRIAL;
  caller_.fee = lane == Lane::kService ? 0 : command.fee;
  caller_.pct = command.pct;
  caller_.envelope_bytes = static_cast<std::uint32_t>(command.envelope.size());
  caller_.memo = to_str(command.memo);
  if (command.session.empty()) return {};
  Result<PublicKey> session = array_from_hex<32>(command.session);
  if (!session.ok()) return {};
  session_ = *session;
  caller_.session = to_str(view(session_));
  return {};
}

void CommandStep::before(const ActiveScripts& scripts, std::uint64_t height, Step* step) {
  const MachineSet::FunctionRef& function = scripts.before_apply;
  tb_value params{};
  params.name = to_str("params");
  params.type = TB_TYPE_RECORD;
  params.items = values_.data();
  params.count = static_cast<std::uint32_t>(values_.size());
  const std::vector<tb_value> args = named_args(
      function, {text_value("method", method_.spec->name), text_value("from", command_->from),
                 number_value("height", height), params});
  ValueArena arena;
  ValueOut out(arena);
  run_.start(StepKind::kLua, function.machine, nullptr, nullptr);
  const tb_status status = run_.run_service(function.service, function.function, args.data(),
                                            static_cast<std::uint32_t>(args.size()), out.out());
  if (run_.poisoned()) return;
  run_.finish(status, step);
  step->false_checks.clear();
  if (step->outcome == Outcome::kApplied) {
    note_verdict(*out.finish());
  } else {
    refusal_ = {step->code, step->name, step->text, step->error_data};
  }
}

// {refused, reason, code, name}
void CommandStep::note_verdict(const tb_value& answer) {
  bool refused = false;
  Refusal refusal{kCodeHook, "hook_rejected", "a voted script refused the command", {}};
  for (std::uint32_t i = 0; answer.type == TB_TYPE_RECORD && i < answer.count; ++i) {
    const tb_value& v = answer.items[i];
    const std::string_view name = to_view(v.name);
    if (name == "refused") refused = v.type == TB_TYPE_BOOL && v.num != 0;
    if (name == "reason" && v.type == TB_TYPE_STR && v.str.len != 0) refusal.text = to_view(v.str);
    if (name == "name" && v.type == TB_TYPE_STR && v.str.len != 0) refusal.name = to_view(v.str);
    if (name == "code" && (v.type == TB_TYPE_I64 || v.type == TB_TYPE_U64) && v.num != 0)
      refusal.code = static_cast<std::int32_t>(v.num);
  }
  if (refused) refusal_ = std::move(refusal);
}

void CommandStep::run(const std::vector<std::uint32_t>* trusted, Step* step) {
  const BoundMachine* owner =
      method_.machine == nullptr ? &machines_->machines().front() : method_.machine;
  run_.start(StepKind::kCommand, owner, method_.machine == nullptr ? nullptr : &caller_, trusted);
  tb_status status = TB_FAILED;
  if (refusal_) {
    run_.refuse(refusal_->code, refusal_->name, refusal_->text, refusal_->data);
  } else {
    status =
        run_.run_command(method_.index, values_.data(), static_cast<std::uint32_t>(values_.size()));
  }
  if (!run_.poisoned()) run_.finish(status, step);
}

void CommandStep::after(const ActiveScripts& scripts, std::uint64_t height, const Step& command,
                        Step* step) {
  const MachineSet::FunctionRef& function = scripts.after_apply;
  const std::vector<tb_value> args =
      named_args(function, {text_value("method", method_.spec->name),
                            text_value("from", command_->from), number_value("height", height),
                            bool_value("ok", command.outcome == Outcome::kApplied),
                            text_value("error", command.name)});
  run_.start(StepKind::kLua, function.machine, nullptr, nullptr);
  const tb_status status = run_.run_service(function.service, function.function, args.data(),
                                            static_cast<std::uint32_t>(args.size()), nullptr);
  if (run_.poisoned()) return;
  run_.finish(status, step);
  step->false_checks.clear();
}

}  // namespace blockd
