// StepRun: what a machine sees as tb_ctx and tb_view, and how a step ends.
//
// One StepRun executes one step after another (commands, hooks, queries) over one Overlay. It gives
// each plugin on the call stack a ctx of its own (namespace, block, caller), opens a savepoint
// around each service call and attempt, counts against the limits of a step (moloch spec 4.3),
// collects effects, and decides the outcome. Plugin code runs inside a guard: an exception, or
// trouble of the host, *poisons* the run: every further call answers TB_ABORTED and nothing of the
// step counts.
//
// Thread: a run belongs to the thread that called start(); a ctx used on another thread, or after
// its call returned, answers TB_E_WRONG_THREAD.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/chain/block.hpp"
#include "kernel/chain/import.hpp"
#include "kernel/chain/machine_set.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/chain/script_tally.hpp"
#include "kernel/chain/verify_cache.hpp"
#include "tb/machine.h"

namespace blockd {

class JsonOut;

inline constexpr std::uint64_t kMaxStepReads = 100'000;
inline constexpr std::uint64_t kMaxStepRows = 1'000'000;
inline constexpr std::uint64_t kMaxStepBytes = 15ull << 20;
inline constexpr std::uint64_t kMaxStepEvents = 10'000;
inline constexpr std::uint64_t kMaxStepCalls = 10'000;
inline constexpr std::size_t kMaxCallDepth = 16;
inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::size_t kMaxValueBytes = 8u << 20;
inline constexpr std::size_t kMaxRecordBytes = 65'536;
inline constexpr std::size_t kMaxSpareEvents = 64, kMaxSpareEventBytes = 4096;  // each
inline constexpr std::uint64_t kHookRows = 100'000;
inline constexpr std::uint64_t kHookRowsKept =
    kHookRows / 4;  // of them, for the provider of receipts/1

// Rows of the step that runs voted scripts at the end of a block: its own, so that hooks of markets
// cannot starve them.
inline constexpr std::uint64_t kScriptRows = 25'000;

inline constexpr std::int32_t kCodeLimit = -34012;
inline constexpr std::int32_t kCodePlugin = -34014;

// Metric increments and log lines of a step; published when its block commits live.
struct Effects {
  struct Metric {
    std::shared_ptr<const Manifest> plugin;
    std::uint32_t metric;
    std::vector<std::string> labels;
    std::int64_t value;
  };
  struct Line {
    std::shared_ptr<const Manifest> plugin;
    std::uint32_t level;
    std::string text;
  };
  std::vector<Metric> metrics;
  std::vector<Line> lines;
};

// Values of parameters in force: by machine index, then by place in its manifest.
using ParamValues = std::vector<std::vector<std::uint64_t>>;

// The block in which steps run.
struct BlockScope {
  const MachineSet* machines = nullptr;
  std::uint64_t height = 0, time_ms = 0, epoch = 0, epoch_length = 1;
  bool last_of_epoch = false;
  Hash seed{};
  PublicKey proposer{};  // zero where no block is being made: dry runs and committed views
  const BoundMachine* receipts = nullptr;  // provider of receipts/1, or null
  ImportSource* imports = nullptr;         // null: nothing can be imported here
};

class StepRun {
 public:
  // Of the last step, when it was refused: what its plugin reported after fail().
  const Effects& refusal_effects() const { return refused_; }
  explicit StepRun(Overlay& overlay);
  ~StepRun();
  StepRun(const StepRun&) = delete;
  StepRun& operator=(const StepRun&) = delete;

  // `effects` null: nobody will publish them. `with_texts` false: results are not wanted (replay).
  void begin_block(const BlockScope& scope, VerifyCache* cache, Effects* effects, bool with_texts);
  // Another set in the same block (a switch of the roster); what the block has counted so far
  // stays.
  void set_scope(const BlockScope& scope) { scope_ = scope; }
  // Whether answers of signature checks are remembered for who asks again: a dry run does it for
  // the block, which is the last to ask.
  void set_remembers_checks(bool remembers) { remembers_checks_ = remembers; }
  // Values of parameters in force; null: their rows are read each time.
  void set_params(std::shared_ptr<const ParamValues> values) { params_ = std::move(values); }

  // Starts a step of `owner`. `checks` (may be null): numbers of the signature checks that were
  // false, all others are taken as true, instead of computing them.
  void start(StepKind kind, const BoundMachine* owner, const tb_caller* caller,
             const std::vector<std::uint32_t>* trusted_checks);

  // Entries of the owner. The answer is what the plugin returned, or TB_ABORTED.
  tb_status run_genesis(const tb_value* alloc, std::uint32_t count);
  tb_status run_command(std::uint32_t method, const tb_value* params, std::uint32_t count);
  tb_status
  run_hook();  // begin, end or epoch, by the kind of the step; TB_OK when the machine has none
  tb_status run_check_params(std::span<const tb_param_change> changes);
  tb_status run_params_changed(std::span<const tb_param_change> changes);
  // A function of a service of the owner, called by the kernel; `result` may be null.
  tb_status run_service(std::uint32_t service, std::uint32_t function, const tb_value* args,
                        std::uint32_t count, tb_out* result);
  tb_status run_migrate(std::uint32_t from_schema, BytesView cursor, std::uint32_t rows,
                        std::optional<Bytes>* next);

  // Ends the step: rolls back what does not count and fills outcome, error, result, events,
  // records, plugins_run and false_checks. The delta stays in the overlay. REQUIRES: !poisoned().
  void finish(tb_status returned, Step* step);

  // Runs `body` on a view in the namespace of `manifest` (its machine may be absent). For queries;
  // nothing is counted. The view stays valid until the next start() or open_view().
  tb_view* open_view(std::shared_ptr<const Manifest> manifest);
  // Asks a read function of a service on behalf of the kernel.
  tb_status ask_kernel(const BoundMachine& provider, std::uint32_t service, std::uint32_t function,
                       tb_out* result);

  // Asks `machine`, inside the running step, whether changes of its parameters make sense together;
  // what it writes is taken back. A machine on the call stack is not asked: it knows, and is asked
  // when they come into force.
  tb_status ask_check_params(const BoundMachine& machine, std::span<const tb_param_change> changes);

  // For services of the kernel's own machine, inside the running step. The row `key` of another
  // namespace; uncounted reads are the kernel's own business.
  tb_status read_row_of(tb_view* view, std::string_view space, BytesView key, bool counted,
                        std::optional<Bytes>* value);
  // Asks a read function of another machine. TB_E_UNSUPPORTED: nobody has it, or who has it is on
  // the call stack.
  tb_status ask_inside(const MachineSet::FunctionRef& function, const tb_value* args,
                       std::uint32_t count, tb_out* result);
  // What a call that the host ended has to return; poisons the run if nobody has said why.
  tb_status ended_by_host(const Status& why);
  // The file of an import, and its rows written into their namespace as part of the running step.
  // Errors of find_import() are the host's trouble: see ended_by_host().
  Result<std::shared_ptr<const NamespaceRows>> find_import(const Hash& blake3) const;
  Status write_import(const NamespaceRows& rows);
  // Whether a namespace holds a row. Errors of the store.
  Result<bool> is_empty_space(std::string_view space) const;
  // Runs of scripts in this block.
  ScriptTally& tally() { return tally_; }
  // The running hook may read and write that many rows, whatever others have used.
  void set_own_rows(std::uint64_t rows) { own_rows_ = rows; }

  // Takes the memory of a step that finish() filled and nobody wants any more.
  void recycle(Step* step);

  // Takes back everything that the step did, finished or not, and heals a poisoned run.
  void discard();
  // Keys and values that the step has put, and its events and records.
  std::uint64_t bytes_written() const { return bytes_; }

  bool poisoned() const { return !poison_.empty(); }
  const std::string& poison() const { return poison_; }
  // Whose trouble poisoned the run: the plugin in the node, or the process of a plugin, which this
  // step brought down (kChild) or which another call did (kBystander: the step may be tried again).
  enum class Poison : std::uint8_t { kPlugin, kChild, kBystander };
  Poison poison_kind() const { return poison_kind_; }
  // For errors to the sender.
  std::string_view poison_name() const {
    return poison_kind_ == Poison::kPlugin ? "internal_plugin_error" : "plugin_crashed";
  }
  void poison_by_child(std::string text, bool caused);
  // Steps of a block wait for a plugin's process that is being started again.
  void set_patient(bool patient) { patient_ = patient; }
  bool patient() const { return patient_; }
  bool pending_work() const { return pending_work_; }
  // How often begin_block() was called.
  std::uint64_t blocks() const { return blocks_; }
  const MachineSet& machines() const { return *scope_.machines; }
  const PublicKey& proposer() const { return scope_.proposer; }
  // Fails the step from the kernel's side (params that do not decode, for example).
  void refuse(std::int32_t code, std::string_view name, std::string_view text,
              std::string data = {});

 private:
  friend struct ContextApi;
  struct Frame;
  struct Mark {
    Overlay::Savepoint overlay;
    std::size_t events, records, metrics, lines;
  };
  struct Error {
    std::int32_t code = 0;
    std::string name, text, data;
    bool set = false;
  };

  Mark mark() const;
  void back_to(const Mark& mark);
  Frame& push(const BoundMachine* machine, const Manifest* manifest, bool read_only);
  void pop();
  void force(std::int32_t code, std::string_view name, std::string text);
  void set_poison(std::string text);
  bool charge_rows(std::uint64_t n);
  std::uint64_t rows_left() const;
  template <class Body>
  tb_status guarded(const Frame& frame, Body&& body);
  template <class Body>
  tb_status run_owner(Body&& body);
  void result_missing(std::uint32_t method, const std::string& why);
  tb_status call_service(Frame& from, std::uint32_t slot, std::uint32_t function,
                         const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error,
                         bool read_only);
  tb_status enter_service(const BoundMachine& provider, std::uint32_t service,
                          std::uint32_t function, tb_str caller, const tb_value* args,
                          std::uint32_t count, tb_out* result, tb_out* error, bool read_only);

  Overlay& overlay_;
  BlockScope scope_;
  VerifyCache* cache_ = nullptr;
  Effects* effects_ = nullptr;
  // What the owner of a command reports after fail(): counters of refusals. Kept although the rest
  // is taken back.
  Effects refused_;
  bool refusing_ = false;
  bool with_texts_ = true, remembers_checks_ = true;
  std::shared_ptr<const ParamValues> params_;

  std::vector<std::unique_ptr<Frame>>
      frames_;  // kept for reuse: a stale ctx never points at freed memory
  std::size_t depth_ = 0;
  const void* thread_ = nullptr;
  StepKind kind_ = StepKind::kCommand;
  bool query_ = false;
  const BoundMachine* owner_ = nullptr;
  tb_caller caller_{};
  const std::vector<std::uint32_t>* trusted_ = nullptr;
  Mark start_{};
  std::uint64_t reads_ = 0, rows_ = 0, bytes_ = 0, calls_ = 0;
  std::uint64_t hook_rows_ = 0;  // of the block
  std::uint64_t blocks_ = 0;
  std::optional<std::uint64_t> own_rows_;
  ScriptTally tally_;
  std::uint32_t checks_ = 0, attempts_ = 0;
  bool charged_ = false, pending_work_ = false, step_pending_ = false;
  Error error_, charge_error_, forced_;
  std::string poison_;
  Poison poison_kind_ = Poison::kPlugin;
  bool patient_ = false;
  std::string result_;
  std::unique_ptr<JsonOut> json_;  // of events and records; with whoever is writing one
  std::vector<Event> events_, spare_events_;
  std::vector<Record> records_;
  std::vector<std::uint32_t> false_checks_;
  std::vector<std::uint8_t> ran_;  // by machine index
  std::vector<BoundMachine::Slot> view_slots_;
  std::shared_ptr<const Manifest> view_manifest_;
};

// For the kernel's own machine: the run that `ctx` belongs to, and the set of its block.
StepRun& run_of(tb_ctx* ctx);
const MachineSet& machines_of(tb_ctx* ctx);

// A tb_out that remembers code, name and text of an error on the way to another writer, which may
// be null.
class ErrorTap : public tb_out {
 public:
  explicit ErrorTap(tb_out* target);
  std::int32_t code = 0;
  std::string name, text;

 private:
  friend struct ErrorTapApi;
  tb_out* target_;
  std::uint32_t depth_ = 0;
};

}  // namespace blockd
