// AdmissionPolicy: what one operator lets into the pool of one node, on top of the rules that hold
// for all. It decides nothing about blocks: a command that it refuses may come by another node.
#pragma once

#include <optional>

#include "kernel/chain/command.hpp"

namespace blockd {

class AdmissionPolicy {
 public:
  virtual ~AdmissionPolicy() = default;
  // Asked for each command that is submitted here, after its form, signatures and fee were found
  // good and before the pool and the dry run. Several threads at once. nullopt: it may go on.
  virtual std::optional<Refusal> admit(const Command& command, Lane lane) = 0;
};

}  // namespace blockd
