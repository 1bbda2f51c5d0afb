// ChainImpl: what stands behind Chain. Opening and recovery are in chain_open.cpp, blocks and
// readers in chain.cpp, replay and rehearsal in replay.cpp, previews in preview.cpp.
//
// Threads: `mutex_` guards what readers of any thread share with the executor: the view, the list
// of header hashes, and why the chain is stalled. It is held for a copy only, never while code of a
// plugin or the disk is at work. `provider_mutex_` makes calls of the MachineProvider one after
// another, because a replay may run beside the executor.
#pragma once

#include <mutex>
#include <unordered_map>

#include "kernel/chain/chain.hpp"
#include "kernel/chain/executor.hpp"

namespace blockd {

class ChainImpl final : public Chain {
 public:
  explicit ChainImpl(ChainOptions options);
  ~ChainImpl() override;

  Status open(std::vector<std::string>* notes);

  Result<Produced> produce(const std::vector<CommandPtr>& commands) override;
  Status swap_machines() override;
  Status rehearse(const Machine& candidate, std::uint64_t blocks, std::uint64_t max_ms) override;
  StateViewPtr view() const override;
  Status stalled() const override;
  DryRun dry_run(const StateViewPtr& view, const Command& command) const override;
  void report_refusal(const DryRun& refused) const override;
  Result<std::uint64_t> nonce(const StateViewPtr& view, std::string_view account) const override;
  const Genesis& genesis() const override { return options_.genesis; }
  std::uint64_t first_height() const override { return log_->first().value_or(0); }
  Result<Header> header(std::uint64_t height) const override;
  Result<std::shared_ptr<const BlockRecord>> block(std::uint64_t height) const override;
  Result<std::uint64_t> height_of(const Hash& hash) const override;
  ReplayReport replay(bool verify_signatures,
                      const std::function<bool(std::uint64_t)>& progress) const override;
  Result<PreviewReport> preview(const PreviewRequest& request,
                                const PreviewWatcher& watch) const override;
  Result<Hash> state_root(const StateViewPtr& view) const override;
  Status checkpoint() override;

 private:
  // A block that is in the log, and not yet in the state.
  struct Committed {
    std::vector<KvWrite> writes;
    std::shared_ptr<const BlockRecord> record;
    std::shared_ptr<const MachineSet> machines;
    std::shared_ptr<const ParamValues> params;
    std::shared_ptr<const ActiveScripts> scripts;
    Effects effects;
    Hash hash{};
    std::uint64_t delta_bytes = 0;
  };
  struct HashOf {
    std::size_t operator()(const Hash& h) const {
      std::size_t v = 0;
      std::memcpy(&v, h.data(), sizeof v);
      return v;
    }
  };

  Status make_genesis(std::vector<std::string>* notes);
  Status recover(std::vector<std::string>* notes);
  Status level_state(std::uint64_t head, std::vector<std::string>* notes);
  Status apply_deltas(std::uint64_t from, std::uint64_t to);
  Status state_height(std::uint64_t head, std::optional<std::uint64_t>* height,
                      std::string* damage) const;
  Status load_hashes(std::uint64_t head);
  Status load_machines();
  Result<std::vector<RosterEntry>> read_roster(const KvReader& state) const;
  Header make_header(const BlockInput& input, const BlockOutput& output) const;
  std::shared_ptr<BlockRecord> make_record(const BlockInput& input, BlockOutput& output,
                                           const Hash& hash, const Header& header) const;
  Status write_log(const BlockRecord& record, const BlockOutput& output, std::uint64_t time_ms);
  std::vector<KvWrite> state_writes(std::uint64_t height, const Hash& hash) const;
  Status finish_commit();
  // `params` and `scripts` null: they are found in the state.
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
  Hash head_hash_{};  // of the log's head, also while the state is behind
  std::uint64_t head_ = 0, head_time_ms_ = 0;
  std::shared_ptr<const MachineSet> machines_;    // null: a library is missing
  std::shared_ptr<const ParamValues> params_;     // of machines_; null: read from the state
  std::shared_ptr<const ActiveScripts> scripts_;  // the same; null: governance is asked
  std::optional<Committed> behind_;
  std::uint64_t delta_bytes_ = 0;  // since the checkpoint

  mutable std::mutex mutex_;
  StateViewPtr view_;
  Status stalled_;
  std::vector<Hash> hashes_;
  std::unordered_map<Hash, std::uint64_t, HashOf> heights_;
};

// All rows of the namespaces of a state in the order in which the state root takes them: by
// (namespace, key). Keys are full. Errors of the store.
using StateVisitor = std::function<void(BytesView space, BytesView key, BytesView value)>;
Status visit_state(const KvReader& state, const StateVisitor& visit);
// state_root of moloch spec 6.16.
Result<Hash> root_of(const KvReader& state);

// Brings `past` from the state behind a logged block to that in front of it.
Status take_back(BytesView block_bytes, Overlay* past);

// The first step or row in which two executions of a block differ: "command 3, key energy:p/x:
// logged …, replayed …".
std::string first_difference(const BlockRecord& logged, const BlockRecord& replayed);

}  // namespace blockd
