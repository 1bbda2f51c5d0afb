// Two halves meet in the pool. Submitters (any thread) go through Intake: they verify signatures
// and try commands on the head, so that both cores work; the executor (one thread, here) takes
// batches and has the chain commit them. While a block is made new commands gather: with an
// interval of 0 that is the group commit. They gather as well while a sync goes on, until they are
// many or have waited for a moment, so that a quick disk is not paid for with small blocks.
//
// A block that the chain has in flight stays in `flight_`, and its commands in the pool, taken,
// until it is durable. What a block left out is settled at once: no disk decides about it.
//
// Locks, in order: OwnAccount::sequence, the pool's, whatever Chain::view takes. `mutex_` below
// (options, tasks, flags) is a leaf, as are those of Waiters, OwnAccounts and Journal: nothing else
// is taken under a leaf, and no callback, task or call of the chain runs under any lock of this
// file.
#include "kernel/chain/producer.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <thread>

#include "kernel/chain/flow/intake.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxTasks = 1024;
constexpr std::uint64_t kRetryUs = 5'000'000;  // after a full disk or a missing library
// While blocks are in flight the next one is cut with so many commands, or so long after the last.
constexpr std::uint64_t kGatherCommands = 256, kGatherUs = 5000;
constexpr std::uint64_t kLongestWaitUs =
    250'000;  // an idle executor shows a sign of life four times a second

class ExecutorProducer final : public Producer {
 public:
  ExecutorProducer(Chain& chain, Clock& clock, const ProducerOptions& options,
                   const AdmissionOptions& admission)
      : chain_(chain),
        clock_(clock),
        options_(options),
        on_pause_(options.on_pause),
        intake_(chain, clock, admission, [this] { wake(); }) {}

  Status open(const AdmissionOptions& admission) {
    if (!options_.only_reads) TB_TRY(intake_.recover(admission, options_.on_note));
    show_life();
    last_block_us_ = clock_.monotonic_us();
    chain_.when_synced([this] { wake(); });
    thread_ = std::thread([this] { run(); });
    return {};
  }

  ~ExecutorProducer() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    chain_.when_synced(nullptr);
  }

  std::optional<Refusal> submit(const CommandPtr& command, bool journal,
                                CommandDone done) override {
    if (auto refusal = closed()) return refusal;
    return intake_.submit(command, journal, std::move(done));
  }
  std::optional<Refusal> submit_own(const SigningKey& key, std::string_view method,
                                    const json::value& params, std::string_view memo,
                                    CommandDone done) override {
    if (auto refusal = closed()) return refusal;
    return intake_.submit_own(key, method, params, memo, std::move(done));
  }
  std::optional<Refusal> check(const CommandPtr& command, DryRun* dry) override {
    return intake_.check(command, dry);
  }

  void go() override {
    std::lock_guard lock(mutex_);
    options_.waits_for_go = false;
    work_ = true;
    changed_.notify_all();
  }
  void run_between_blocks(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    if (std::this_thread::get_id() != thread_.get_id()) {
      room_.wait(lock, [this] { return tasks_.size() < kMaxTasks || stop_; });
    }
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }
  void cut_now() override {
    std::lock_guard lock(mutex_);
    cut_ = true;
    changed_.notify_all();
  }
  void set_options(const ProducerOptions& options) override {
    std::lock_guard lock(mutex_);
    options_.block_interval_ms = options.block_interval_ms;
    options_.empty_block_interval_ms = options.empty_block_interval_ms;
    retry_at_us_ = 0;  // a bound may have been raised
    work_ = true;
    changed_.notify_all();
  }
  void set_limits(const MempoolLimits& limits) override { intake_.set_limits(limits); }
  const Mempool& pool() const override { return intake_.pool(); }
  LanePrice price(Lane lane) const override { return intake_.price(lane); }
  std::uint64_t comfort_threshold() const override { return intake_.comfort_threshold(); }
  std::uint64_t last_sign_ms() const override { return last_sign_ms_.load(); }
  Status health() const override {
    std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  // ---- the executor's life

  void run() {
    while (!stopping()) {
      show_life();
      tell_durable();
      run_tasks();
      intake_.lost(intake_.pool().expire(), expired_refusal());
      intake_.fill_gaps();
      if (fatal_) intake_.waiters().refuse_all(unknown_end());
      intake_.waiters().tell();
      if (!fatal_ && due_in_us() == 0) {
        make_block();
      } else {
        wait();
      }
    }
    run_tasks();
    if (!fatal_) settle(LogWait::kAll);
    if (fatal_) intake_.waiters().refuse_all(unknown_end());
    intake_.waiters().refuse_all(make_refusal(
        kRpcNotReady, "not_ready", "the node is stopping; ask for the command's status later"));
    intake_.waiters().tell();
    if (!fatal_) note_failure("checkpoint at the end", chain_.checkpoint());
  }

  void run_tasks() {
    for (;;) {
      std::function<void()> task;
      {
        std::lock_guard lock(mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
        room_.notify_one();
      }
      const std::uint64_t begun = clock_.monotonic_us();
      task();
      note_pause("task", clock_.monotonic_us() - begun);
      {
        std::lock_guard lock(mutex_);
        retry_at_us_ = 0;  // it may have brought the missing library
      }
      show_life();
    }
  }

  // Microseconds until a block is due; 0: now (node-and-cli spec 5.7).
  std::uint64_t due_in_us() {
    const std::uint64_t now = clock_.monotonic_us();
    const bool ready = intake_.pool().ready();
    const std::uint64_t gather = ready && gathers() ? kGatherUs : 0;
    std::lock_guard lock(mutex_);
    if (options_.only_reads || options_.waits_for_go) return UINT64_MAX;
    if (blocked_) return now >= retry_at_us_ ? 0 : retry_at_us_ - now;
    if (cut_) return 0;
    const std::uint64_t interval = options_.block_interval_ms * 1000,
                        idle = options_.empty_block_interval_ms * 1000;
    std::uint64_t due = UINT64_MAX;
    auto at_latest = [&](std::uint64_t after) { due = std::min(due, last_block_us_ + after); };
    if (ready) at_latest(std::max(interval, gather));
    if (idle > 0) at_latest(idle);
    if (pending_work_ && interval > 0) at_latest(interval);
    return due <= now ? 0 : due - now;
  }

  void wait() {
    const std::uint64_t us = fatal_ ? kLongestWaitUs : std::min(due_in_us(), kLongestWaitUs);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::microseconds(us),
                      [this] { return stop_ || cut_ || work_ || !tasks_.empty(); });
    work_ = false;
    if (fatal_) cut_ = false;
  }

  // ---- a block

  // Made, and not known to be durable.
  struct InFlight {
    std::shared_ptr<const BlockRecord> block;
    std::vector<CommandPtr> included;
    std::vector<std::size_t> places;  // of their steps
  };

  bool gathers() const { return !flight_.empty() && intake_.pool().waiting() < kGatherCommands; }

  void make_block() {
    {
      std::lock_guard lock(mutex_);
      cut_ = work_ = false;
    }
    const Genesis& genesis = chain_.genesis();
    std::vector<CommandPtr> batch = intake_.pool().take(
        genesis.max_commands_per_block, genesis.max_block_bytes, intake_.priced_head());
    Result<Chain::Produced> produced = chain_.produce(batch);
    last_block_us_ = clock_.monotonic_us();
    show_life();
    if (!produced.ok()) {
      intake_.pool().put_back(batch);
      return failed(produced.status());
    }
    recovered();
    pending_work_ = produced->pending_work;
    keep(batch, *produced);
    settle(LogWait::kNone);
    sort_out(batch, *produced);
    note_pause("log", produced->log_us);
    note_pause("commit", produced->commit_us + clock_.monotonic_us() - last_block_us_);
  }

  void keep(const std::vector<CommandPtr>& batch, const Chain::Produced& produced) {
    InFlight made{produced.block, {}, {}};
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (produced.step_of[i] == SIZE_MAX) continue;
      made.included.push_back(batch[i]);
      made.places.push_back(produced.step_of[i]);
    }
    flight_.push_back(std::move(made));
  }

  // What is not in the block is dropped or put back.
  void sort_out(const std::vector<CommandPtr>& batch, const Chain::Produced& produced) {
    for (std::size_t n = 0; n < produced.poisoned.size(); ++n) {
      const Command& command = *batch[produced.poisoned[n]];
      drop(command, "evicted",
           make_refusal(kRpcPluginError, produced.poison_names[n],
                        "the plugin of " + command.method +
                            " failed while it executed this command; it is in no block: " +
                            produced.poison_texts[n]));
    }
    put_back_or_drop(batch, produced, produced.left_out.size() < batch.size());
  }

  // Blocks that have become durable while none was made.
  void tell_durable() {
    if (flight_.empty() || fatal_) return;
    const std::size_t before = flight_.size();
    const std::uint64_t begun = clock_.monotonic_us();
    settle(LogWait::kNone);
    if (flight_.size() != before) note_pause("commit", clock_.monotonic_us() - begun);
  }

  void settle(LogWait wait) {
    const Result<std::uint64_t> durable = chain_.settle(wait);
    if (!durable.ok()) return failed(durable.status());
    while (!flight_.empty() && flight_.front().block->header.height <= *durable) {
      committed(flight_.front());
      flight_.pop_front();
    }
    if (chain_.macro_point() != nullptr) pending_work_ = true;
    // The block is committed, and the state behind it could not be written. After an I/O error
    // nothing is tried again.
    const Status behind = chain_.stalled();
    const bool full = behind.code() == Code::kNoSpace && !blocked_;
    if (full || behind.code() == Code::kIo) failed(behind);
  }

  void committed(const InFlight& made) {
    intake_.pool().committed(made.included, intake_.head());
    const Hash block_hash = made.block->header.hash();
    for (std::size_t i = 0; i < made.included.size(); ++i)
      tell_end(*made.included[i], *made.block, block_hash, made.places[i]);
  }

  void tell_end(const Command& command, const BlockRecord& block, const Hash& block_hash,
                std::size_t place) {
    intake_.forget(command.id);
    CommandDone done = intake_.waiters().take(command.id);
    if (done == nullptr) return;
    const Step& step = block.steps[place];
    CommandResult result;
    result.height = block.header.height;
    result.block_hash = block_hash;
    result.id = command.id;
    result.index = step.command;
    result.outcome = step.outcome;
    result.code = step.code;
    result.name = step.name;
    result.text = step.text;
    result.error_data = step.error_data;
    result.result = step.result;
    done(result);
  }

  void put_back_or_drop(const std::vector<CommandPtr>& batch, const Chain::Produced& produced,
                        bool moved) {
    const PoolView head = intake_.head();
    std::vector<CommandPtr> back;
    for (std::size_t i : produced.left_out) {
      const CommandPtr& command = batch[i];
      if (command->expires_at_ms && *command->expires_at_ms < produced.block->header.time_ms) {
        drop(*command, "expired", expired_refusal());
      } else if (command->nonce <= head.nonce(command->from)) {
        drop(*command, "evicted",
             admission_refusal(admission::kNonceGap, "nonce_gap",
                               "another command used this nonce"));
      } else {
        back.push_back(command);
      }
    }
    // A batch of which nothing fits would come again for ever.
    if (!moved && back.size() == produced.left_out.size() && !back.empty()) {
      drop(*back.front(), "evicted",
           make_refusal(kRpcInternal, "internal", "the command fits into no block"));
    }
    intake_.pool().put_back(back);
  }

  void drop(const Command& command, std::string_view why, const Refusal& refusal) {
    std::vector<Hash> gone = intake_.pool().drop(command.id, why);
    std::erase(gone, command.id);
    intake_.lost({command.id}, refusal);
    intake_.lost(gone, evicted_refusal());
  }

  // ---- trouble

  void failed(const Status& status) {
    const bool first = health().ok();
    {
      std::lock_guard lock(mutex_);
      health_ = status;
      blocked_ = true;
      retry_at_us_ = last_block_us_ + kRetryUs;
      fatal_ = status.code() == Code::kIo;
    }
    if (first || fatal_) note_failure("no block can be made", status);
    if (auto tell = on_stall()) tell(status);
    auto tell = on_fatal();
    if (fatal_ && tell) tell(status);
  }

  void recovered() {
    bool was_blocked = false;
    {
      std::lock_guard lock(mutex_);
      health_ = Status();
      was_blocked = std::exchange(blocked_, false);
    }
    auto tell = was_blocked ? on_stall() : nullptr;
    if (tell) tell(Status());
  }

  // Why nothing is taken in at this moment.
  std::optional<Refusal> closed() const {
    if (only_reads())
      return make_refusal(kRpcNotReady, "not_ready",
                          "the data of this node is only read: no command is taken");
    Status status = health();
    if (status.ok()) status = chain_.stalled();
    if (status.ok()) return std::nullopt;
    Refusal out = status.code() == Code::kNoSpace
                      ? make_refusal(kRpcDiskFull, "disk_full", disk_full_text(status))
                  : status.code() == Code::kUnavailable
                      ? make_refusal(kRpcNotReady, "plugin_missing", status.message())
                      : make_refusal(kRpcNotReady, "not_ready", status.message());
    out.hint = status.hint();
    return out;
  }

  // Whoever said it, a bound or the system: the words are the same.
  static std::string disk_full_text(const Status& status) {
    constexpr std::string_view kWords = "disk full";
    if (status.message().starts_with(kWords)) return status.message();
    return std::string(kWords) + ": " + status.message();
  }

  static Refusal unknown_end() {
    return make_refusal(kRpcNotReady, "not_ready",
                        "the chain met an I/O error and the node stops; whether the command is in "
                        "a block shows after the restart");
  }

  void note_failure(std::string_view where, const Status& status) {
    std::function<void(std::string_view)> note;
    {
      std::lock_guard lock(mutex_);
      note = options_.on_note;
    }
    if (note && !status.ok()) note(status.in(where).to_string());
  }
  void note_pause(std::string_view cause, std::uint64_t us) const {
    if (on_pause_) on_pause_(cause, us);
  }
  std::function<void(const Status&)> on_stall() const {
    std::lock_guard lock(mutex_);
    return options_.on_stall;
  }
  std::function<void(const Status&)> on_fatal() const {
    std::lock_guard lock(mutex_);
    return options_.on_fatal;
  }

  void show_life() { last_sign_ms_.store(clock_.monotonic_us() / 1000); }
  bool stopping() const {
    std::lock_guard lock(mutex_);
    return stop_;
  }
  bool only_reads() const {
    std::lock_guard lock(mutex_);
    return options_.only_reads;
  }
  void wake() {
    std::lock_guard lock(mutex_);
    work_ = true;
    changed_.notify_all();
  }

  Chain& chain_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_, room_;
  ProducerOptions options_;
  const std::function<void(std::string_view, std::uint64_t)> on_pause_;
  std::deque<std::function<void()>> tasks_;
  Status health_;
  bool stop_ = false, cut_ = false, work_ = false;
  // The executor's own.
  bool blocked_ = false, fatal_ = false, pending_work_ = false;
  std::uint64_t last_block_us_ = 0, retry_at_us_ = 0;
  std::deque<InFlight> flight_;  // by height; bounded by the chain's ahead_blocks
  std::atomic<std::uint64_t> last_sign_ms_{0};
  Intake intake_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Producer>> Producer::start(Chain& chain, Clock& clock,
                                                  const ProducerOptions& options,
                                                  const AdmissionOptions& admission) {
  auto made = std::make_unique<ExecutorProducer>(chain, clock, options, admission);
  TB_TRY(made->open(admission));
  return std::unique_ptr<Producer>(std::move(made));
}

}  // namespace blockd
