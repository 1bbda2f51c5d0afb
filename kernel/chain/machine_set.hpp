// MachineSet: the machines that execute a block, in dependency order, with their services bound.
//
// Immutable; shared between the executor, dry runs and views. An entry keeps its library mapped for
// as long as any set that names it lives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/manifest/manifest.hpp"
#include "tb/plugin.h"

namespace blockd {

enum class RosterStatus : std::uint8_t { kActive, kSuspended };

// One row of the replicated roster: namespace `chain`, key `plugin/<id>` (node-and-cli spec 5.16).
struct RosterEntry {
  std::string id;
  std::uint32_t sm = 0, schema = 0;
  Hash consensus_hash{};
  RosterStatus status = RosterStatus::kActive;
  std::uint64_t since = 0;
};

// A machine as loaded: what the host (or the test kit) hands to the chain.
struct Machine {
  std::shared_ptr<const Manifest> manifest;
  const tb_machine* table = nullptr;
  std::shared_ptr<const void> image;  // keeps the library mapped; null for machines linked in
};

// Finds code for a roster entry: loaded, staged, or an older library of the plugin store.
class MachineProvider {
 public:
  virtual ~MachineProvider() = default;
  // A machine of `id` that implements `sm` under `consensus_hash`. Errors: kUnavailable, naming
  // what is missing. [executor]
  virtual Result<Machine> find(const RosterEntry& entry) = 0;
};

struct BoundMachine {
  Machine machine;
  RosterEntry roster;
  std::uint32_t index = 0;  // place in the set
  struct Slot {
    int provider = -1;          // index of the machine that serves it; -1: optional and absent
    std::uint32_t service = 0;  // place in the provider's `provides`
    std::vector<std::uint32_t>
        functions;  // place in requires_.functions -> place in the provider's functions
  };
  std::vector<Slot> slots;  // by place in manifest.requires_
};

class MachineSet {
 public:
  // Sorts by services (ties by id) and binds. The kernel's own machine, id "chain", is added in
  // front. Errors: kInvalid for a missing or circular requirement, a clash of methods, events or
  // escrow prefixes, or a parameter that two declare differently; each names both plugins.
  static Result<std::shared_ptr<const MachineSet>> build(
      std::vector<std::pair<RosterEntry, Machine>> machines, std::uint32_t kernel_sm = 1);

  const std::vector<BoundMachine>& machines() const { return machines_; }
  struct MethodRef {
    const BoundMachine* machine = nullptr;
    const MethodSpec* spec = nullptr;
    std::uint32_t index = 0;
  };
  // A command by name or alias; machine == nullptr when there is none.
  MethodRef find_command(std::string_view name) const;
  const BoundMachine* find(std::string_view id) const;
  struct ParamRef {
    const BoundMachine* machine = nullptr;
    const ParamSpec* spec = nullptr;
    std::uint32_t index = 0;
  };
  // A governance parameter by key or alias; machine == nullptr when no plugin has it. Of several
  // plugins that declare it the first.
  ParamRef find_param(std::string_view key) const;
  // All that declare it, in the order of the machines.
  const std::vector<ParamRef>& find_params(std::string_view key) const;
  // Every parameter by key.
  const std::map<std::string, std::vector<ParamRef>, std::less<>>& params() const {
    return params_;
  }
  // The machine that provides `service` ("receipts/1"), or null.
  const BoundMachine* provider_of(std::string_view service) const;
  // A function of a service, as the kernel calls it itself.
  struct FunctionRef {
    const BoundMachine* machine = nullptr;  // null: nobody has it
    std::uint32_t service = 0, function = 0;
  };
  FunctionRef find_function(std::string_view service, std::string_view function) const;
  // The id of the plugin whose manifest declares the escrow prefix of a system account
  // ("storage/contracts" -> "storage-market"); empty when no active plugin does.
  std::string_view escrow_owner(std::string_view account) const;
  // All entries, suspended ones too, ascending by id; without the kernel's own machine.
  const std::vector<RosterEntry>& roster() const { return roster_; }
  // Binds the slots of a plugin that is not in the set itself (one without machine); what is absent
  // gets provider -1.
  std::vector<BoundMachine::Slot> bind(const Manifest& manifest) const;
  // hash over the canonical JSON of the roster (moloch spec 6.15).
  const Hash& roster_hash() const { return roster_hash_; }

 private:
  Status index_params();

  std::vector<BoundMachine> machines_;
  // Asked with a borrowed name.
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::pair<std::uint32_t, std::uint32_t>, NameHash,
                     std::equal_to<>>
      commands_;
  std::map<std::string, std::vector<ParamRef>, std::less<>> params_;
  std::map<std::string, std::string, std::less<>> param_aliases_;
  std::vector<RosterEntry> roster_;
  Hash roster_hash_{};
};

std::string_view roster_status_name(RosterStatus status);
// The row `plugin/<id>`: canonical JSON {"consensus_hash","id","schema","since","sm","status"}.
std::string roster_row(const RosterEntry& entry);
Result<RosterEntry> parse_roster_row(std::string_view row);
Hash roster_hash_of(std::uint32_t kernel_sm, const std::vector<RosterEntry>& ascending);

// The kernel's own machine, id "chain": chain.set_plugin, chain.set_params, chain.noop, and the
// service chain/1 by which governance changes parameters, roles and the roster. Lives for ever.
// [any]
const Machine& chain_machine();

}  // namespace blockd
