// ChainImpl: what stands behind Chain. Opening and recovery are in chain_open.cpp, blocks and
// readers in chain.cpp, what becomes of an executed block in chain_settle.cpp, replay and rehearsal
// in replay.cpp, previews in preview.cpp, trials of a switch in migration.cpp.
//
// Threads: `mutex_` guards what readers of any thread share with the executor: the view, the list
// of header hashes, and why the chain is stalled. It is held for a copy only, never while code of a
// plugin or the disk is at work. `provider_mutex_` makes calls of the MachineProvider one after
// another, because a replay may run beside the executor.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "kernel/chain/base_row.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/chain/macro_block.hpp"

namespace blockd {

class ChainImpl final : public Chain {
 public:
  explicit ChainImpl(ChainOptions options);
  ~ChainImpl() override;

  Status open(std::vector<std::string>* notes);

  Result<Produced> produce(const std::vector<CommandPtr>& commands) override;
  Result<std::uint64_t> settle(LogWait wait) override;
  void when_synced(std::function<void()> wake) override;
  Result<SwapPlan> plan_swap(const Machine& candidate) const override;
  Status swap_machines(const SwapPlan* plan) override;
  using Chain::swap_machines;
  Status rehearse(const Machine& candidate, std::uint64_t blocks, std::uint64_t max_ms) override;
  Result<SwitchTrial> try_switch(const Machine& candidate, const RosterEntry& entry,
                                 std::uint64_t max_ms) const override;
  StateViewPtr view() const override;
  Status stalled() const override;
  DryRun dry_run(const StateViewPtr& view, const Command& command) const override;
  void report_refusal(const DryRun& refused) const override;
  Result<std::uint64_t> nonce(const StateViewPtr& view, std::string_view account) const override;
  const Genesis& genesis() const override { return options_.genesis; }
  std::uint64_t first_height() const override {
    return log_->first().value_or(base_ ? base_->height + 1 : 0);
  }
  Result<Header> header(std::uint64_t height) const override;
  Result<std::shared_ptr<const BlockRecord>> block(std::uint64_t height) const override;
  Result<std::uint64_t> height_of(const Hash& hash) const override;
  ReplayReport replay(bool verify_signatures,
                      const std::function<bool(std::uint64_t)>& progress) const override;
  Result<PreviewReport> preview(const PreviewRequest& request,
                                const PreviewWatcher& watch) const override;
  Result<Hash> state_root(const StateViewPtr& view) const override;
  Status checkpoint() override;
  BlockLog* log() override { return log_.get(); }
  KvStore* state_store() override { return state_.get(); }
  std::shared_ptr<const MacroPoint> macro_point() const override { return macro_.point(); }
  // As if its root would never be ready: what a killed node leaves. [tests]
  void forget_macro_point() { macro_.stop(); }

 private:
  DryRun dry_run_once(const StateViewPtr& view, const Command& command, bool* bystander) const;
  // A block that was appended to the log, and is not published yet.
  struct Appended {
    std::shared_ptr<const std::vector<KvWrite>> writes;  // until the state has them
    std::shared_ptr<const BlockRecord> record;
    std::shared_ptr<const MachineSet> machines;
    std::shared_ptr<const ParamValues> params;
    std::shared_ptr<const ActiveScripts> scripts;
    Effects effects;
    Hash hash{};
    std::uint64_t log_bytes = 0, delta_bytes = 0;
    bool macro_point = false;
    std::shared_ptr<StateView> view;  // once the state has its writes
    std::uint64_t height() const { return record->header.height; }
  };
  // Whom the log's thread wakes. Shared with it: it ends with the log, later than other members.
  struct SyncWatch {
    std::mutex mutex;
    std::function<void()> wake;
  };
  // A flush of the state that goes on beside the executor.
  struct Flush {
    std::uint64_t height = 0, delta_bytes = 0;
    Status status;                  // once done
    std::atomic<bool> done{false};  // set by a thread of the store
  };
  struct HashOf {
    std::size_t operator()(const Hash& h) const {
      std::size_t v = 0;
      std::memcpy(&v, h.data(), sizeof v);
      return v;
    }
  };

  Status make_genesis(std::vector<std::string>* notes);
  // chain_base.cpp: a chain that begins behind a snapshot.
  Status read_base();
  Status begin_at_base(std::vector<std::string>* notes);
  Status check_genesis() const;
  Status fill_hashes(std::uint64_t below, std::vector<KvWrite>* rows);
  Result<MmrPeaks> peaks_below(std::uint64_t height) const;
  // chain_macro.cpp
  Status take_macro_root(BlockInput* input);
  void start_macro();
  Status resume_macro();
  Status recover(std::vector<std::string>* notes);
  Status level_state(std::uint64_t head, std::vector<std::string>* notes);
  Status apply_deltas(std::uint64_t from, std::uint64_t to);
  Status renew_state();
  Status check_lost_blocks(std::uint64_t head, std::uint64_t at) const;
  Status state_height(std::uint64_t head, std::optional<std::uint64_t>* height,
                      std::string* damage) const;
  Status load_hashes(std::uint64_t head);
  Status load_machines();
  Result<std::vector<RosterEntry>> read_roster(const KvReader& state) const;
  Header make_header(const BlockInput& input, const BlockOutput& output) const;
  std::shared_ptr<BlockRecord> make_record(const BlockInput& input, BlockOutput& output,
                                           const Hash& hash, const Header& header) const;
  void keep_room(BlockOutput& output);
  // chain_settle.cpp
  void watch_syncs();
  Status wait_for_room();
  Status write_log(const BlockRecord& record, const BlockOutput& output, std::uint64_t time_ms,
                   std::uint64_t* bytes);
  Status log_failed(const Status& status);
  Status write_state();
  Status publish_durable();
  Status publish_block(const Appended& block);
  Status drain() { return settle(LogWait::kAll).status(); }
  std::shared_ptr<const std::vector<KvWrite>> state_writes(std::uint64_t height,
                                                           const Hash& hash) const;
  Status finish_commit();
  bool still_holds(const SwapPlan& plan) const;
  void use_plan(const SwapPlan& plan);
  // chain_checkpoint.cpp
  Status tend_checkpoint(std::uint64_t height);
  Status note_checkpoint(std::uint64_t height, Status flushed);
  void forget_flush();
  // `params` and `scripts` null: they are found in the state.
  std::shared_ptr<StateView> make_view(std::uint64_t height, std::uint64_t time_ms,
                                       const Hash& hash, std::shared_ptr<const MachineSet> machines,
                                       std::shared_ptr<const ParamValues> params,
                                       std::shared_ptr<const ActiveScripts> scripts) const;
  void show(StateViewPtr view);
  // REQUIRES: nothing in flight.
  void publish(std::uint64_t height, std::uint64_t time_ms, const Hash& hash,
               std::shared_ptr<const MachineSet> machines,
               std::shared_ptr<const ParamValues> params = nullptr,
               std::shared_ptr<const ActiveScripts> scripts = nullptr);
  // Asks governance on the newest state. Null if the state cannot be read.
  std::shared_ptr<const ActiveScripts> find_scripts(const StateView& view) const;
  void note_hash(std::uint64_t height, const Hash& hash);
  void set_stalled(Status why);
  Result<Machine> provide(const RosterEntry& entry) const;
  Hash validators_hash() const;
  std::string difference(std::uint64_t height, const Header& logged, const Header& replayed,
                         BytesView logged_block, Executor& executor, const KvReader& base,
                         BlockInput input) const;

  ChainOptions options_;
  mutable VerifyCache verify_cache_;
  mutable std::mutex provider_mutex_;
  std::unique_ptr<BlockLog> log_;
  std::unique_ptr<KvStore> state_;
  RowCache rows_;
  Executor executor_;
  MmrPeaks mmr_;
  Hash validators_hash_{};
  Hash head_hash_{};  // of the newest appended block, also while it is in flight
  std::uint64_t head_ = 0, head_time_ms_ = 0;
  std::shared_ptr<const MachineSet> machines_;    // null: a library is missing
  std::shared_ptr<const ParamValues> params_;     // of machines_; null: read from the state
  std::shared_ptr<const ActiveScripts> scripts_;  // the same; null: governance is asked
  std::optional<Appended> behind_;                // the newest block, which the state has not taken
  std::deque<Appended> flight_;                   // before it; bounded by ahead_blocks
  std::uint64_t flight_bytes_ = 0;                // of the log
  const std::shared_ptr<SyncWatch> watch_ = std::make_shared<SyncWatch>();
  Bytes step_room_, delta_room_;   // memory of the block before, for the next
  std::uint64_t delta_bytes_ = 0;  // since the checkpoint, or the flush under way
  std::shared_ptr<Flush> flush_;
  bool state_full_ = false;      // the store has refused a write for lack of space
  bool io_failed_ = false;       // nothing is synced any more: what is on the disk is unknown
  std::optional<BaseRow> base_;  // of a state that was made from a snapshot

  mutable std::mutex mutex_;
  StateViewPtr view_;
  Status stalled_;
  std::uint64_t hash_base_ = 0;  // height of the first of hashes_
  std::vector<Hash> hashes_;
  std::unordered_map<Hash, std::uint64_t, HashOf> heights_;
  MacroWork macro_;  // last: its thread reads the state
};

// Brings `past` from the state behind a logged block to that in front of it.
Status take_back(BytesView block_bytes, Overlay* past);

// The first step or row in which two executions of a block differ: "command 3, key energy:p/x:
// logged …, replayed …".
std::string first_difference(const BlockRecord& logged, const BlockRecord& replayed);

}  // namespace blockd
