// Producer: the one thread that applies. It takes commands from the pool, cuts batches, has the
// chain commit them, and tells who waits. While a block is on its way to the disk it goes on with
// the next ones, if the chain allows that; nobody hears of a block before it is durable.
//
// All functions are thread safe. Tasks given to run_between_blocks run on the executor thread,
// between two blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/chain/admission_policy.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/mempool.hpp"

namespace blockd {

// How a command ended, for whoever waits for it.
struct CommandResult {
  std::optional<Refusal> refusal;  // never got into a block
  std::uint64_t height = 0;
  Hash block_hash{};
  Hash id{};
  std::uint32_t index = 0;
  Outcome outcome = Outcome::kApplied;
  std::int32_t code = 0;
  std::string name, text, error_data, result;
};
using CommandDone = std::function<void(const CommandResult&)>;  // called once, on the executor
                                                                // thread; must not block

struct ProducerOptions {
  std::uint64_t block_interval_ms = 0;           // 0: cut when there is work
  std::uint64_t empty_block_interval_ms = 1000;  // 0: never
  // No block is made, no command taken and no journal read: somebody looks at the data of a node
  // that does not run.
  bool only_reads = false;
  // No block is made before go(): queries answer already, so that what has to be known before the
  // first block of this process can be asked.
  bool waits_for_go = false;
  // Called once, on the executor thread, when the chain met an I/O error: nothing is produced any
  // more, the process should end. May be null.
  std::function<void(const Status&)> on_fatal;
  // Why no block could be made, at each attempt; ok when one is made again. Executor thread. May be
  // null.
  std::function<void(const Status&)> on_stall;
  // Lines for the log: what was recovered from the journal, why no block can be made. Any thread of
  // the producer. May be null.
  std::function<void(std::string_view)> on_note;
  // How long the executor did not execute: "commit" (waiting until it may be so far ahead of the
  // disk, log, state, answers), "log" (what the block log and its disk took of that), "task" (a
  // change between two blocks). "commit" once a block, and once more for each time that blocks
  // became durable while none was made. On the executor thread. May be null.
  std::function<void(std::string_view cause, std::uint64_t us)> on_pause;
};

struct AdmissionOptions {
  MempoolLimits limits;
  std::string journal_dir;  // <data>/mempool; empty: none (commands whose caller waits need none)
  Disk* disk = nullptr;     // of the journal; null: the system's
  std::vector<std::string> own_accounts;  // of this node's role keys: exempt from the account cap,
                                          // also before their first submit_own
  AdmissionPolicy* policy = nullptr;      // of this node's operator; outlives the producer
};

class Producer {
 public:
  static Result<std::unique_ptr<Producer>> start(Chain& chain, Clock& clock,
                                                 const ProducerOptions& options,
                                                 const AdmissionOptions& admission);
  // Finishes the block in progress, checkpoints, joins the thread.
  virtual ~Producer() = default;

  // Admission in the order of node-and-cli spec 5.6.1 (verifies signatures on the calling thread:
  // never call from an I/O thread that must stay quick), then the pool. `done` (may be null) hears
  // the end; the returned refusal means `done` is never called. With `journal` the command is
  // fsynced in the pool's journal before this returns. [worker]
  virtual std::optional<Refusal> submit(const CommandPtr& command, bool journal,
                                        CommandDone done) = 0;
  // Signs and submits as one of the node's own accounts: takes the next nonce, serialised per
  // account; a command that is refused at admission uses none. A command of the ledger pays the
  // least fee that is admitted. Without `done` it is journalled. At most 64 keys. [worker]
  virtual std::optional<Refusal> submit_own(const SigningKey& key, std::string_view method,
                                            const json::value& params, std::string_view memo,
                                            CommandDone done) = 0;
  // Lets one that waits_for_go make blocks. Any thread.
  virtual void go() = 0;
  // Form, signatures, fields, admission and dry run without submitting. [worker]
  virtual std::optional<Refusal> check(const CommandPtr& command, DryRun* dry) = 0;

  // Waits while 1,024 tasks are queued, but not when called by a task.
  virtual void run_between_blocks(std::function<void()> task) = 0;
  virtual void cut_now() = 0;  // also an empty block
  // Takes the intervals; the functions stay those of the start.
  // The intervals; callbacks and only_reads stay. What could not be done for lack of space is tried
  // again at once.
  virtual void set_options(const ProducerOptions& options) = 0;
  virtual void set_limits(const MempoolLimits& limits) = 0;
  virtual const Mempool& pool() const = 0;
  // What a fee lane asks now.
  virtual LanePrice price(Lane lane) const = 0;
  // Fees of the consumer lane above which the industrial lane is held back; 0: never.
  virtual std::uint64_t comfort_threshold() const = 0;
  // Monotonic ms of the executor's last sign of life. [any]
  virtual std::uint64_t last_sign_ms() const = 0;
  virtual Status health() const = 0;  // ok, disk full, stalled
};

}  // namespace blockd
