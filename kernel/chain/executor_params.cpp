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
  TB_TRY(activate_params());
  WaitingParams waiting;
  TB_TRY(collect_param_changes(&waiting));
  if (waiting.empty()) return {};
  // A refusal takes values away from whoever shares them, so that plugin is asked once more.
  for (bool again = true; again;) {
    again = false;
    for (ParamChanges& changes : waiting) {
      if (changes.changes.empty()) continue;
      bool refused = false;
      const std::vector<tb_param_change> asked = changes.changes;
      TB_TRY(check_params_step(changes, &refused));
      if (!refused) continue;
      for (const tb_param_change& c : asked) drop_shared(&waiting, changes.key_of(c));
      again = true;
    }
  }
  // All new values are in force before the first plugin is told, so that whom it asks answers by
  // the same set.
  auto values = std::make_shared<ParamValues>(*out_->params);
  for (const ParamChanges& changes : waiting) {
    for (const tb_param_change& c : changes.changes)
      (*values)[changes.machine->index][c.index] = c.new_value;
  }
  values_in_force_ = values.get();
  out_->params = values;
  run_.set_params(out_->params);
  std::vector<std::string> told;
  for (const ParamChanges& changes : waiting) {
    if (!changes.changes.empty()) TB_TRY(change_params_step(changes, &waiting, &told));
  }
  return {};
}

// Governance takes what is due from its queue and has it wait; a refusal is its own matter.
Status Executor::activate_params() {
  const MachineSet::FunctionRef activate = out_->machines->find_function("params/1", "activate");
  if (activate.machine == nullptr) return {};
  return service_step(StepKind::kParams, activate, nullptr, 0, nullptr);
}

// Waiting rows by the plugins that declare them, in the order of the machines. Those that nobody
// declares become rows at once if there is a governance, whose catalogue is wider than the roster;
// else they are dropped.
Status Executor::collect_param_changes(WaitingParams* by_machine) {
  auto rows = rows_below(kWaitingRows);
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return {};
  const bool governed = out_->machines->provider_of("params/1") != nullptr;
  WaitingParams all(out_->machines->machines().size());
  std::vector<std::pair<std::string, std::uint64_t>> vouched;
  for (const auto& [key, row] : *rows) {
    const std::vector<MachineSet::ParamRef>& owners = out_->machines->find_params(key);
    const std::uint64_t value = read_u64_row(BytesView(row));
    std::string wrong;
    if (owners.empty()) {
      if (governed) {
        vouched.emplace_back(key, value);
        continue;
      }
      wrong = "no active plugin has the parameter '" + key + "' any more";
    } else if (const ParamSpec& spec = *owners[0].spec; value < spec.min || value > spec.max) {
      wrong = key + ": " + std::to_string(value) + " is outside " + std::to_string(spec.min) +
              ".." + std::to_string(spec.max);
    }
    if (!wrong.empty()) {
      overlay_.begin_step();
      TB_TRY(overlay_.erase(row_key(kWaitingRows, key)));
      TB_TRY(refuse_params(owners.empty() ? kChainSpace : owners[0].machine->roster.id,
                           owners.empty() ? "unknown_param" : "out_of_bounds", std::move(wrong)));
      continue;
    }
    for (const MachineSet::ParamRef& param : owners) {
      ParamChanges& changes = all[param.machine->index];
      changes.machine = param.machine;
      const std::uint64_t old = (*out_->params)[param.machine->index][param.index];
      changes.changes.push_back({param.index, 0, old, value});
    }
  }
  std::copy_if(all.begin(), all.end(), std::back_inserter(*by_machine),
               [](const ParamChanges& c) { return c.machine != nullptr; });
  return keep_vouched_params(vouched);
}

Status Executor::keep_vouched_params(
    const std::vector<std::pair<std::string, std::uint64_t>>& values) {
  if (values.empty()) return {};
  overlay_.begin_step();
  for (const auto& [key, value] : values) {
    TB_TRY(overlay_.erase(row_key(kWaitingRows, key)));
    TB_TRY(put_row(row_key(kParamRows, key), u64_row(value)));
  }
  Step step;
  step.kind = StepKind::kParams;
  step.plugin = kChainSpace;
  keep_step(std::move(step), nullptr);
  return {};
}

void Executor::drop_shared(WaitingParams* waiting, const std::string& key) {
  for (ParamChanges& changes : *waiting) {
    std::erase_if(changes.changes,
                  [&](const tb_param_change& c) { return changes.key_of(c) == key; });
  }
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
Status Executor::check_params_step(ParamChanges& changes, bool* refused) {
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
  *refused = true;
  for (const tb_param_change& c : changes.changes)
    TB_TRY(overlay_.erase(row_key(kWaitingRows, specs[c.index].key)));
  changes.changes.clear();
  step.false_checks.clear();  // its signature checks are made anew in a replay, too
  keep_step(std::move(step), nullptr);
  return {};
}

// Tells one plugin. If it cannot live with its new values the old ones stay; those that another
// plugin has been told of before hold.
Status Executor::change_params_step(const ParamChanges& changes, WaitingParams* waiting,
                                    std::vector<std::string>* told) {
  const BoundMachine& machine = *changes.machine;
  overlay_.begin_step();
  for (const tb_param_change& c : changes.changes)
    TB_TRY(overlay_.erase(row_key(kWaitingRows, changes.key_of(c))));
  const Overlay::Savepoint before = overlay_.savepoint();
  for (const tb_param_change& c : changes.changes) {
    TB_TRY(put_row(row_key(kParamRows, changes.key_of(c)), u64_row(c.new_value)));
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
  if (step.outcome == Outcome::kApplied) {
    for (const tb_param_change& c : changes.changes) told->push_back(changes.key_of(c));
  } else {
    overlay_.rollback(before);
    take_back_params(changes, waiting, *told);
  }
  keep_step(std::move(step), nullptr);
  return {};
}

void Executor::take_back_params(const ParamChanges& changes, WaitingParams* waiting,
                                const std::vector<std::string>& told) {
  const std::vector<tb_param_change> list = changes.changes;
  for (const tb_param_change& c : list) {
    const std::string& key = changes.key_of(c);
    if (std::find(told.begin(), told.end(), key) != told.end()) continue;
    for (const MachineSet::ParamRef& owner : out_->machines->find_params(key))
      (*values_in_force_)[owner.machine->index][owner.index] = c.old_value;
    for (ParamChanges& other : *waiting) {
      if (other.machine == changes.machine) continue;
      std::erase_if(other.changes,
                    [&](const tb_param_change& o) { return other.key_of(o) == key; });
    }
  }
}

}  // namespace blockd
