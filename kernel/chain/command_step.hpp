// CommandStep: one command on a StepRun, with the voted scripts around it. Shared by blocks and dry
// runs.
//
// Called in this order: prepare(); if `around()` has kBefore, before(); run(); if it has kAfter,
// after(). Each of the three is a step of its own and starts the run anew; whoever calls sees after
// each whether the run is poisoned, and keeps or takes back what the overlay has. One thread.
#pragma once

#include <string>
#include <vector>

#include "kernel/chain/active_scripts.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/manifest/plain_params.hpp"

namespace blockd {

class CommandStep {
 public:
  CommandStep(StepRun& run, Overlay& overlay) : run_(run), overlay_(overlay) {}

  // Finds the method, reads the sender's role, decodes the params. What is wrong with the command
  // is told by run(). `scripts` may be null. Errors of the store.
  Status prepare(const MachineSet& machines, const Command& command, std::uint32_t index,
                 const ActiveScripts* scripts);
  std::uint8_t around() const { return around_; }

  // Scripts in front of the command. A refusal is remembered for run(). `*step` is what governance
  // wrote; it does not count if its outcome is not kApplied.
  void before(const ActiveScripts& scripts, std::uint64_t height, Step* step);
  void run(const std::vector<std::uint32_t>* trusted, Step* step);
  void after(const ActiveScripts& scripts, std::uint64_t height, const Step& command, Step* step);

 private:
  struct Refusal {
    std::int32_t code = 0;
    std::string name, text, data;
  };
  void find_method(const MachineSet& machines, std::string_view name);
  Status read_params(const Command& command, std::optional<ParamError>* wrong);
  Status read_caller(const Command& command, std::uint32_t index);
  void note_verdict(const tb_value& answer);

  StepRun& run_;
  Overlay& overlay_;
  ValueArena arena_;
  PlainParams plain_params_;
  std::vector<tb_value> values_;
  json::value tree_;  // values_ may point into it
  const MachineSet* machines_ = nullptr;
  const Command* command_ = nullptr;
  MachineSet::MethodRef method_;
  std::uint64_t method_block_ = 0;  // in which method_ was found, by StepRun::blocks()
  std::uint8_t around_ = 0;
  tb_caller caller_{};
  std::string role_key_;
  tb_str cosigners_[16];
  PublicKey session_{};
  std::optional<Refusal> refusal_;
};

}  // namespace blockd
