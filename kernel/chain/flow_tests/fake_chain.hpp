// FakeChain: a chain of nonces for the tests of the flow. Its machines know "t.do" and
// "ledger.transfer"; what a command's memo says, happens: "refuse" at the dry run, "poison"
// when the block is made. With ahead() blocks stay in flight until make_durable() or fail_syncs().
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "kernel/chain/chain.hpp"
#include "kernel/chain/flow_tests/support.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

// The ledger/1 of the fake chain. An account that no test has spoken of has more than anybody asks
// for; no session is open unless it was said.
struct FakeLedger {
  static inline std::mutex mutex;
  static inline std::map<std::string, std::uint64_t> balances, sessions;
  static inline std::uint64_t base_fee = 1, fee_questions = 0;

  static void reset() {
    std::lock_guard lock(mutex);
    balances.clear();
    sessions.clear();
    base_fee = 1;
    fee_questions = 0;
  }
  static void set_balance(const std::string& account, std::uint64_t amount) {
    std::lock_guard lock(mutex);
    balances[account] = amount;
  }
  static void set_session(const std::string& account, std::uint64_t expires_at_ms) {
    std::lock_guard lock(mutex);
    sessions[account] = expires_at_ms;
  }
  static void set_base_fee(std::uint64_t fee) {
    std::lock_guard lock(mutex);
    base_fee = fee;
  }
  static std::uint64_t questions_for_fees() {
    std::lock_guard lock(mutex);
    return fee_questions;
  }

  static constexpr const char* kProvides =
      R"("provides":[{"name":"ledger/1","functions":[
        {"name":"balance","read":true,"params":[{"name":"account","type":"string"}]},
        {"name":"exists","read":true,"params":[{"name":"account","type":"string"}]},
        {"name":"session","read":true,"params":[{"name":"account","type":"string"},{"name":"key","type":"hash"}]},
        {"name":"fee_state","read":true}]}])";
  static tb_status answer(tb_view*, std::uint32_t, std::uint32_t function, tb_str,
                          const tb_value* args, std::uint32_t, tb_out* out, tb_out*) {
    std::lock_guard lock(mutex);
    const auto put = [out](std::string_view name, std::uint64_t number) {
      out->api->put_u64(out, to_str(name), number);
      return TB_OK;
    };
    if (function == 3) return ++fee_questions, put("base_fee", base_fee);
    const std::string account(to_view(args[0].str));
    if (function == 2)
      return sessions.contains(account) ? put("expires_at_ms", sessions[account]) : TB_FAILED;
    const bool spoken_of = balances.contains(account);
    if (function == 1) {
      out->api->put_bool(out, to_str("exists"), !spoken_of || balances[account] > 0);
      return TB_OK;
    }
    return put("amount", spoken_of ? balances[account] : std::uint64_t{1} << 62);
  }
};

class FakeChain final : public Chain {
 public:
  explicit FakeChain(Clock& clock) : clock_(clock) {
    FakeLedger::reset();
    genesis_.chain_id = "dev";
    genesis_.max_block_bytes = 1u << 20;
    view_ = next_view(0);
  }

  Result<Produced> produce(const std::vector<CommandPtr>& commands) override {
    std::unique_lock lock(mutex_);
    ++started_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    if (!fail_.ok()) {
      Status status = fail_;
      if (fail_once_) fail_ = Status();
      ++failed_;
      changed_.notify_all();
      return status;
    }
    Produced out;
    auto block = std::make_shared<BlockRecord>();
    block->header.height = head_ + 1;
    block->header.time_ms = clock_.unix_ms();
    for (std::size_t i = 0; i < commands.size(); ++i) execute(commands[i], i, *block, out);
    ++head_;
    if (ahead_) {
      flight_.emplace_back(next_view(head_), live_);
    } else {
      view_ = next_view(head_);
      nonces_ = live_;
    }
    batches_.push_back(block->commands.size());
    out.block = std::move(block);
    out.pending_work = pending_work_;
    changed_.notify_all();
    return out;
  }

  Result<std::uint64_t> settle(LogWait wait) override {
    std::lock_guard lock(mutex_);
    if (!sync_.ok()) return sync_;
    if (wait == LogWait::kAll) durable_ = head_;
    while (!flight_.empty() && flight_.front().first->height <= durable_) {
      view_ = flight_.front().first;
      nonces_ = std::move(flight_.front().second);
      flight_.pop_front();
    }
    return view_->height;
  }
  void when_synced(std::function<void()> wake) override {
    std::lock_guard lock(wake_mutex_);
    wake_ = std::move(wake);
  }

  DryRun dry_run(const StateViewPtr&, const Command& command) const override {
    std::lock_guard lock(mutex_);
    ++dry_runs_;
    DryRun out;
    if (command.memo == "refuse") {
      out.outcome = Outcome::kRejected;
      out.code = -33333;
      out.name = "no_way";
      out.text = "says the machine";
      out.error_data = R"({"left":3})";
    }
    return out;
  }

  StateViewPtr view() const override {
    std::lock_guard lock(mutex_);
    return view_;
  }
  Status stalled() const override { return {}; }
  Result<std::uint64_t> nonce(const StateViewPtr&, std::string_view account) const override {
    std::lock_guard lock(mutex_);
    auto at = nonces_.find(std::string(account));
    return at == nonces_.end() ? 0 : at->second;
  }
  const Genesis& genesis() const override { return genesis_; }
  Status checkpoint() override {
    std::lock_guard lock(mutex_);
    ++checkpoints_;
    return {};
  }

  Status swap_machines(const SwapPlan*) override { return {}; }
  Status rehearse(const Machine&, std::uint64_t, std::uint64_t) override { return {}; }
  std::uint64_t first_height() const override { return 0; }
  Result<Header> header(std::uint64_t) const override { return none(); }
  Result<std::shared_ptr<const BlockRecord>> block(std::uint64_t) const override { return none(); }
  Result<std::uint64_t> height_of(const Hash&) const override { return none(); }
  ReplayReport replay(bool, const std::function<bool(std::uint64_t)>&) const override { return {}; }
  Result<Hash> state_root(const StateViewPtr&) const override { return none(); }

  // ---- for tests

  void hold() {
    set([this] { held_ = true; });
  }
  void release() {
    set([this] { held_ = false; });
  }
  void fail(const Status& status, bool once) {
    set([&] {
      fail_ = status;
      fail_once_ = once;
    });
  }
  void heal() {
    set([this] { fail_ = Status(); });
  }
  void set_pending_work(bool value) {
    set([&] { pending_work_ = value; });
  }
  void set_nonce(const std::string& account, std::uint64_t value) {
    set([&] { nonces_[account] = live_[account] = value; });
  }
  void ahead() {
    set([&] { ahead_ = true; });
  }
  void make_durable(std::uint64_t height) {
    set([&] { durable_ = height; });
    wake();
  }
  void fail_syncs(const Status& status) {
    set([&] { sync_ = status; });
    wake();
  }
  // Waits until so many calls of produce have begun, blocks are made, calls have failed.
  void await_started(std::size_t n) {
    await([&] { return started_ >= n; });
  }
  void await_blocks(std::size_t n) {
    await([&] { return batches_.size() >= n; });
  }
  void await_failed(std::size_t n) {
    await([&] { return failed_ >= n; });
  }
  std::vector<std::size_t> batches() const { return get(batches_); }
  std::size_t dry_runs() const { return get(dry_runs_); }
  std::size_t checkpoints() const { return get(checkpoints_); }
  std::vector<std::string> order() const { return get(order_); }
  Genesis& genesis_to_change() { return genesis_; }

 private:
  static Status none() { return Status(Code::kNotFound, "a fake chain keeps no blocks"); }

  void execute(const CommandPtr& command, std::size_t i, BlockRecord& block, Produced& out) {
    out.step_of.push_back(SIZE_MAX);
    std::uint64_t& nonce = live_[command->from];
    if (command->memo == "poison") {
      out.poisoned.push_back(i);
      out.poison_names.emplace_back("internal_plugin_error");
      out.poison_texts.emplace_back("the memo says so");
    } else if (command->nonce != nonce + 1 ||
               (command->expires_at_ms && *command->expires_at_ms < block.header.time_ms)) {
      out.left_out.push_back(i);
    } else {
      ++nonce;
      out.step_of.back() = block.steps.size();
      Step step;
      step.command = static_cast<std::uint32_t>(block.commands.size());
      step.result = R"({"memo":")" + command->memo + "\"}";
      block.steps.push_back(step);
      block.commands.push_back(command);
      order_.push_back(command->method + " " + std::to_string(command->nonce));
    }
  }

  static StateViewPtr next_view(std::uint64_t height) {
    static const std::shared_ptr<const MachineSet> machines = make_machines();
    auto out = std::make_shared<StateView>();
    out->height = height;
    out->machines = machines;
    return out;
  }
  static std::shared_ptr<const MachineSet> make_machines() {
    static const tb_machine table = [] {
      tb_machine out{};
      out.size = sizeof out;
      out.sm = out.sm_min = 1;
      out.answer = &FakeLedger::answer;
      return out;
    }();
    static const std::string ledger =
        std::string(
            R"({"id":"ledger","version":"1.0.0","summary":"for tests","sm":1,"sm_min":1,"schema":1,"methods":[{
             "name":"ledger.transfer","kind":"command","role":"open","summary":"pay",
             "params":[{"name":"to","type":"string","optional":true,"help":"who"},
                       {"name":"amount","type":"u64","optional":true,"help":"how much"}]}],)") +
        FakeLedger::kProvides + "}";
    std::vector<std::pair<RosterEntry, Machine>> machines;
    for (
        const char* text :
        {R"({"id":"t","version":"1.0.0","summary":"for tests","sm":1,"sm_min":1,"schema":1,"methods":[{"name":"t.do",
             "kind":"command","role":"open","summary":"do it","max_bytes":4096,
             "params":[{"name":"kwh","type":"u64","optional":true,"help":"energy"}]}]})",
         ledger.c_str()}) {
      Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(text);
      EXPECT_TRUE(manifest.ok()) << manifest.status().to_string();
      RosterEntry entry;
      entry.id = (*manifest)->id;
      entry.sm = entry.schema = 1;
      entry.consensus_hash = (*manifest)->consensus_hash;
      machines.emplace_back(entry, Machine{*manifest, &table, nullptr});
    }
    auto built = MachineSet::build(std::move(machines));
    EXPECT_TRUE(built.ok()) << built.status().to_string();
    return *built;
  }

  void wake() {
    std::lock_guard lock(wake_mutex_);
    if (wake_) wake_();
  }
  template <class F>
  void set(F f) {
    std::lock_guard lock(mutex_);
    f();
    changed_.notify_all();
  }
  template <class F>
  void await(F f) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, f);
  }
  template <class T>
  T get(const T& value) const {
    std::lock_guard lock(mutex_);
    return value;
  }

  Clock& clock_;
  Genesis genesis_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  StateViewPtr view_;
  using Nonces = std::map<std::string, std::uint64_t>;
  Nonces nonces_, live_;  // in the view, and behind the newest block
  std::uint64_t head_ = 0, durable_ = 0;
  bool ahead_ = false;
  std::deque<std::pair<StateViewPtr, Nonces>> flight_;
  Status sync_;
  std::mutex wake_mutex_;
  std::function<void()> wake_;
  std::vector<std::size_t> batches_;
  std::vector<std::string> order_;
  Status fail_;
  bool fail_once_ = false, held_ = false, pending_work_ = false;
  std::size_t started_ = 0, failed_ = 0, checkpoints_ = 0;
  mutable std::size_t dry_runs_ = 0;
};

}  // namespace blockd
