// Executor: one block from a state and a list of commands to outcomes, deltas and roots. The one
// place that knows the order of steps (node-and-cli spec 5.7). Live blocks, replay and rehearsal
// all run through it.
//
// It keeps no state of the chain: what it finds out about the next state lies in its overlay until
// the next call, and its caller writes it, or not. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/merkle.hpp"
#include "kernel/chain/active_scripts.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/command_step.hpp"
#include "kernel/chain/context.hpp"
#include "kernel/chain/migration.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

inline constexpr std::uint64_t kMaxBlockWrites = 64ull << 20;
inline constexpr std::uint32_t kMigrateRowsPerBlock = 2000;
// How often a block, or a command that is no cause of it, meets a plugin's process that goes down.
inline constexpr int kChildTries = 3;

// Where commands are not kept: one may go when so many have begun after it.
inline constexpr std::size_t kCommandsBehind = 32;
static_assert(kCommandsBehind >= MerkleBatch::kWaiting,
              "the tree of commands reads an envelope until it hashes it with those behind it");

struct BlockInput {
  std::uint64_t height = 0, time_ms = 0;
  Hash previous{};
  PublicKey proposer{};                        // as the header names it; zero in the genesis block
  std::shared_ptr<const MachineSet> machines;  // in force before the block
  std::shared_ptr<const ParamValues> params;  // in force before the block; null: read from the rows
  std::shared_ptr<const ActiveScripts> scripts;  // of `machines`; null: governance is asked
  const std::vector<CommandPtr>* commands = nullptr;
  // False: BlockOutput::commands stays empty, and a command may go after kCommandsBehind.
  bool keep_commands = true;
  bool producing =
      false;  // commands that do not fit may be left out; else they make the block invalid
  bool collect = false;                               // build steps, deltas, results and effects
  bool hash_commands = true;                          // false: nobody asks for the command root
  const std::vector<FalseChecks>* trusted = nullptr;  // take signature checks from a logged block
  // The state root that the block's header carries: its macro point must wait for it.
  std::optional<Header::Macro> macro;
  // Peaks of the MMR over all headers below a height; asked when the block is a macro point. Null:
  // a trial, in which no block is one.
  std::function<Result<MmrPeaks>(std::uint64_t height)> peaks;
  // Called before each command, with its place: somebody may bring the command, and fetch what it
  // will read. An error ends the block. May be empty.
  std::function<Status(std::size_t command)> before_command;
  bool changed_world = false;  // a preview: a point that the log knows may be none here
};

struct BlockOutput {
  std::shared_ptr<const MachineSet> machines;    // in force after the block
  std::shared_ptr<const ParamValues> params;     // the same
  std::shared_ptr<const ActiveScripts> scripts;  // the same
  std::vector<CommandPtr> commands;              // that are in it; see keep_commands
  std::vector<Step> steps;                       // without deltas
  Bytes step_bytes, delta_bytes;                 // as join_block() wants them
  Hash receipts_commitment{}, command_root{}, receipt_root{}, write_set_root{};
  Effects effects;
  std::vector<std::size_t> left_out, poisoned, step_of;
  std::vector<std::string> poison_texts, poison_names;
  bool pending_work = false;
  bool macro_point = false;  // the root of the state after this block is wanted
  std::uint64_t migration_steps = 0, migrated_rows = 0;  // applied in this block
};

class Executor {
 public:
  using Provide = std::function<Result<Machine>(const RosterEntry&)>;
  // `imports` may be null: then a block that imports a namespace is an error.
  Executor(const Genesis& genesis, Provide provide, VerifyCache* cache,
           ImportSource* imports = nullptr);

  // Executes on top of `base`. Errors: kUnavailable (a machine of the next roster is missing),
  // kAborted (a hook was poisoned: the block must be dropped), kInvalid (not producing, and a
  // command may not be in this block), kIo and kCorrupt of the store.
  // Bytes that `*output` has already lend their memory.
  Status execute(const KvReader& base, RowCache* rows, const BlockInput& input,
                 BlockOutput* output);
  // Block 0 on an empty state.
  Status execute_genesis(const KvReader& base, std::shared_ptr<const MachineSet> machines,
                         BlockOutput* output);
  // Changed rows of the last block, by (namespace, key). Borrowed until the next call.
  const std::vector<Overlay::Change>& changes() const { return changes_; }

  // The set for a roster. Errors: kUnavailable (a library is missing), kInvalid (the plugins do not
  // fit together).
  Result<std::shared_ptr<const MachineSet>> resolve(const std::vector<RosterEntry>& roster,
                                                    std::uint64_t height) const;

 private:
  struct Switch {
    RosterEntry entry;
    std::uint64_t first_height = 0;
    bool removed = false;
  };

  // Waiting values of one plugin's parameters.
  struct ParamChanges {
    const BoundMachine* machine = nullptr;
    std::vector<tb_param_change> changes;
    const std::string& key_of(const tb_param_change& change) const {
      return machine->machine.manifest->params[change.index].key;
    }
  };
  using WaitingParams = std::vector<ParamChanges>;  // by machine

  Status execute_once(const KvReader& base, RowCache* rows, const BlockInput& input,
                      BlockOutput* output);
  Status begin_block(const KvReader& base, RowCache* rows, const BlockInput& input,
                     BlockOutput* output);
  Status roster_steps();
  Status switch_plugin(const Switch& change);
  Status apply_switch(const Switch& change, std::vector<RosterEntry> roster, Status* refused);
  Status write_param_defaults(const Manifest& manifest);
  Status write_genesis_params();
  // executor_import.cpp
  Status import_steps();
  Status import_namespace(const NamespaceImport& import);
  Status suspend_newcomer(const RosterEntry& entry);
  Status import_rows(const NamespaceImport& import, const BoundMachine& machine, Step* step);
  Status tell_of_import(const NamespaceImport& import, const BoundMachine& machine, Step* refused);
  Status genesis_step(const BoundMachine& machine, const std::vector<tb_value>& alloc);
  Status param_steps();
  Status activate_params();
  Status collect_param_changes(WaitingParams* by_machine);
  Status keep_vouched_params(const std::vector<std::pair<std::string, std::uint64_t>>& values);
  Status check_params_step(ParamChanges& changes, bool* refused);
  Status change_params_step(const ParamChanges& changes, WaitingParams* waiting,
                            std::vector<std::string>* told);
  void take_back_params(const ParamChanges& changes, WaitingParams* waiting,
                        const std::vector<std::string>& told);
  static void drop_shared(WaitingParams* waiting, const std::string& key);
  Status refuse_params(std::string_view plugin, std::string_view name, std::string text);
  Status use_params();
  Status migrate_steps();
  Status migrate_once(const BoundMachine& machine, MigrationProgress at, Step* step);
  Status use_scripts();
  Status renew_scripts();
  Status after_block_step();
  Status command_steps();
  Status one_command(std::size_t input_index);
  // A command that is being executed: its place in the block, and the way back.
  struct CommandEntry {
    std::uint32_t index = 0;
    Overlay::Savepoint before;
  };
  struct HeldStep {
    Step step;
    Bytes delta_bytes;
    std::uint32_t rows = 0;
    std::uint64_t written = 0;
  };
  Status scripted_command(std::size_t input_index, Bytes nonce_key, const CommandEntry& entry);
  HeldStep hold_step(Step&& step);
  void keep_held(HeldStep&& held, const Hash* command_id);
  Status poisoned_command() const;
  void note_poisoned(std::size_t input_index);
  void leave_out(const Overlay::Savepoint& before);
  void leave_out_poisoned(std::size_t input_index, const Overlay::Savepoint& before, bool again);
  void note_command(std::size_t input_index, Outcome outcome);
  bool fits(const Command& command, std::string* why) const;
  Status hook_steps();
  Status macro_step();  // macro_block.cpp
  Status macro_spacing(std::uint64_t* secs);
  Status hook(StepKind kind, const BoundMachine& machine);
  // A function of a service as a step of its plugin, called by the kernel.
  Status service_step(StepKind kind, const MachineSet::FunctionRef& function, const tb_value* args,
                      std::uint32_t count, tb_out* result);
  Status find_commitment();
  void keep_step(Step&& step, const Hash* command_id);
  void scope_block(std::shared_ptr<const MachineSet> machines);
  const std::vector<std::uint32_t>* trusted(StepKind kind, std::string_view plugin,
                                            std::uint32_t command) const;
  Result<std::vector<std::pair<std::string, std::string>>> rows_below(BytesView prefix) const;
  Status put_row(std::string key, BytesView value) { return overlay_.put(key, value); }

  const Genesis& genesis_;
  Provide provide_;
  VerifyCache* cache_;
  ImportSource* imports_;
  Overlay overlay_;
  StepRun run_;
  CommandStep command_step_{run_, overlay_};
  std::string nonce_key_;  // of the running command
  ValueArena arena_;
  std::vector<Overlay::Change> changes_, step_changes_;
  MerkleBatch command_tree_;
  ReceiptTree receipt_tree_;
  const BlockInput* in_ = nullptr;
  BlockOutput* out_ = nullptr;
  ParamValues* values_in_force_ = nullptr;  // while plugins are told of changes
  std::uint64_t envelope_bytes_ = 0, write_bytes_ = 0;
  std::size_t taken_commands_ = 0, failed_commands_ = 0;  // that are in the block; of these
  int tries_ = 0;                                         // of the running command
  std::size_t step_room_ = 0, delta_room_ = 0;  // bytes of the last block: the next is like it
  Hash seed_{};
};

// The row `switch/<id>` of a change of the roster that waits for its block.
std::string waiting_switch_row(const RosterEntry& entry, std::uint64_t first_height,
                               std::string_view status);

// Whether a hook's step left nothing that the log must know.
bool is_silent(const Step& step, std::size_t rows);

// The values of all parameters of `machines` in a state. Errors of the store.
Result<std::shared_ptr<const ParamValues>> read_params(const KvReader& state,
                                                       const MachineSet& machines);

Hash block_seed(const Hash& previous, std::uint64_t height);
// Commitment of a block when no plugin of the roster provides receipts/1 (receipts spec 6.4).
extern const Hash kNoReceipts;

}  // namespace blockd
