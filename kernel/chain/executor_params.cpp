// Parameters of plugins come into force at the start of a block, before any hook
// (governance-treasury spec 4.2: one set for all plugins inside one block). Whoever may change them
// (an operator's command, governance through chain/1) only writes waiting rows.
#include <algorithm>

#include "kernel/chain/executor.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::int32_t kCodeParamRefused = -32061;

std::string row_key(std::string_view rows, std::string_view key) {
  return std::string(rows).append(key);
}

}  // namespace

Result<std::shared_ptr<const ParamValues>> read_params(const KvReader& state,
                                                       const MachineSet& machines) {
  auto values = std::make_shared<ParamValues>();
  std::string key;
  std::optional<Bytes> row;
  for (const BoundMachine& machine : machines.machines()) {
    std::vector<std::uint64_t>& list = values->emplace_back();
    for (const ParamSpec& param : machine.machine.manifest->params) {
      key.assign(kParamRows).append(param.key);
      TB_TRY(state.get(key, &row));
      list.push_back(row ? read_u64_row(BytesView(*row)) : param.default_value);
    }
  }
  return std::shared_ptr<const ParamValues>(std::move(values));
}

// The values in force are fixed for the whole block. Those of the block before still hold when its
// machines do.
Status Executor::use_params() {
  if (in_->params != nullptr && out_->machines == in_->machines) {
    out_->params = in_->params;
  } else {
    Result<std::shared_ptr<const ParamValues>> values = read_params(overlay_, *out_->machines);
    if (!values.ok()) return values.status();
    out_->params = *std::move(values);
  }
  run_.set_params(out_->params);
  return {};
}

Status Executor::param_steps() {
  TB_TRY(use_params());
  std::vector<ParamChanges> waiting;
  TB_TRY(collect_param_changes(&waiting));
  if (waiting.empty()) return {};
  for (ParamChanges& changes : waiting) TB_TRY(check_params_step(changes));
  // All new values are in force before the first plugin is told, so that whom it asks answers by
  // the same set.
  auto values = std::make_shared<ParamValues>(*out_->params);
  for (const ParamChanges& changes : waiting) {
    for (const tb_param_change& c : changes.changes)
      (*values)[changes.machine->index][c.index] = c.new_value;
  }
  out_->params = values;
  run_.set_params(out_->params);
  for (const ParamChanges& changes : waiting) {
    if (!changes.changes.empty()) TB_TRY(change_params_step(changes, values.get()));
  }
  return {};
}

// Waiting rows by the plugin that they belong to, in the order of the machines. Rows that belong to
// nobody any more are dropped.
Status Executor::collect_param_changes(std::vector<ParamChanges>* by_machine) {
  auto rows = rows_below(kWaitingRows);
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return {};
  std::vector<ParamChanges> all(out_->machines->machines().size());
  for (const auto& [key, row] : *rows) {
    const MachineSet::ParamRef param = out_->machines->find_param(key);
    const std::uint64_t value = read_u64_row(BytesView(row));
    std::string wrong;
    if (param.machine == nullptr) {
      wrong = "no active plugin has the parameter '" + key + "' any more";
    } else if (value < param.spec->min || value > param.spec->max) {
      wrong = key + ": " + std::to_string(value) + " is outside " +
              std::to_string(param.spec->min) + ".." + std::to_string(param.spec->max);
    }
    if (!wrong.empty()) {
      overlay_.begin_step();
      TB_TRY(overlay_.erase(row_key(kWaitingRows, key)));
      TB_TRY(refuse_params(param.machine == nullptr ? kChainSpace : param.machine->roster.id,
                           param.machine == nullptr ? "unknown_param" : "out_of_bounds",
                           std::move(wrong)));
      continue;
    }
    ParamChanges& changes = all[param.machine->index];
    changes.machine = param.machine;
    const std::uint64_t old = (*out_->params)[param.machine->index][param.index];
    changes.changes.push_back({param.index, 0, old, value});
  }
  std::copy_if(all.begin(), all.end(), std::back_inserter(*by_machine),
               [](const ParamChanges& c) { return c.machine != nullptr; });
  return {};
}

Status Executor::refuse_params(std::string_view plugin, std::string_view name, std::string text) {
  Step step;
  step.kind = StepKind::kParams;
  step.plugin = plugin;
  step.outcome = Outcome::kRejected;
  step.code = kCodeParamRefused;
  step.name = name;
  step.text = std::move(text);
  keep_step(std::move(step), nullptr);
  return {};
}

// A refusal drops all waiting values of the plugin and is recorded. The check writes nothing,
// whatever it tries.
Status Executor::check_params_step(ParamChanges& changes) {
  overlay_.begin_step();
  const std::vector<ParamSpec>& specs = changes.machine->machine.manifest->params;
  const Overlay::Savepoint before = overlay_.savepoint();
  run_.start(StepKind::kParams, changes.machine, nullptr, nullptr);
  tb_status status = run_.run_check_params(changes.changes);
  if (run_.poisoned()) {
    return Status(Code::kAborted, "block " + std::to_string(in_->height) +
                                      ", check of the parameters of " + changes.machine->roster.id +
                                      ": " + run_.poison());
  }
  Step step;
  run_.finish(status, &step);
  overlay_.rollback(before);
  if (step.outcome == Outcome::kApplied) return {};
  for (const tb_param_change& c : changes.changes)
    TB_TRY(overlay_.erase(row_key(kWaitingRows, specs[c.index].key)));
  changes.changes.clear();
  step.false_checks.clear();  // its signature checks are made anew in a replay, too
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::change_params_step(const ParamChanges& changes, ParamValues* values) {
  const BoundMachine& machine = *changes.machine;
  const std::vector<ParamSpec>& specs = machine.machine.manifest->params;
  overlay_.begin_step();
  for (const tb_param_change& c : changes.changes)
    TB_TRY(overlay_.erase(row_key(kWaitingRows, specs[c.index].key)));
  const Overlay::Savepoint before = overlay_.savepoint();
  for (const tb_param_change& c : changes.changes) {
    TB_TRY(put_row(row_key(kParamRows, specs[c.index].key), u64_row(c.new_value)));
  }
  run_.start(StepKind::kParams, &machine, nullptr,
             trusted(StepKind::kParams, machine.roster.id, 0));
  tb_status status = run_.run_params_changed(changes.changes);
  if (run_.poisoned()) {
    return Status(Code::kAborted, "block " + std::to_string(in_->height) +
                                      ", change of the parameters of " + machine.roster.id + ": " +
                                      run_.poison());
  }
  Step step;
  run_.finish(status, &step);
  if (step.outcome != Outcome::kApplied) {  // the plugin cannot live with them: the old ones stay
    overlay_.rollback(before);
    for (const tb_param_change& c : changes.changes)
      (*values)[machine.index][c.index] = c.old_value;
  }
  keep_step(std::move(step), nullptr);
  return {};
}

}  // namespace blockd
