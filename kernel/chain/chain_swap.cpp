// Another build of a machine takes the place of the present one. All that can be done before is
// done beside the executor, so that the switch itself is a comparison of hashes and a few pointers.
#include <algorithm>

#include "kernel/chain/chain_impl.hpp"

namespace blockd {

Result<Chain::SwapPlan> ChainImpl::plan_swap(const Machine& candidate) const {
  SwapPlan plan;
  plan.from = view();
  std::vector<std::pair<RosterEntry, Machine>> machines;
  for (const RosterEntry& entry : plan.from->machines->roster()) {
    Machine machine;
    if (entry.status == RosterStatus::kActive) {
      Result<Machine> found = entry.id == candidate.manifest->id ? candidate : provide(entry);
      if (!found.ok()) return found.status();
      machine = *std::move(found);
    }
    machines.emplace_back(entry, std::move(machine));
  }
  Result<std::shared_ptr<const MachineSet>> set =
      MachineSet::build(std::move(machines), options_.genesis.kernel_sm);
  if (!set.ok()) return set.status();
  plan.machines = *std::move(set);
  StateView next = *plan.from;
  next.machines = plan.machines;
  plan.scripts = find_scripts(next);
  return plan;
}

// The plan holds if no block since then, published or in flight, has changed the roster or what
// scripts ask for. Values of parameters stand in the order of the roster and the manifests, which
// are the same.
bool ChainImpl::still_holds(const SwapPlan& plan) const {
  if (machines_ == nullptr || params_ == nullptr || plan.scripts == nullptr) return false;
  const auto holds = [&](const StateView& view) {
    return plan.machines->roster_hash() == view.machines->roster_hash() &&
           plan.from->scripts == view.scripts;
  };
  return holds(*view()) && std::all_of(flight_.begin(), flight_.end(),
                                       [&](const Appended& block) { return holds(*block.view); });
}

// The views of blocks in flight as well, which would else bring the former machines back.
void ChainImpl::use_plan(const SwapPlan& plan) {
  const auto take = [&](StateView* view) {
    view->machines = plan.machines;
    view->scripts = plan.scripts;
  };
  for (Appended& block : flight_) take(block.view.get());
  auto next = std::make_shared<StateView>(*view());
  take(next.get());
  show(std::move(next));
  machines_ = plan.machines;
  scripts_ = plan.scripts;
}

Status ChainImpl::swap_machines(const SwapPlan* plan) {
  if (behind_) TB_TRY(finish_commit());
  if (plan != nullptr && still_holds(*plan)) {
    use_plan(*plan);
    set_stalled({});
    return {};
  }
  TB_TRY(drain());
  Result<std::vector<RosterEntry>> roster = read_roster(*state_);
  if (!roster.ok()) return roster.status();
  Result<std::shared_ptr<const MachineSet>> machines = executor_.resolve(*roster, head_ + 1);
  if (!machines.ok()) return machines.status();
  publish(head_, head_time_ms_, head_hash_, *machines);
  set_stalled({});
  return {};
}

}  // namespace blockd
