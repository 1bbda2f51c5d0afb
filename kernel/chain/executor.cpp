#include "kernel/chain/executor.hpp"

#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

Hash constant(std::string_view hex) {
  Result<Hash> hash = array_from_hex<32>(hex);
  TB_ASSERT(hash.ok());
  return *hash;
}

const std::vector<std::uint32_t>& no_checks() {
  static const std::vector<std::uint32_t> kNone;
  return kNone;
}

// The rows were written in another order: the processor is told of those that come soon.
Hash root_of_writes(const std::vector<Overlay::Change>& changes) {
  constexpr std::size_t kAhead = 8, kMost = 192, kLine = 64;
  WriteSetRoot writes;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i + kAhead < changes.size()) {
      const Overlay::Change& soon = changes[i + kAhead];
      __builtin_prefetch(soon.key.data());
      const BytesView value = soon.after.value_or(BytesView()).substr(0, kMost);
      for (std::size_t at = 0; at < value.size(); at += kLine)
        __builtin_prefetch(value.data() + at);
    }
    auto [space, key] = split_key(changes[i].key);
    writes.add(space, key, changes[i].after);
  }
  return writes.finish();
}

// Commands were parsed a block ago, or by another thread: the processor fetches the next one, and
// the params of the one in front of it.
void fetch_ahead(const std::vector<CommandPtr>& commands, std::size_t running) {
  constexpr std::size_t kLine = 64, kMost = 384;
  if (running + 4 < commands.size() && commands[running + 4] != nullptr) {
    const char* command = reinterpret_cast<const char*>(commands[running + 4].get());
    for (std::size_t at = 0; at < sizeof(Command); at += kLine) __builtin_prefetch(command + at);
  }
  if (running + 2 < commands.size() && commands[running + 2] != nullptr) {
    const BytesView params = commands[running + 2]->params_text.substr(0, kMost);
    for (std::size_t at = 0; at < params.size(); at += kLine)
      __builtin_prefetch(params.data() + at);
  }
}

Status aborted(const StepRun& run, std::uint64_t height, StepKind kind) {
  return Status(Code::kAborted,
                "block " + std::to_string(height) + ", " + std::string(step_kind_name(kind)) +
                    ": " + run.poison(),
                "the block was dropped; load a repaired build of the plugin with `contract-cli "
                "plugin reload`");
}

}  // namespace

const Hash kNoReceipts =
    constant("5bf623df58af64673c7568070bc1bfdf38e2b66f34f350b7732198387e33edec");

Hash block_seed(const Hash& previous, std::uint64_t height) {
  Bytes number;
  put_u64(number, height);
  return blake3({BytesView("tb/block-seed/v1"), view(previous), number});
}

Executor::Executor(const Genesis& genesis, Provide provide, VerifyCache* cache,
                   ImportSource* imports)
    : genesis_(genesis),
      provide_(std::move(provide)),
      cache_(cache),
      imports_(imports),
      run_(overlay_) {
  run_.set_remembers_checks(false);
}

Result<std::shared_ptr<const MachineSet>> Executor::resolve(const std::vector<RosterEntry>& roster,
                                                            std::uint64_t height) const {
  std::vector<std::pair<RosterEntry, Machine>> machines;
  for (const RosterEntry& entry : roster) {
    Machine machine;
    if (entry.status == RosterStatus::kActive) {
      Result<Machine> found = provide_(entry);
      if (!found.ok()) {
        return Status(Code::kUnavailable,
                      "plugin_missing: block " + std::to_string(height) + " needs " + entry.id +
                          " sm " + std::to_string(entry.sm) + "; " + found.status().message(),
                      found.status().hint().empty()
                          ? "put the library into the plugin store; the node goes on by itself"
                          : found.status().hint());
      }
      machine = *std::move(found);
    }
    machines.emplace_back(entry, std::move(machine));
  }
  return MachineSet::build(std::move(machines), genesis_.kernel_sm);
}

// A block that was published is executed as it is: a plugin's process that went down is given
// another chance before the node stops at this height.
Status Executor::execute(const KvReader& base, RowCache* rows, const BlockInput& input,
                         BlockOutput* output) {
  run_.set_patient(true);
  Status status;
  for (int tries = 0; tries < kChildTries; ++tries) {
    status = execute_once(base, rows, input, output);
    if (status.code() != Code::kAborted || run_.poison_kind() == StepRun::Poison::kPlugin) break;
  }
  return status;
}

Status Executor::execute_once(const KvReader& base, RowCache* rows, const BlockInput& input,
                              BlockOutput* output) {
  TB_TRY(begin_block(base, rows, input, output));
  TB_TRY(roster_steps());
  TB_TRY(use_scripts());
  TB_TRY(param_steps());
  TB_TRY(import_steps());
  TB_TRY(migrate_steps());
  for (const BoundMachine& machine : out_->machines->machines())
    TB_TRY(hook(StepKind::kBegin, machine));
  TB_TRY(command_steps());
  TB_TRY(hook_steps());
  TB_TRY(after_block_step());
  TB_TRY(find_commitment());
  TB_TRY(renew_scripts());
  out_->pending_work = run_.pending_work() || out_->migration_steps > 0;
  step_room_ = out_->step_bytes.size();
  delta_room_ = out_->delta_bytes.size();
  overlay_.net_changes(&changes_);
  out_->write_set_root = root_of_writes(changes_);
  out_->command_root = command_tree_.root();
  out_->receipt_root = receipt_tree_.root(out_->receipts_commitment);
  return {};
}

Status Executor::begin_block(const KvReader& base, RowCache* rows, const BlockInput& input,
                             BlockOutput* output) {
  in_ = &input;
  out_ = output;
  Bytes step_bytes = std::move(out_->step_bytes), delta_bytes = std::move(out_->delta_bytes);
  step_bytes.clear();
  delta_bytes.clear();
  *out_ = BlockOutput();
  out_->step_bytes = std::move(step_bytes);
  out_->delta_bytes = std::move(delta_bytes);
  if (input.collect) {
    out_->step_bytes.reserve(step_room_);
    out_->delta_bytes.reserve(delta_room_);
    if (input.commands != nullptr) out_->steps.reserve(input.commands->size());
  }
  changes_.clear();
  overlay_.reset(&base, rows);
  receipt_tree_.clear();
  command_tree_.clear();
  envelope_bytes_ = write_bytes_ = 0;
  taken_commands_ = failed_commands_ = 0;
  tries_ = 0;
  seed_ = block_seed(input.previous, input.height);
  BlockScope scope;  // counters of the block start at zero here, once
  scope.machines = input.machines.get();
  run_.begin_block(scope, cache_, input.collect ? &out_->effects : nullptr, input.collect);
  scope_block(input.machines);
  return {};
}

void Executor::scope_block(std::shared_ptr<const MachineSet> machines) {
  BlockScope scope;
  scope.machines = machines.get();
  scope.height = in_->height;
  scope.time_ms = in_->time_ms;
  scope.epoch_length = genesis_.epoch_length;
  scope.epoch = in_->height / genesis_.epoch_length;
  scope.last_of_epoch = (in_->height + 1) % genesis_.epoch_length == 0;
  scope.seed = seed_;
  scope.proposer = in_->proposer;
  scope.receipts = machines->provider_of("receipts/1");
  scope.imports = imports_;
  out_->machines = std::move(machines);
  run_.set_scope(scope);
}

const std::vector<std::uint32_t>* Executor::trusted(StepKind kind, std::string_view plugin,
                                                    std::uint32_t command) const {
  if (in_->trusted == nullptr) return nullptr;
  for (const FalseChecks& step : *in_->trusted) {
    if (step.kind != kind) continue;
    if (kind == StepKind::kCommand ? step.command == command : step.plugin == plugin)
      return &step.checks;
  }
  return &no_checks();
}

bool is_silent(const Step& step, std::size_t rows) {
  return step.outcome == Outcome::kApplied && step.events.empty() && step.records.empty() &&
         step.false_checks.empty() && rows == 0;
}

// Notes a finished step: its leaves under the receipt root, and, for the log, the step with its
// delta.
void Executor::keep_step(Step&& step, const Hash* command_id) {
  receipt_tree_.add(step, command_id);
  if (!in_->collect) return run_.recycle(&step);
  overlay_.step_changes(&step_changes_);
  if (command_id == nullptr && is_silent(step, step_changes_.size())) return;
  append_step(out_->step_bytes, step);
  put_u32(out_->delta_bytes, static_cast<std::uint32_t>(step_changes_.size()));
  for (const Overlay::Change& change : step_changes_) {
    auto [space, key] = split_key(change.key);
    append_delta_row(out_->delta_bytes, space, key, change.before, change.after);
    write_bytes_ += change.key.size() + (change.after ? change.after->size() : 0);
  }
  out_->steps.push_back(std::move(step));
}

Status Executor::hook(StepKind kind, const BoundMachine& machine) {
  const tb_machine& table = *machine.machine.table;
  if ((kind == StepKind::kBegin ? table.begin
       : kind == StepKind::kEnd ? table.end
                                : table.epoch) == nullptr)
    return {};
  overlay_.begin_step();
  run_.start(kind, &machine, nullptr, trusted(kind, machine.roster.id, 0));
  tb_status status = run_.run_hook();
  if (run_.poisoned()) return aborted(run_, in_->height, kind);
  Step step;
  run_.finish(status, &step);
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::hook_steps() {
  const std::vector<BoundMachine>& machines = out_->machines->machines();
  for (auto it = machines.rbegin(); it != machines.rend(); ++it) TB_TRY(hook(StepKind::kEnd, *it));
  TB_TRY(macro_step());
  if ((in_->height + 1) % genesis_.epoch_length != 0) return {};
  for (const BoundMachine& machine : machines) TB_TRY(hook(StepKind::kEpoch, machine));
  return {};
}

// Its signature checks are computed in a replay, too: a plugin may have several such steps in a
// block, so that a log could not tell whose they are.
Status Executor::service_step(StepKind kind, const MachineSet::FunctionRef& function,
                              const tb_value* args, std::uint32_t count, tb_out* result) {
  overlay_.begin_step();
  run_.start(kind, function.machine, nullptr, nullptr);
  if (kind == StepKind::kLua) run_.set_own_rows(kScriptRows);
  const tb_status status =
      run_.run_service(function.service, function.function, args, count, result);
  if (run_.poisoned()) return aborted(run_, in_->height, kind);
  Step step;
  run_.finish(status, &step);
  step.false_checks.clear();
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::find_commitment() {
  out_->receipts_commitment = kNoReceipts;
  const BoundMachine* provider = out_->machines->provider_of("receipts/1");
  if (provider == nullptr) return {};
  const MachineSet::FunctionRef told = out_->machines->find_function("receipts/1", "commitment");
  if (told.machine != nullptr) {
    overlay_.begin_step();
    run_.start(StepKind::kEnd, provider, nullptr, nullptr);
    arena_.clear();
    ValueOut out(arena_);
    tb_status status = run_.ask_kernel(*provider, told.service, told.function, out.out());
    if (run_.poisoned()) return aborted(run_, in_->height, StepKind::kEnd);
    const tb_value* value = out.finish();
    if (value->type == TB_TYPE_RECORD && value->count == 1) value = value->items;
    BytesView hash = to_view(value->str);
    if (status == TB_OK && value->type == TB_TYPE_BYTES && hash.size() == 32) {
      std::memcpy(out_->receipts_commitment.data(), hash.data(), 32);
      return {};
    }
  }
  return Status(Code::kAborted,
                "plugin " + provider->roster.id +
                    " provides receipts/1, but told no commitment of 32 bytes for block " +
                    std::to_string(in_->height));
}

Status Executor::command_steps() {
  const std::size_t count = in_->commands == nullptr ? 0 : in_->commands->size();
  out_->step_of.assign(count, SIZE_MAX);
  if (in_->keep_commands) out_->commands.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (in_->before_command) TB_TRY(in_->before_command(i));
    fetch_ahead(*in_->commands, i);
    TB_TRY(one_command(i));
  }
  return {};
}

// Whether the command may stand in this block at all; its nonce is looked at later.
bool Executor::fits(const Command& command, std::string* why) const {
  if (command.chain != genesis_.chain_id) {
    *why = "is of another chain";
  } else if (command.expires_at_ms && *command.expires_at_ms < in_->time_ms) {
    *why = "has expired";
  } else if (taken_commands_ >= genesis_.max_commands_per_block ||
             envelope_bytes_ + command.envelope.size() > genesis_.max_block_bytes) {
    *why = "does not fit into the block";
  }
  return why->empty();
}

Status Executor::one_command(std::size_t i) {
  const CommandPtr& command = (*in_->commands)[i];
  overlay_.begin_step();
  const Overlay::Savepoint before = overlay_.savepoint();
  std::string why;
  nonce_key_.assign(kNonceRows).append(command->from);
  std::string scratch;
  std::optional<BytesView> row;
  TB_TRY(overlay_.find(nonce_key_, &scratch, &row));
  if (fits(*command, &why) && read_u64_row(row) + 1 != command->nonce)
    why = "has a nonce that is not the next";
  if (!why.empty()) {
    if (in_->producing) {
      out_->left_out.push_back(i);
      return {};
    }
    return Status(Code::kInvalid, "block " + std::to_string(in_->height) + ": command " +
                                      std::to_string(i) + " " + why);
  }
  CommandEntry entry{static_cast<std::uint32_t>(taken_commands_), before};
  run_.tally().mark();
  TB_TRY(command_step_.prepare(*out_->machines, *command, entry.index, out_->scripts.get()));
  if (command_step_.around() != 0) return scripted_command(i, nonce_key_, entry);
  TB_TRY(overlay_.put(nonce_key_, u64_row(command->nonce)));
  Step step;
  command_step_.run(trusted(StepKind::kCommand, {}, entry.index), &step);
  if (run_.poisoned()) {
    if (!in_->producing) return poisoned_command();
    const bool again = run_.poison_kind() == StepRun::Poison::kBystander && tries_ < kChildTries;
    leave_out_poisoned(i, before, again);
    return again ? one_command(i) : Status();
  }
  if (in_->producing && write_bytes_ + run_.bytes_written() > kMaxBlockWrites) {
    leave_out(before);
    out_->left_out.push_back(i);  // waits for the next block
    return {};
  }
  step.command = entry.index;
  note_command(i, step.outcome);
  keep_step(std::move(step), &command->id);
  return {};
}

Status Executor::poisoned_command() const { return aborted(run_, in_->height, StepKind::kCommand); }

void Executor::note_poisoned(std::size_t i) {
  out_->poisoned.push_back(i);
  out_->poison_texts.push_back(run_.poison());
  out_->poison_names.emplace_back(run_.poison_name());
  tries_ = 0;
}

// Takes the running command back; it is tried `again` when another call ended its plugin's process.
void Executor::leave_out_poisoned(std::size_t i, const Overlay::Savepoint& before, bool again) {
  if (again) {
    ++tries_;
  } else {
    note_poisoned(i);
  }
  leave_out(before);
}

// Nothing of the running command stays, the count of its scripts' failures included.
void Executor::leave_out(const Overlay::Savepoint& before) {
  run_.discard();
  overlay_.rollback(before);
  run_.tally().take_back();
}

void Executor::note_command(std::size_t i, Outcome outcome) {
  const CommandPtr& command = (*in_->commands)[i];
  tries_ = 0;
  envelope_bytes_ += command->envelope.size();
  if (in_->hash_commands) command_tree_.add_borrowed(command->envelope);  // see kCommandsBehind
  out_->step_of[i] = out_->steps.size();
  ++taken_commands_;
  if (in_->keep_commands) out_->commands.push_back(command);
  if (outcome != Outcome::kApplied) ++failed_commands_;
}

}  // namespace blockd
