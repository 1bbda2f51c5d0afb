// Voted scripts in a block: around the commands that they list, and at its end (governance spec
// 5.9, 7.2). What they may do is governance's matter; here they are steps of its plugin.
#include <algorithm>

#include "kernel/chain/executor.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {

// What holds for the whole block is what governance told before anything in it happened.
Status Executor::use_scripts() {
  if (in_->scripts != nullptr && out_->machines == in_->machines) {
    out_->scripts = in_->scripts;
    return {};
  }
  auto scripts = ask_active_scripts(run_, overlay_);
  if (!scripts.ok()) return scripts.status();
  out_->scripts = *std::move(scripts);
  return {};
}

// For the next block, when governance has changed its scripts in this one.
Status Executor::renew_scripts() {
  const std::string key = active_scripts_row(*out_->machines);
  if (key.empty()) return {};
  std::string scratch;
  std::optional<BytesView> row;
  TB_TRY(overlay_.find(key, &scratch, &row));
  const std::optional<Bytes>& known = out_->scripts->row;
  if (row.has_value() == known.has_value() && (!row || *row == *known)) return {};
  auto scripts = ask_active_scripts(run_, overlay_);
  if (!scripts.ok()) return scripts.status();
  out_->scripts = *std::move(scripts);
  return {};
}

// The last step of a block. Also taken when a script ran for some other reason, since governance
// counts failures.
Status Executor::after_block_step() {
  const ActiveScripts& scripts = *out_->scripts;
  const MachineSet::FunctionRef& function = scripts.after_block;
  if (function.machine == nullptr) return {};
  const auto runs = run_.tally().of(function.machine->roster.id);
  const bool last = (in_->height + 1) % genesis_.epoch_length == 0;
  if (!scripts.block && !(scripts.epoch && last) && runs.empty()) return {};
  std::vector<std::array<tb_value, 3>> members;
  std::vector<tb_value> list;
  members.reserve(runs.size());
  for (const auto& [name, tally] : runs) {
    auto& record = members.emplace_back(
        std::array<tb_value, 3>{text_value("name", name), bool_value("ok_since", tally.ok_since),
                                number_value("failed", tally.failed)});
    tb_value& item = list.emplace_back();
    item.type = TB_TYPE_RECORD;
    item.items = record.data();
    item.count = 3;
  }
  tb_value tallies{};
  tallies.name = to_str("tallies");
  tallies.type = TB_TYPE_LIST;
  tallies.items = list.data();
  tallies.count = static_cast<std::uint32_t>(list.size());
  const std::vector<tb_value> args =
      named_args(function, {number_value("commands", taken_commands_),
                            number_value("failed", failed_commands_), tallies});
  return service_step(StepKind::kLua, function, args.data(),
                      static_cast<std::uint32_t>(args.size()), nullptr);
}

// A step that is kept only when the whole command is.
Executor::HeldStep Executor::hold_step(Step&& step) {
  HeldStep held;
  if (in_->collect) {
    overlay_.step_changes(&step_changes_);
    held.rows = static_cast<std::uint32_t>(step_changes_.size());
    for (const Overlay::Change& change : step_changes_) {
      auto [space, key] = split_key(change.key);
      append_delta_row(held.delta_bytes, space, key, change.before, change.after);
      held.written += change.key.size() + (change.after ? change.after->size() : 0);
    }
  }
  held.step = std::move(step);
  return held;
}

void Executor::keep_held(HeldStep&& held, const Hash* command_id) {
  receipt_tree_.add(held.step, command_id);
  if (!in_->collect) return;
  if (command_id == nullptr && is_silent(held.step, held.rows)) return;
  append_step(out_->step_bytes, held.step);
  put_u32(out_->delta_bytes, held.rows);
  out_->delta_bytes.append(held.delta_bytes);
  write_bytes_ += held.written;
  out_->steps.push_back(std::move(held.step));
}

// A command with scripts around it: up to three steps, which stay or go together.
Status Executor::scripted_command(std::size_t i, Bytes nonce_key, const CommandEntry& entry) {
  const Command& command = *(*in_->commands)[i];
  const ActiveScripts& scripts = *out_->scripts;
  const std::size_t metrics = out_->effects.metrics.size(), lines = out_->effects.lines.size();
  const std::uint8_t around = command_step_.around();
  HeldStep before, after;
  std::uint64_t bytes = 0;
  auto drop_effects = [&]() {
    out_->effects.metrics.resize(metrics);
    out_->effects.lines.resize(lines);
  };
  auto poisoned = [&]() -> Status {
    if (!in_->producing) return poisoned_command();
    const bool again = run_.poison_kind() == StepRun::Poison::kBystander && tries_ < kChildTries;
    leave_out_poisoned(i, entry.before, again);
    drop_effects();
    return again ? one_command(i) : Status();
  };
  if ((around & ActiveScripts::kBefore) != 0) {
    Step step;
    command_step_.before(scripts, in_->height, &step);
    if (run_.poisoned()) return poisoned();
    bytes += run_.bytes_written();
    if (step.outcome == Outcome::kApplied) before = hold_step(std::move(step));
    overlay_.begin_part();
  }
  TB_TRY(put_row(std::move(nonce_key), u64_row(command.nonce)));
  Step step;
  command_step_.run(trusted(StepKind::kCommand, {}, entry.index), &step);
  if (run_.poisoned()) return poisoned();
  bytes += run_.bytes_written();
  step.command = entry.index;
  HeldStep own = hold_step(std::move(step));
  if ((around & ActiveScripts::kAfter) != 0) {
    overlay_.begin_part();
    Step last;
    command_step_.after(scripts, in_->height, own.step, &last);
    if (run_.poisoned()) return poisoned();
    bytes += run_.bytes_written();
    after = hold_step(std::move(last));
  }
  if (in_->producing && write_bytes_ + bytes > kMaxBlockWrites) {
    leave_out(entry.before);
    drop_effects();
    out_->left_out.push_back(i);  // waits for the next block
    return {};
  }
  keep_held(std::move(before), nullptr);
  note_command(i, own.step.outcome);  // the place of its step is behind the one before
  keep_held(std::move(own), &command.id);
  keep_held(std::move(after), nullptr);
  return {};
}

}  // namespace blockd
