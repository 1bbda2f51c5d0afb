// A node in a test: the real host, chain and producer on a disk in memory, with the libraries that
// the build made.
#pragma once

#include <atomic>
#include <boost/json/serialize.hpp>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

#include "kernel/base/address.hpp"
#include "kernel/bus/bus.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host.hpp"
#include "kernel/host/tests/loader_fixture.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/storage/fault_disk.hpp"

namespace blockd {

// Waits until something that other threads do has happened; whoever does it calls tell().
class Board {
 public:
  template <class Change>
  void tell(Change&& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  template <class Done>
  void await(Done&& done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, done);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Stands for the RPC dispatcher: calls wait at the gate until the test opens it.
class Gate final : public MethodCaller {
 public:
  void call_as_plugin(const std::string&, const std::string&, json::value,
                      std::function<void(bool, json::value)> done) override {
    board_.tell([&] { waiting_.push_back(std::move(done)); });
  }
  void plugins_changed() override {
    board_.tell([&] { ++changes_; });
  }
  // The host says so at each look at images that are still in use.
  void await_looks(std::size_t n) {
    std::optional<std::size_t> until;
    board_.await([&] {
      if (!until) until = changes_ + n;
      return changes_ >= *until;
    });
  }
  void await(std::size_t n) {
    board_.await([&] { return waiting_.size() >= n; });
  }
  void open() {
    std::vector<std::function<void(bool, json::value)>> all;
    board_.tell([&] { all.swap(waiting_); });
    for (auto& done : all) done(true, json::object{});
  }

 private:
  Board board_;
  std::size_t changes_ = 0;
  std::vector<std::function<void(bool, json::value)>> waiting_;
};

// The system's clock, until the test holds it: then time passes as it says.
class HeldClock final : public Clock {
 public:
  void hold() { held_us_ = monotonic_us(); }
  void go_on(std::uint64_t us) { held_us_ += us; }
  void release() {
    ahead_us_ = held_us_ - system_clock().monotonic_us();
    held_us_ = 0;
  }
  std::uint64_t unix_ms() const override { return system_clock().unix_ms(); }
  std::uint64_t monotonic_us() const override {
    const std::uint64_t held = held_us_;
    return held != 0 ? held : system_clock().monotonic_us() + ahead_us_;
  }

 private:
  std::atomic<std::uint64_t> held_us_{0}, ahead_us_{0};
};

class HostTest : public LoaderTest {
 protected:
  void SetUp() override {
    LoaderTest::SetUp();
    crypto_init();
    LogOptions log;
    log.stderr_from = LogLevel::kOff;
    log.lines_per_second = 0;
    log.on_line = [this](std::string_view line) {
      lines_.tell([&] { log_text_.append(line).append("\n"); });
    };
    logger_ = *Logger::open(log);
    make_host();
  }
  void TearDown() override {
    gate_.open();
    stop();
    logger_.reset();
    LoaderTest::TearDown();
  }

  // Which plugins the next make_host() loads: id -> library of the build.
  std::vector<std::pair<std::string, std::string>> load_{{"good", "good"}, {"local", "local"}};
  bool required_ = true;
  std::set<std::string> isolated_;  // ids that run in a process of their own
  std::map<std::string, PluginRequest::OwnLimits> limits_;

  void make_host() {
    HostOptions options;
    options.rules = rules_;
    options.plugins_dir = dir_ / "in";
    for (const auto& [id, library] : load_)
      options.load.push_back(
          {id, library.empty() ? "" : built(library), required_, true, isolated_.contains(id)});
    options.child_limits = {64, 2'000, 0};
    for (PluginRequest& request : options.load) {
      if (const auto own = limits_.find(request.id); own != limits_.end())
        request.limits = own->second;
    }
    options.child_max_pause_ms = 20;
    options.stores_dir = dir_ / "stores";
    options.metrics = &metrics_;
    options.bus = &bus_;
    options.log = logger_.get();
    options.clock = &clock_;
    Result<std::unique_ptr<Host>> host = Host::create(std::move(options));
    ASSERT_TRUE(host.ok()) << host.status().to_string();
    host_ = *std::move(host);
  }

  Genesis genesis() {
    Genesis g;
    g.validators = {{"node", 1, key_.public_key()}};
    g.roles = {{address_of(key_.public_key()), "operator"}};
    g.plugins = genesis_roster_;
    return g;
  }
  // Loads, opens the chain (a new one, or that of the test's disk) and starts all.
  Status run() {
    TB_TRY(host_->load_all());
    if (genesis_roster_.empty()) genesis_roster_ = host_->genesis_roster();
    ChainOptions options;
    options.log_dir = "chain";
    options.disk = &disk_;
    options.clock = &system_clock();
    options.state = open_memory();
    options.recreate_state = [] { return Result<std::unique_ptr<KvStore>>(open_memory()); };
    options.genesis = genesis();
    options.machines = host_.get();
    options.effects = host_.get();
    options.validator_key = &key_;
    Result<std::unique_ptr<Chain>> chain = Chain::open(std::move(options), nullptr);
    if (!chain.ok()) return chain.status();
    chain_ = *std::move(chain);
    ProducerOptions blocks;
    blocks.empty_block_interval_ms = 0;
    Result<std::unique_ptr<Producer>> producer =
        Producer::start(*chain_, system_clock(), blocks, {});
    if (!producer.ok()) return producer.status();
    producer_ = *std::move(producer);
    return host_->start(chain_.get(), producer_.get(), &gate_);
  }
  void must_run() {
    const Status status = run();
    if (!status.ok())
      throw std::runtime_error(status.to_string() + "\n" + log_text_);  // ends the test
  }
  void stop() {
    if (host_) host_->stop();
    producer_.reset();
    chain_.reset();
    host_.reset();
  }
  // The same node after a restart.
  void restart() {
    stop();
    make_host();
  }

  // Sends a command as the node's operator and waits for its end.
  CommandResult command(std::string_view method, const json::object& params) {
    auto end = std::make_shared<std::promise<CommandResult>>();
    std::future<CommandResult> ended = end->get_future();
    auto refusal = producer_->submit_own(
        key_, method, params, "", [end](const CommandResult& result) { end->set_value(result); });
    if (!refusal) return ended.get();
    CommandResult refused;
    refused.refusal = refusal;
    return refused;
  }
  void set(std::uint64_t value) {
    const CommandResult result = command("good.set", {{"value", value}});
    ASSERT_FALSE(result.refusal) << result.refusal->message;
    ASSERT_EQ(result.outcome, Outcome::kApplied) << result.text;
  }
  CommandResult set_plugin(const RosterEntry& entry, std::string_view status = "active") {
    return command("chain.set_plugin", {{"id", entry.id},
                                        {"sm", entry.sm},
                                        {"schema", entry.schema},
                                        {"consensus_hash", to_hex_text(entry.consensus_hash)},
                                        {"status", json::string(status)}});
  }
  static std::string to_hex_text(const Hash& hash) {
    std::string out;
    for (unsigned char c : hash) {
      out.push_back("0123456789abcdef"[c >> 4]);
      out.push_back("0123456789abcdef"[c & 15]);
    }
    return out;
  }

  // The answer of a query or local method in the present generation, or "error <code> <name>:
  // <text>".
  std::string ask(const std::string& method, const std::vector<tb_value>& params = {}) {
    return ask_in(host_->generation(), method, params);
  }
  std::string ask_in(const GenerationPtr& generation, const std::string& method,
                     const std::vector<tb_value>& params = {}) {
    auto it = generation->methods.find(method);
    if (it == generation->methods.end()) return "no method";
    const MethodEntry& entry = it->second;
    std::string result;
    const auto error = entry.spec->kind == MethodKind::kQuery
                           ? entry.plugin->query(chain_->view(), entry.index, params, &result)
                           : entry.plugin->local(entry.index, params, &result);
    if (!error) return result;
    return "error " + std::to_string(error->code) + " " + error->name + ": " + error->message +
           " " + json::serialize(error->data);
  }
  PluginStatus row(const std::string& id) {
    for (PluginStatus& status : host_->list()) {
      if (status.id == id) return status;
    }
    return {};
  }
  // Returns when the executor has ended what it is at.
  void turn() {
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> ended = done->get_future();
    producer_->run_between_blocks([done] { done->set_value(); });
    ended.wait();
  }
  // Waits until the logger's thread has written a line with these words.
  void await_log(const std::string& words) {
    lines_.await([&] { return log_text_.find(words) != std::string::npos; });
  }
  std::size_t times_in_log(std::string_view words) {
    std::size_t times = 0;
    lines_.await([&] {
      for (auto at = log_text_.find(words); at != std::string::npos;
           at = log_text_.find(words, at + 1))
        ++times;
      return true;
    });
    return times;
  }
  // Old faces end on the face thread, where timers take turns with other tasks, of which fewer than
  // four wait here.
  void drain_faces() {
    await_messages("local.tick", 4);
    EXPECT_EQ(row("good").held_by, "");
  }
  // Waits until the bus has carried `n` messages of `topic`, published from now on.
  void await_messages(const std::string& topic, std::size_t n) {
    Board board;
    std::size_t seen = 0;
    auto inline_executor = [](std::function<void()> task) {
      std::thread(std::move(task)).detach();
    };
    auto subscription =
        bus_.subscribe({topic}, 16, inline_executor,
                       [&](const BusMessage&, std::uint64_t) { board.tell([&] { ++seen; }); });
    ASSERT_TRUE(subscription.ok());
    board.await([&] { return seen >= n; });
    subscription->close();
  }

  SigningKey key_ = SigningKey::from_seed({7});
  FaultDisk disk_{1};
  MetricRegistry metrics_;
  Bus bus_;
  Gate gate_;
  Board lines_;
  std::string log_text_;
  HeldClock clock_;  // of the host; the chain has the system's
  std::unique_ptr<Logger> logger_;
  std::vector<RosterEntry> genesis_roster_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<Producer> producer_;
};

}  // namespace blockd
