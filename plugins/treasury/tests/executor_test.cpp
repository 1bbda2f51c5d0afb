// The executor against a node that a test plays: crashes, timeouts, other holders, used nonces, the
// circuit breaker.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <tb/library.hpp>
#include <tb/testkit.hpp>

#include "plugins/treasury/executor.hpp"
#include "plugins/treasury/intents_file.hpp"

namespace treasury {
namespace {

// Answers only when the test says so.
class Node final : public Outside {
 public:
  struct Asked {
    std::string what;
    std::uint64_t cookie = 0, id = 0, nonce = 0;
    std::optional<std::uint64_t> account_nonce;
    std::string text;
  };
  std::uint64_t time = 1000;
  Outlook outlook;
  std::vector<Asked> asked;
  std::vector<Intent> file;
  std::vector<std::string> errors, results;
  bool disk_full = false, released = false;
  std::uint64_t ticks = 0;

  std::uint64_t now() override { return time; }
  Outlook look() override { return outlook; }
  void acquire(std::uint64_t cookie) override {
    asked.push_back({"acquire", cookie, 0, 0, {}, {}});
  }
  void release() override { released = true; }
  void sign(std::uint64_t cookie, std::uint64_t id, std::uint64_t nonce,
            std::optional<std::uint64_t> account_nonce) override {
    asked.push_back({"sign", cookie, id, nonce, account_nonce, {}});
  }
  void submit(std::uint64_t cookie, const std::string& tx_bytes) override {
    asked.push_back({"submit", cookie, 0, 0, {}, tx_bytes});
  }
  void status(std::uint64_t cookie, const std::string& tx_hash) override {
    asked.push_back({"status", cookie, 0, 0, {}, tx_hash});
  }
  bool save(const std::vector<Intent>& intents) override {
    if (!disk_full) file = intents;
    return !disk_full;
  }
  void log_error(std::string_view error, std::uint64_t, std::string_view) override {
    errors.emplace_back(error);
  }
  void count_result(std::string_view result) override { results.emplace_back(result); }
  void count_error(std::string_view) override {}
  void tick_done(std::uint64_t) override { ++ticks; }

  Asked take(std::string_view what) {
    if (asked.empty()) {
      ADD_FAILURE() << "nothing was asked where " << what << " was expected";
      return {};
    }
    Asked first = asked.front();
    asked.erase(asked.begin());
    EXPECT_EQ(first.what, what);
    return first;
  }
  void ours() {
    outlook.lease_holder = "node_a";
    outlook.lease_ours = true;
    outlook.lease_free = false;
    outlook.lease_expires_at = time + 60;
  }
};

NodeAnswer fine() {
  NodeAnswer answer;
  answer.ok = true;
  return answer;
}
NodeAnswer refused(std::string name) {
  NodeAnswer answer;
  answer.error = std::move(name);
  return answer;
}
NodeAnswer signed_as(std::string bytes, std::uint64_t account_nonce) {
  NodeAnswer answer = fine();
  answer.envelope = bytes;
  answer.tx_hash = "hash of " + bytes;
  answer.account_nonce = account_nonce;
  return answer;
}

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() {
    start(executor_);
    node_.outlook.lease_free = true;
    node_.outlook.balance = 1000;
  }
  static void start(Executor& executor) {
    ExecutorSettings settings;
    settings.enabled = true;
    settings.holder = "node_a";
    executor.set(settings);
  }
  // The next tick: with a lease that is ours.
  void tick(Executor& executor) {
    node_.ours();
    node_.time += 15;
    node_.ours();
    executor.on_timer();
  }
  void answer(Executor& executor, std::string_view what, const NodeAnswer& answer) {
    executor.on_answer(node_.take(what).cookie, answer);
  }

  Node node_;
  Executor executor_{node_};
};

TEST_F(ExecutorTest, takes_the_lease_first_and_says_who_else_holds_it) {
  executor_.on_timer();
  const Node::Asked asked = node_.take("acquire");
  node_.outlook.lease_holder = "node_b";
  node_.outlook.lease_free = false;
  executor_.on_answer(asked.cookie, refused("lease_held"));
  EXPECT_EQ(executor_.snapshot().last_error, "lease_held_by node_b");
  node_.time += 15;
  executor_.on_timer();
  EXPECT_TRUE(node_.asked.empty());
  EXPECT_EQ(executor_.snapshot().last_error, "lease_held_by node_b");
  EXPECT_EQ(node_.ticks, 2u);
}

TEST_F(ExecutorTest, renews_when_less_than_half_of_the_lease_is_left) {
  node_.ours();
  executor_.on_timer();
  EXPECT_TRUE(node_.asked.empty());
  node_.time += 31;
  executor_.on_timer();
  node_.take("acquire");
}

TEST_F(ExecutorTest, a_batch_is_signed_one_by_one_and_committed_together) {
  node_.outlook.ready = {{1, 400}, {2, 700}, {3, 500}};
  tick(executor_);
  const Node::Asked first = node_.take("sign");
  EXPECT_EQ(first.nonce, 1u);
  executor_.on_answer(first.cookie, signed_as("aa", 41));
  ASSERT_EQ(node_.file.size(), 1u);  // kept before it is handed in
  const Node::Asked submitted = node_.take("submit");
  const Node::Asked second = node_.take("sign");
  EXPECT_EQ(second.id, 3u);  // 2 does not fit, a smaller one does
  EXPECT_EQ(second.nonce, 2u);
  EXPECT_EQ(second.account_nonce, 42u);
  executor_.on_answer(second.cookie, signed_as("bb", 42));
  executor_.on_answer(submitted.cookie, fine());
  EXPECT_EQ(node_.ticks, 0u);
  answer(executor_, "submit", fine());
  EXPECT_EQ(node_.ticks, 1u);
  EXPECT_EQ(executor_.snapshot().last_error, "insufficient_funds");
  EXPECT_TRUE(node_.file.empty());
  node_.outlook.ready = {{2, 700}};
  tick(executor_);
  answer(executor_, "sign", signed_as("cc", 43));
  answer(executor_, "submit", fine());
  EXPECT_EQ(executor_.snapshot().last_error, "");
  EXPECT_EQ(executor_.snapshot().last_submitted_nonce, 3u);
}

TEST_F(ExecutorTest, what_a_policy_holds_is_asked_for_again_and_is_no_failure) {
  node_.outlook.ready = {{1, 400}, {2, 50}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  answer(executor_, "submit", refused("hook_rejected"));
  answer(executor_, "sign", signed_as("bb", 42));
  answer(executor_, "submit", fine());
  EXPECT_EQ(node_.results, (std::vector<std::string>{"cancelled", "success"}));
  EXPECT_EQ(executor_.snapshot().last_error, "hook_rejected");
  EXPECT_TRUE(node_.file.empty());
  EXPECT_EQ(executor_.breaker().failures(), 0u);
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("cc", 43));
  answer(executor_, "submit", fine());
  EXPECT_EQ(executor_.snapshot().last_error, "");
}

TEST_F(ExecutorTest, after_a_crash_the_same_command_goes_in_again) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  node_.take("submit");  // and the process dies
  Executor next(node_);
  start(next);
  next.restore(node_.file);
  tick(next);
  EXPECT_EQ(node_.take("submit").text, "aa");
}

TEST_F(ExecutorTest, after_a_crash_behind_the_commit_the_intent_is_dropped) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  node_.take("submit");
  Executor next(node_);
  start(next);
  next.restore(node_.file);
  node_.outlook.ready = {{2, 100}};  // 1 is executed
  node_.outlook.lease_last_nonce = 1;
  tick(next);
  const Node::Asked asked = node_.take("sign");
  EXPECT_EQ(asked.id, 2u);
  EXPECT_EQ(asked.nonce, 2u);
  EXPECT_TRUE(node_.file.empty());
}

TEST_F(ExecutorTest, a_timeout_keeps_the_intent_and_its_command) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  const Node::Asked late = node_.take("submit");
  node_.time += 31;
  executor_.on_timer();
  EXPECT_EQ(executor_.snapshot().last_error, "consensus_timeout");
  EXPECT_EQ(executor_.staged(), 1u);
  executor_.on_answer(late.cookie, fine());  // of a tick that is over
  tick(executor_);
  EXPECT_EQ(node_.take("submit").text, "aa");
}

TEST_F(ExecutorTest, a_used_account_nonce_is_looked_up_and_signed_anew_with_the_same_nonce) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  answer(executor_, "submit", refused("nonce_gap"));
  EXPECT_EQ(node_.asked.front().text, "hash of aa");
  answer(executor_, "status", fine());  // not in a block, not in the pool
  const Node::Asked again = node_.take("sign");
  EXPECT_EQ(again.nonce, 1u);
  EXPECT_EQ(again.account_nonce, std::nullopt);
  executor_.on_answer(again.cookie, signed_as("bb", 45));
  answer(executor_, "submit", fine());
  EXPECT_EQ(executor_.staged(), 0u);
  EXPECT_EQ(executor_.snapshot().last_error, "");
}

TEST_F(ExecutorTest, a_command_that_was_included_is_not_signed_again) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  answer(executor_, "submit", refused("nonce_gap"));
  NodeAnswer included = fine();
  included.included = true;
  included.outcome = "rejected";
  included.error = "dependency_pending";
  answer(executor_, "status", included);
  EXPECT_TRUE(node_.asked.empty());
  EXPECT_EQ(executor_.snapshot().last_error, "dependency_pending");
  EXPECT_EQ(executor_.staged(), 0u);
}

TEST_F(ExecutorTest, nothing_is_submitted_that_could_not_be_kept) {
  node_.outlook.ready = {{1, 400}};
  node_.disk_full = true;
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  EXPECT_TRUE(node_.asked.empty());
  EXPECT_EQ(executor_.snapshot().last_error, "execution_failed");
}

TEST_F(ExecutorTest, records_of_a_cycle_are_left_out) {
  node_.outlook.ready = {{5, 1}, {7, 1}};
  node_.outlook.cycle = {5, 6};
  tick(executor_);
  EXPECT_EQ(node_.take("sign").id, 7u);
  EXPECT_EQ(node_.errors, std::vector<std::string>{"dependency_cycle_detected"});
}

TEST_F(ExecutorTest, the_breaker_opens_after_five_failures_and_closes_after_two_successes) {
  for (int i = 0; i < 5; ++i) {
    node_.outlook.ready = {{1, 400}};
    tick(executor_);
    if (i == 0) answer(executor_, "sign", signed_as("aa", 41));
    answer(executor_, "submit", refused("ledger_unavailable"));
  }
  EXPECT_EQ(executor_.breaker().at(node_.time), BreakerState::kOpen);
  tick(executor_);
  EXPECT_EQ(executor_.snapshot().last_error, "circuit_breaker_open");
  node_.time += 60;
  EXPECT_EQ(executor_.breaker().at(node_.time), BreakerState::kHalfOpen);
  tick(executor_);
  answer(executor_, "submit", fine());
  EXPECT_EQ(executor_.breaker().at(node_.time), BreakerState::kHalfOpen);
  node_.outlook.ready = {{2, 1}};
  tick(executor_);
  answer(executor_, "sign", signed_as("bb", 42));
  answer(executor_, "submit", fine());
  EXPECT_EQ(executor_.breaker().at(node_.time), BreakerState::kClosed);
}

TEST_F(ExecutorTest, an_operator_opens_and_resets_the_breaker) {
  Breaker breaker;
  breaker.open(100);
  EXPECT_EQ(breaker.at(159), BreakerState::kOpen);
  breaker.reset();
  EXPECT_EQ(breaker.at(159), BreakerState::kClosed);
  for (std::uint64_t t : {0u, 100u, 200u, 301u, 302u}) breaker.failed(t);
  EXPECT_EQ(breaker.at(302), BreakerState::kClosed);  // the first is forgotten
  breaker.failed(303);
  EXPECT_EQ(breaker.at(303), BreakerState::kOpen);
}

TEST_F(ExecutorTest, stopping_gives_the_lease_back_and_keeps_intents) {
  node_.outlook.ready = {{1, 400}};
  tick(executor_);
  answer(executor_, "sign", signed_as("aa", 41));
  executor_.stop();
  EXPECT_TRUE(node_.released);
  EXPECT_EQ(node_.file.size(), 1u);
}

constexpr tb::Config<std::string> kKept{0};
const std::vector<Intent> kIntents = {{7, 3, "abcd", "ef01", 1700000000}};

// A face that does nothing but keep intents.
class KeeperFace {
 public:
  explicit KeeperFace(tb::Host host) : host_(host) {}
  tb::Status save(tb::LocalCall&, const tb::NoArgs&, tb::Out& out) {
    std::string problem;
    save_intents(host_, host_.config(kKept), kIntents, {}, "closed", &problem);
    out.put("problem", problem);
    return tb::ok();
  }
  tb::Status load(tb::LocalCall&, const tb::NoArgs&, tb::Out& out) {
    std::string problem;
    const std::vector<Intent> found = load_intents(host_, host_.config(kKept), &problem);
    out.put("found", found == kIntents ? "all" : found.empty() ? "none" : "others");
    out.put("problem", problem);
    return tb::ok();
  }

 private:
  tb::Host host_;
};

void describe_keeper(tb::Plugin& p) {
  p.id("keeper").version("1.0.0").summary("Keeps intents.");
  p.face<KeeperFace>();
  p.config(kKept, "file", "${data}/keeper/executor.json").unit("file").help("staged intents");
  p.local("keeper.save", &KeeperFace::save).role("operator").summary("Save");
  p.local("keeper.load", &KeeperFace::load).role("operator").summary("Load");
}

TEST(IntentsFile, survives_and_damage_is_told_apart) {
  tb::TestChain chain;
  chain.add(&tb::detail::Library<&describe_keeper>::entry);
  chain.start();
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("intents_" + std::to_string(::getpid()));
  const std::string path = folder / "treasury" / "executor.json";
  chain.set_config("keeper", "file", tb::cat('"', path, '"'));
  const auto load = [&] { return chain.query("keeper.load", "{}").json; };
  EXPECT_EQ(load(), R"({"found":"none","problem":""})");
  EXPECT_EQ(chain.query("keeper.save", "{}").json, R"({"problem":""})");
  EXPECT_EQ(load(), R"({"found":"all","problem":""})");
  std::filesystem::resize_file(path, 20);
  const std::string damaged = load();
  EXPECT_NE(damaged.find("\"none\""), std::string::npos) << damaged;
  EXPECT_NE(damaged.find("damaged"), std::string::npos) << damaged;
  EXPECT_TRUE(std::filesystem::exists(path + ".damaged"));
  EXPECT_EQ(load(), R"({"found":"none","problem":""})");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace treasury
