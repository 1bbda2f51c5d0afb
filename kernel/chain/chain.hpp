// Chain: the deterministic core. It owns the block log and the state store, executes batches,
// commits blocks, replays.
//
// Execution may be ahead of the disk: while a block is being synced the next ones are executed on
// top of it (ChainOptions::ahead_blocks). Such a block is "in flight". Nobody sees it: its view,
// its effects, its macro point and its place among the readable blocks come when settle() finds it
// durable, in order of height, and its rows reach no disk before.
//
// A Chain has no threads (but one for state roots and one for syncs, where they are asked for), no
// timers and no sockets. `produce`, `settle`, `swap` and `close` are called from one thread (the
// executor); `view`, `dry_run` and the readers of blocks from any thread. Everything it needs from
// outside (disk, clock, store, code) comes through ChainOptions, so that the simulator and the test
// kit run this very class.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/chain/import.hpp"
#include "kernel/chain/machine_set.hpp"
#include "kernel/chain/migration.hpp"
#include "kernel/chain/preview.hpp"
#include "kernel/storage/block_log.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

// What is fixed by the genesis (moloch spec 6.17).
struct Genesis {
  std::string chain_id = "dev";
  std::uint64_t timestamp_ms = 0;
  std::uint64_t epoch_length = 120;  // blocks
  std::uint32_t max_commands_per_block = 10'000;
  std::uint64_t max_block_bytes = 10ull << 20;
  std::uint64_t macro_interval_blocks = 1024;
  std::uint32_t kernel_sm = 1;
  std::string authority = "operator";  // who may chain.set_plugin: operator | governance
  struct Validator {
    std::string name;
    std::uint64_t power = 1;
    PublicKey key{};
  };
  std::vector<Validator> validators;
  std::vector<std::pair<std::string, std::uint64_t>> alloc;  // account -> amount, ascending
  std::vector<std::pair<std::string, std::string>>
      roles;  // account -> operator | admin | ..., ascending
  std::vector<std::pair<std::string, std::uint64_t>> params;  // key -> value, ascending
  std::vector<RosterEntry> plugins;                           // roster of block 0, ascending by id
  std::vector<NamespaceImport> imports;                       // ascending by namespace

  static Result<Genesis> parse(std::string_view json_text);
  std::string to_json() const;  // canonical
  Hash hash() const;
};

struct ActiveScripts;
class MacroPoint;

// One committed state: what queries, dry runs and faces read. Immutable; keep it as long as needed.
struct StateView {
  std::uint64_t height = 0;
  std::uint64_t time_ms = 0;
  std::uint64_t epoch = 0;
  std::uint64_t epoch_length = 120;
  Hash head_hash{};
  std::shared_ptr<const KvReader> state;  // keys `s/<namespace>/<key>`
  std::shared_ptr<const MachineSet> machines;
  // Values of parameters in force, by machine index and place in its manifest; may be null: they
  // are read from the state.
  std::shared_ptr<const std::vector<std::vector<std::uint64_t>>> params;
  // What voted scripts want to be called for in the next block; may be null: nothing.
  std::shared_ptr<const ActiveScripts> scripts;
};
using StateViewPtr = std::shared_ptr<const StateView>;

// Effects that leave a block when it is committed live; never called in dry run, replay or
// rehearsal. [executor]
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  virtual void metric(const Manifest& plugin, std::uint32_t metric,
                      const std::vector<std::string>& labels, std::int64_t value) = 0;
  virtual void log(const Manifest& plugin, std::uint32_t level, std::string_view text,
                   std::uint64_t height) = 0;
  // After metrics and logs; `view` is already published.
  virtual void committed(const std::shared_ptr<const BlockRecord>& block,
                         const StateViewPtr& view) = 0;
};

// How far a node's execution may be ahead of its disk. The blocks' memory is a few times their
// bytes in the log: rows, steps and commands.
inline constexpr std::uint64_t kMaxAheadBlocks = 64;
inline constexpr std::uint64_t kMaxAheadBytes = 32ull << 20;

struct ChainOptions {
  std::string log_dir;  // <data>/chain
  Disk* disk = nullptr;
  Clock* clock = nullptr;
  std::unique_ptr<KvStore> state;  // may be behind the log; never ahead
  // Opens an empty state store in place of one that is missing or damaged (full replay); null: such
  // a state is an error.
  std::function<Result<std::unique_ptr<KvStore>>()> recreate_state;
  Genesis genesis;
  MachineProvider* machines = nullptr;
  EffectSink* effects = nullptr;              // may be null
  ImportSource* imports = nullptr;            // null: a block that imports cannot be executed
  const SigningKey* validator_key = nullptr;  // null: follower
  std::uint64_t history_blocks = 1024;
  std::uint64_t checkpoint_bytes = 32ull << 20;  // of deltas between two checkpoints
  std::uint64_t cache_rows = 1u << 17;           // row cache of the executor
  // How many blocks may be in flight, and how many bytes of the log: the next one waits until there
  // are fewer. 0 blocks: produce() waits for its own. REQUIRES otherwise: a `state` that holds().
  // Who syncs is said by `log.sync`.
  std::uint64_t ahead_blocks = 0, ahead_bytes = kMaxAheadBytes;
  // The root of a macro point on a thread of its own, at low priority; false: within produce().
  bool background_roots = false;
  std::function<void()> on_macro_ready;  // a root waits for its block [any]; may be null
  // Whether there is room for a block: asked before it is written, with the bytes that go to the
  // log and to the state. An error (kNoSpace) keeps the block out. May be null. [executor]
  std::function<Status(std::uint64_t log_bytes, std::uint64_t state_bytes)> admit;
  // Asked at the opening, when log and state are read and nothing of them is changed: is anything
  // known of this chain that the log lacks? `cut` is that of BlockLogOptions::examine, which this
  // takes the place of. An error ends the opening. May be null.
  std::function<Status(const BlockLog& log, const KvStore& state, const std::string& cut)> examine;
  BlockLogOptions log;
};

struct DryRun {
  Outcome outcome = Outcome::kApplied;
  std::int32_t code = 0;
  std::string name, text, error_data, result;  // as in Step
  // What the plugin reported after its fail(): counters and log lines of the refusal, for
  // report_refusal().
  struct Metric {
    std::shared_ptr<const Manifest> plugin;
    std::uint32_t metric = 0;
    std::vector<std::string> labels;
    std::int64_t value = 0;
  };
  struct Line {
    std::shared_ptr<const Manifest> plugin;
    std::uint32_t level = 0;
    std::string text;
  };
  std::vector<Metric> metrics;
  std::vector<Line> lines;
};

struct ReplayReport {
  std::uint64_t from = 0, to = 0, commands = 0;
  bool ok = false;
  std::string difference;  // "height 48, command 3, key energy:p/…: logged …, replayed …"
  Hash state_root{};
};

// The numbered places at which the simulator and crash tests may stop the process (see
// `FaultPoint`).
class Chain {
 public:
  // Opens log and state, makes block 0 of a new chain, brings the state level with the log by
  // applying deltas, checks that height and hash stored with the state equal the head of the log.
  // `*notes` receives what was recovered, a line each. Errors: kCorrupt (file, height, what
  // `contract-cli storage repair` can do), kUnavailable (a library for the roster is missing: the
  // chain is open for reading, `stalled()` says why), kInvalid (genesis differs), kIo, kNoSpace.
  static Result<std::unique_ptr<Chain>> open(ChainOptions options, std::vector<std::string>* notes);
  virtual ~Chain() = default;

  // Executes `commands` in this order as the next block and commits it: one fdatasync, or a part of
  // one. When this returns the block may be in flight, see settle(); without ahead_blocks it is
  // durable and published. Commands that do not fit the block's limits, whose nonce is not the next
  // of their account, or that have expired are left out and told in `left_out` (indexes). An empty
  // batch makes a heartbeat block. `time_ms` is max(parent's time, clock). A command that makes its
  // plugin throw or abort is taken out and told in `poisoned`. Errors: kNoSpace (nothing written,
  // try later), kIo (stop the process), kUnavailable (stalled).
  struct Produced {
    std::shared_ptr<const BlockRecord> block;
    std::vector<std::size_t> left_out, poisoned;
    std::vector<std::string> poison_names, poison_texts;  // of `poisoned`, for the senders
    std::vector<std::size_t> step_of;  // place in block->steps of command i of the input; SIZE_MAX
                                       // when left out or poisoned
    bool pending_work = false;         // a machine reported time-driven work
    std::uint64_t commit_us = 0;       // not execution: waiting for the disk, log, state, effects
    std::uint64_t log_us = 0;          // what the log and its disk took of it
  };
  // The machines of a swap, made beside the executor from the view of then.
  struct SwapPlan {
    StateViewPtr from;
    std::shared_ptr<const MachineSet> machines;
    std::shared_ptr<const ActiveScripts> scripts;
  };
  virtual Result<Produced> produce(const std::vector<CommandPtr>& commands) = 0;  // [executor]

  // Publishes the blocks that have become durable, in order. Answers the height up to which all
  // are; a block of produce() may be acknowledged from then on. Errors: kIo: a sync failed: no
  // block in flight will ever be published, stop the process. [executor]
  virtual Result<std::uint64_t> settle(LogWait wait) {
    static_cast<void>(wait);
    return view()->height;
  }
  // `wake` is called after each sync: settle() has something to do. It must not block nor call the
  // chain. Null takes the one before away, and returns when it runs no more. [any]
  virtual void when_synced(std::function<void()> wake) { static_cast<void>(wake); }

  // Takes another build of the machines in force (same roster) from the provider. Rehearse first.
  // With a plan that still holds it takes what that has prepared, also for the blocks in flight;
  // else those become durable first. [executor]
  virtual Status swap_machines(const SwapPlan* plan) = 0;
  Status swap_machines() { return swap_machines(nullptr); }
  // Executes the last `blocks` blocks (at most `max_ms` of work) again with `candidate` in place of
  // the machine of the same id, on views rebuilt from the deltas; an error names height, command
  // and key that differ. [executor or worker]
  virtual Status rehearse(const Machine& candidate, std::uint64_t blocks, std::uint64_t max_ms) = 0;

  // Executes, on a copy, the blocks that would follow if `entry` took effect with the next one:
  // the switch, and all steps of its migration that begin within `max_ms`. Errors: those of the
  // store; what the chain would refuse, and that time or memory was over, is told in
  // SwitchTrial::error. [any; reads only]
  virtual Result<SwitchTrial> try_switch(const Machine& candidate, const RosterEntry& entry,
                                         std::uint64_t max_ms = kMaxTrialMs) const {
    (void)candidate, (void)entry, (void)max_ms;
    return Status(Code::kUnavailable, "this chain tries no switches");
  }

  virtual StateViewPtr view() const = 0;  // [any]
  // Why no block can be applied here (missing library, full disk), or ok. [any]
  virtual Status stalled() const = 0;
  // Applies `command` on an overlay over `view` that is thrown away. Signature checks made here are
  // remembered for apply. [any]
  virtual DryRun dry_run(const StateViewPtr& view, const Command& command) const = 0;
  // Publishes the metrics and log lines of a dry run that kept a command out of the log. [any]
  virtual void report_refusal(const DryRun& refused) const { (void)refused; }
  // Nonce of `account` in `view`. [any]
  virtual Result<std::uint64_t> nonce(const StateViewPtr& view, std::string_view account) const = 0;

  virtual const Genesis& genesis() const = 0;
  virtual std::uint64_t first_height() const = 0;                 // oldest block in the log
  virtual Result<Header> header(std::uint64_t height) const = 0;  // [any]
  virtual Result<std::shared_ptr<const BlockRecord>> block(
      std::uint64_t height) const = 0;  // with commands, without deltas [any]
  virtual Result<std::uint64_t> height_of(const Hash& hash) const = 0;  // [any]

  // Executes the whole log from genesis in memory with the code at hand and compares every root.
  // Signatures are trusted unless `verify_signatures`. `progress(height)` may return false to stop.
  // [any; reads only]
  virtual ReplayReport replay(bool verify_signatures,
                              const std::function<bool(std::uint64_t)>& progress) const = 0;
  // Executes the newest blocks again with other values or a script, on a copy. `watch` (may be
  // null) is asked before each block. Errors: kInvalid (unknown or refused values, a refused
  // script), kLimit (more rows than fit into memory), kUnavailable (a library of the window's
  // roster is missing), kAborted (stopped, or a plugin failed). [any; reads only]
  virtual Result<PreviewReport> preview(const PreviewRequest& request,
                                        const PreviewWatcher& watch) const {
    (void)request, (void)watch;
    return Status(Code::kUnavailable, "this chain keeps no log to preview on");
  }
  // Root of the full state in `view` (moloch spec 6.16). [any]
  virtual Result<Hash> state_root(const StateViewPtr& view) const = 0;

  // The macro point whose root no header carries yet; null: none. What holds it keeps a snapshot of
  // the store, and must let go of it before the chain ends. [any]
  virtual std::shared_ptr<const MacroPoint> macro_point() const { return nullptr; }

  // Makes the blocks in flight durable, flushes the state and notes a checkpoint. [executor]
  virtual Status checkpoint() = 0;

  // For the care of the stores (kernel/chain/store): the log, and the state behind it. Null where a
  // chain has none. What they allow beside the executor is said by their own headers.
  virtual BlockLog* log() { return nullptr; }
  virtual KvStore* state_store() { return nullptr; }

  // Prepares that swap for `candidate` in place of the machine of its id. Errors: kInvalid (what it
  // calls is not there), kUnavailable (a library is missing). [worker]
  virtual Result<SwapPlan> plan_swap(const Machine& candidate) const {
    (void)candidate;
    return Status(Code::kUnavailable, "this chain prepares no swap");
  }
};

// Executes the kernel's view calls for queries: a tb_view on `view` in the namespace of machine
// `id`. Valid while the object lives. [any]
class ViewContext {
 public:
  // `id` may name a plugin without machine: it then reads an empty namespace. `manifest` is the
  // plugin's own.
  ViewContext(StateViewPtr view, std::shared_ptr<const Manifest> manifest);
  ~ViewContext();
  ViewContext(const ViewContext&) = delete;
  ViewContext& operator=(const ViewContext&) = delete;
  tb_view* view();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
