// ActiveScripts: what governance's scripts want to be called for, as governance told it at one
// state (service scripts/1). Kept by the executor and the views until governance rewrites its row
// `scripts/active`, so that a chain without scripts pays one look at that row a block.
//
// Immutable. Belongs to one MachineSet and must not outlive it. [any]
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/chain/context.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

struct ActiveScripts {
  static constexpr std::uint8_t kBefore = 1, kAfter = 2;

  MachineSet::FunctionRef before_apply, after_apply, after_block;
  bool block = false, epoch = false;
  // By machine and place of the method in its manifest: kBefore, kAfter. Empty: no command at all.
  std::vector<std::vector<std::uint8_t>> methods;
  std::optional<Bytes> row;  // `scripts/active` when governance was asked

  std::uint8_t around(const MachineSet::MethodRef& method) const {
    if (methods.empty() || method.machine == nullptr) return 0;
    const std::vector<std::uint8_t>& list = methods[method.machine->index];
    return method.index < list.size() ? list[method.index] : 0;
  }
};

// The row of the provider of scripts/1 whose change means: ask again. Empty: no provider.
std::string active_scripts_row(const MachineSet& machines);

// Asks governance, on `overlay`, with `run`, whose block is open. An answer that is refused, or no
// governance: nothing is active. Errors: kAborted when the question poisoned the run; of the store.
Result<std::shared_ptr<const ActiveScripts>> ask_active_scripts(StepRun& run, Overlay& overlay);

// Arguments of `function` in its declared order, from what the kernel has by name; what it does not
// have is absent.
std::vector<tb_value> named_args(const MachineSet::FunctionRef& function,
                                 std::initializer_list<tb_value> values);
tb_value text_value(std::string_view name, std::string_view text);
tb_value number_value(std::string_view name, std::uint64_t number);
tb_value bool_value(std::string_view name, bool value);

}  // namespace blockd
