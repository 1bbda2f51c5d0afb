// A plugin in a process of its own: the same blocks as in the node, and trouble that costs only who
// made it.
#include <filesystem>

#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/host/tests/host_fixture.hpp"

namespace blockd {
namespace {

class IsolationTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    load_ = {{"wild", "wild"}};
    set_mode(true);
  }
  void set_mode(bool isolated) {
    isolated_.clear();
    if (isolated) isolated_ = {"wild", "tame", "good", "local"};
    restart();
  }
  CommandResult mix(std::uint64_t n) { return command("wild.mix", {{"n", n}}); }
  CommandResult boom(const char* how) { return command("wild.boom", {{"how", how}}); }
  // Everything that a command can come to.
  void stream(std::uint64_t from) {
    for (std::uint64_t n = from; n < from + 20; ++n) (void)mix(n);
    (void)command("wild.slash", {{"n", from}});
    const Signature good = key_.sign("a text");
    Signature bad = good;
    bad[0] = static_cast<std::uint8_t>(bad[0] ^ 1);
    for (const Signature& signature : {good, bad}) {
      (void)command("wild.verify", {{"key", hex_of(view(key_.public_key()))},
                                    {"text", "a text"},
                                    {"signature", hex_of(view(signature))}});
    }
  }
  static std::string hex_of(BytesView bytes) {
    std::string out;
    for (char c : bytes) {
      out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
      out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) & 15]);
    }
    return out;
  }
  void expect_same_blocks(std::uint64_t least) {
    const ReplayReport report = chain_->replay(false, nullptr);
    EXPECT_TRUE(report.ok) << report.difference;
    EXPECT_GE(report.commands, least);
  }
  std::uint64_t crashes(const std::string& reason) {
    MetricFamily* family = metrics_.find("plugin_child_crashes_total");
    return family->counter({"wild", reason})->value();
  }
};

TEST_F(IsolationTest, a_command_runs_in_a_process_of_its_own) {
  must_run();
  const CommandResult result = mix(4);
  ASSERT_FALSE(result.refusal) << result.refusal->message;
  EXPECT_EQ(result.outcome, Outcome::kApplied) << result.text;
  EXPECT_EQ(result.result, R"({"sum":12,"attempt":0,"found":[2]})");
  EXPECT_EQ(ask("wild.query"), R"({"sum":"12"})");
  const PluginStatus status = row("wild");
  EXPECT_EQ(status.isolation, "process");
  EXPECT_GT(status.process.pid, 0);
  EXPECT_NE(status.process.pid, ::getpid());
}

TEST_F(IsolationTest, blocks_of_both_modes_are_the_same) {
  set_mode(false);
  must_run();
  EXPECT_EQ(row("wild").isolation, "none");
  stream(0);
  set_mode(true);
  must_run();
  expect_same_blocks(15);
  stream(100);
  set_mode(false);
  must_run();
  expect_same_blocks(30);
}

// The process goes on with the answers that it is used to; where one is another, nothing differs.
TEST_F(IsolationTest, a_wrong_guess_changes_nothing) {
  must_run();
  const auto trust = [&](std::uint64_t n) {
    const CommandResult result = command("wild.trust", {{"n", n}});
    ASSERT_FALSE(result.refusal) << n << ": " << result.refusal->message;
    EXPECT_EQ(result.outcome, Outcome::kApplied) << n;
  };
  for (std::uint64_t n = 0; n < 9; ++n) trust(n);
  const Signature good = key_.sign("a text");
  Signature bad = good;
  bad[0] = static_cast<std::uint8_t>(bad[0] ^ 1);
  for (int i = 0; i < 12; ++i) {
    const bool holds = i % 6 != 5;
    const CommandResult result =
        command("wild.verify", {{"key", hex_of(view(key_.public_key()))},
                                {"text", "a text"},
                                {"signature", hex_of(view(holds ? good : bad))}});
    EXPECT_EQ(result.refusal.has_value(), !holds) << i;
    if (result.refusal) {
      EXPECT_EQ(result.refusal->name, "bad_signature") << i;
    }
  }
  EXPECT_EQ(row("wild").process.restarts, 0u);
  // The guess that t/9 is not there ends the process. The call is made again, without guesses.
  trust(109);
  trust(9);
  EXPECT_EQ(crashes("crash"), 1u);
  for (std::uint64_t n = 0; n < 20; ++n) trust(n % 10);
  expect_same_blocks(40);
  set_mode(false);
  must_run();
  expect_same_blocks(40);
}

// Two plugins do the same; one of them may not. What is to break the one limit has room in the
// other, however slow the machine.
TEST_F(IsolationTest, limits_are_of_one_plugin) {
  struct Case {
    const char *how, *reason;
    ProcessLimits limits;
  };
  load_ = {{"wild", "wild"}, {"tame", "tame"}};
  for (const Case& c :
       {Case{"hold:40", "memory", {32, 60'000, 0}}, Case{"think:2000", "hang", {64, 300, 0}}}) {
    limits_ = {{"wild", {c.limits.memory_mb, c.limits.step_ms, {}}}, {"tame", {{}, 60'000, {}}}};
    restart();
    must_run();
    EXPECT_EQ(row("wild").limits, c.limits);
    EXPECT_EQ(row("tame").limits, (ProcessLimits{64, 60'000, 0}));
    const CommandResult over = boom(c.how);
    ASSERT_TRUE(over.refusal) << c.how;
    EXPECT_EQ(over.refusal->name, "plugin_crashed");
    EXPECT_EQ(crashes(c.reason), 1u) << over.refusal->message;
    const CommandResult within = command("tame.boom", {{"how", c.how}});
    EXPECT_FALSE(within.refusal) << within.refusal->message;
    EXPECT_EQ(row("tame").process.restarts, 0u);
  }
}

TEST_F(IsolationTest, a_process_is_held_to_its_share_of_a_core) {
  limits_ = {{"wild", {{}, 60'000, 1}}};
  restart();
  must_run();
  const CommandResult result = boom("think:30000");
  ASSERT_TRUE(result.refusal);
  EXPECT_EQ(result.refusal->name, "plugin_crashed");
  EXPECT_NE(result.refusal->message.find("cpu_percent"), std::string::npos)
      << result.refusal->message;
  EXPECT_EQ(crashes("cpu"), 1u);
}

TEST_F(IsolationTest, new_limits_come_with_a_new_process) {
  must_run();
  const int old = row("wild").process.pid;
  std::vector<PluginRequest> wanted = {{"wild", built("wild"), true, true, true, {128, {}, {}}}};
  auto pending = host_->prepare_requests(wanted);
  ASSERT_TRUE(pending.ok()) << pending.status().to_string();
  (void)host_->apply_requests(*pending);
  EXPECT_NE(row("wild").process.pid, old);
  EXPECT_EQ(row("wild").limits, (ProcessLimits{128, 2'000, 0}));
  EXPECT_FALSE(boom("hold:90").refusal);
}

TEST_F(IsolationTest, trouble_costs_the_command_that_made_it) {
  must_run();
  const std::pair<const char*, const char*> all[] = {{"crash", "crash"},
                                                     {"stack", "crash"},
                                                     {"write", "crash"},
                                                     {"abort", "crash"},
                                                     {"eat", "memory"},
                                                     {"socket", "forbidden_call"},
                                                     {"fork", "forbidden_call"},
                                                     {"exec", "forbidden_call"},
                                                     {"kill", "forbidden_call"},
                                                     {"code", "forbidden_call"},
                                                     {"ptrace", "forbidden_call"},
                                                     {"exit", "exit"},
                                                     {"hang", "hang"}};
  std::uint64_t good = 0;
  for (const auto& [how, reason] : all) {
    const std::uint64_t before = crashes(reason);
    const CommandResult result = boom(how);
    ASSERT_TRUE(result.refusal) << how;
    EXPECT_EQ(result.refusal->name, "plugin_crashed") << how << ": " << result.refusal->message;
    EXPECT_EQ(crashes(reason), before + 1) << how << ": " << result.refusal->message;
    // The next one is served as soon as the process is there again.
    CommandResult next = mix(7 * ++good);
    while (next.refusal && next.refusal->name == "plugin_crashed") next = mix(7 * good);
    ASSERT_FALSE(next.refusal) << how << ": " << next.refusal->message;
  }
  expect_same_blocks(good);
}

// The node writes for a face, in both modes, and nowhere but where the face may keep files.
TEST_F(IsolationTest, a_face_keeps_files_in_its_folder) {
  const std::string folder = dir_ / "wild_files";
  const std::string text = R"("status":0,"read":"ell","listed":"a.json:5 b:3145728 ","gone":")" +
                           std::to_string(TB_NOT_FOUND) + R"(","refused":")";
  std::string refused;
  for (int i = 0; i < 12; ++i) refused += std::to_string(TB_E_INVALID) + " ";
  for (const bool isolated : {false, true}) {
    SCOPED_TRACE(isolated);
    std::filesystem::remove_all(folder);
    set_mode(isolated);
    must_run();
    EXPECT_EQ(ask("wild.files"), "{" + text + refused + "\"}");
    EXPECT_EQ(*read_file(folder + "/sub/a.json"), "hello");
    EXPECT_FALSE(file_exists(folder + "/sub/b"));
    EXPECT_FALSE(file_exists(folder + "/sub/a.json.tmp"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "chain" / "x"));
    EXPECT_EQ(row("wild").process.restarts, 0u);
  }
}

TEST_F(IsolationTest, files_are_out_of_reach) {
  must_run();
  const CommandResult result = boom("open");
  EXPECT_FALSE(result.refusal) << result.refusal->message;
  EXPECT_EQ(row("wild").process.restarts, 0u);
}

TEST_F(IsolationTest, an_exception_is_told_as_in_the_node) {
  must_run();
  const CommandResult result = boom("throw");
  ASSERT_TRUE(result.refusal);
  EXPECT_EQ(result.refusal->name, "internal_plugin_error");
  EXPECT_NE(result.refusal->message.find("thrown on demand"), std::string::npos);
  EXPECT_EQ(row("wild").process.restarts, 0u);
}

// The crash is not seen before the block is made: the commands beside it stay in it.
TEST_F(IsolationTest, the_proposer_leaves_out_what_crashes) {
  must_run();
  std::vector<std::promise<CommandResult>> ends(4);
  auto send = [&](std::size_t i, std::string_view method, const json::object& params) {
    auto refusal =
        producer_->submit_own(key_, method, params, "",
                              [&, i](const CommandResult& result) { ends[i].set_value(result); });
    ASSERT_FALSE(refusal) << refusal->message;
  };
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  producer_->run_between_blocks([gone] { gone.wait(); });
  send(0, "wild.arm", {{"how", "crash"}});
  send(1, "wild.fire", {});
  send(2, "wild.mix", {{"n", 2}});
  send(3, "wild.mix", {{"n", 3}});
  go.set_value();
  std::vector<CommandResult> results;
  for (auto& end : ends) results.push_back(end.get_future().get());
  EXPECT_FALSE(results[0].refusal);
  ASSERT_TRUE(results[1].refusal);
  EXPECT_EQ(results[1].refusal->name, "plugin_crashed") << results[1].refusal->message;
  EXPECT_EQ(crashes("crash"), 1u);
  // Their nonces stand behind the one that is in no block.
  EXPECT_TRUE(results[2].refusal || results[2].outcome == Outcome::kApplied);
  const CommandResult next = mix(9);
  ASSERT_FALSE(next.refusal) << next.refusal->message;
  expect_same_blocks(2);
}

TEST_F(IsolationTest, a_query_that_crashes_is_an_error_and_the_next_is_served) {
  must_run();
  (void)mix(1);
  EXPECT_NE(ask("wild.misquery").find("plugin_crashed"), std::string::npos);
  EXPECT_EQ(ask("wild.query"), R"({"sum":"3"})");
  EXPECT_EQ(row("wild").process.restarts, 1u);
}

TEST_F(IsolationTest, a_process_killed_from_outside_costs_nobody_anything) {
  must_run();
  (void)mix(1);
  ASSERT_EQ(::kill(row("wild").process.pid, SIGKILL), 0);
  const CommandResult next = mix(2);
  ASSERT_FALSE(next.refusal) << next.refusal->message;
  EXPECT_EQ(next.outcome, Outcome::kApplied);
}

// The plugin's other build crashes at a command that is in a block already.
TEST_F(IsolationTest, a_published_block_that_crashes_stops_there_and_says_so) {
  must_run();
  for (std::uint64_t n = 10; n < 16; ++n) (void)mix(n);
  load_ = {{"wild", "wild-trap"}};
  restart();
  must_run();
  const ReplayReport report = chain_->replay(false, nullptr);
  EXPECT_FALSE(report.ok);
  EXPECT_NE(report.difference.find("crash"), std::string::npos) << report.difference;
  EXPECT_EQ(crashes("crash"), 3u);
}

// A hook cannot be left out: the chain stands still, says why, and goes on with a repaired build.
TEST_F(IsolationTest, a_hook_that_crashes_stops_the_chain_until_it_is_repaired) {
  must_run();
  (void)mix(1);
  EXPECT_FALSE(command("wild.arm", {{"how", "hook:crash"}}).refusal);
  std::promise<CommandResult> end;
  auto refusal = producer_->submit_own(key_, "wild.mix", {{"n", 2}}, "",
                                       [&](const CommandResult& result) { end.set_value(result); });
  ASSERT_FALSE(refusal) << refusal->message;
  while (chain_->stalled().ok()) turn();
  EXPECT_NE(chain_->stalled().message().find("crashed"), std::string::npos);
  EXPECT_GE(crashes("crash"), 3u);
  const Status repaired = host_->reload("wild", built("wild-calm"));
  ASSERT_TRUE(repaired.ok()) << repaired.to_string();
  const CommandResult result = end.get_future().get();
  ASSERT_FALSE(result.refusal) << result.refusal->message;
  EXPECT_EQ(result.outcome, Outcome::kApplied);
}

TEST_F(IsolationTest, the_mode_changes_with_a_reload) {
  set_mode(false);
  must_run();
  (void)mix(1);
  EXPECT_EQ(row("wild").process.pid, 0);
  std::vector<PluginRequest> wanted = {{"wild", built("wild"), true, true, true}};
  auto pending = host_->prepare_requests(wanted);
  ASSERT_TRUE(pending.ok()) << pending.status().to_string();
  (void)host_->apply_requests(*pending);
  EXPECT_GT(row("wild").process.pid, 0);
  const CommandResult next = mix(2);
  ASSERT_FALSE(next.refusal) << next.refusal->message;
  EXPECT_EQ(next.result, R"({"sum":9,"attempt":0,"found":[3]})");
  wanted[0].isolated = false;
  pending = host_->prepare_requests(wanted);
  ASSERT_TRUE(pending.ok()) << pending.status().to_string();
  (void)host_->apply_requests(*pending);
  EXPECT_EQ(row("wild").isolation, "none");
  EXPECT_FALSE(mix(3).refusal);
  expect_same_blocks(3);
}

// Timers, events, routes, configuration and calls of the node, from the other process.
TEST_F(IsolationTest, a_face_works_from_its_process) {
  load_ = {{"good", "good"}, {"local", "local"}};
  restart();
  must_run();
  set(5);
  set(6);
  for (std::string seen; seen != R"({"seen":"1:5 2:6 "})"; turn()) seen = ask("local.events");
  EXPECT_EQ(ask("local.limit"), R"({"limit":7})");
  EXPECT_NE(ask("local.fail").find("error -40001 TooLate: the day is over"), std::string::npos);
  EXPECT_NE(ask("local.throw").find("error -34014"), std::string::npos);
  await_messages("local.tick", 2);
  EXPECT_EQ(ask("good.get"), R"({"value":"6"})");
  EXPECT_EQ(row("local").isolation, "process");
}

TEST_F(IsolationTest, a_library_that_nobody_signed_runs_only_so) {
  rules_.policy = SignaturePolicy::kEnforce;
  set_mode(true);
  must_run();
  EXPECT_FALSE(mix(1).refusal);
  EXPECT_EQ(row("wild").signature, "missing");
  set_mode(false);
  const Status status = run();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("signature missing"), std::string::npos) << status.message();
}

// Constructors run with the filters on.
TEST_F(IsolationTest, a_constructor_that_misbehaves_costs_a_process) {
  for (const char* bad : {"bad-crash", "bad-exit", "bad-hang"}) {
    SCOPED_TRACE(bad);
    rules_.policy = SignaturePolicy::kEnforce;
    load_ = {{"wild", bad}};
    restart();
    EXPECT_FALSE(run().ok());
  }
}

TEST_F(IsolationTest, a_build_that_crashes_on_old_blocks_is_refused_and_the_node_goes_on) {
  set_mode(false);
  must_run();
  EXPECT_EQ(mix(13).outcome, Outcome::kApplied);
  const Status status = host_->reload("wild", built("wild-trap"));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("it crashed"), std::string::npos) << status.to_string();
  EXPECT_NE(status.message().find("in a process of its own"), std::string::npos);
  EXPECT_EQ(row("wild").version, "1.0.0");
  EXPECT_EQ(crashes("crash"), 0u) << "no plugin that runs has crashed";
  EXPECT_EQ(mix(14).outcome, Outcome::kApplied);
  EXPECT_FALSE(host_->stage(built("wild-trap"), false).ok());
  EXPECT_EQ(mix(15).outcome, Outcome::kApplied);
  expect_same_blocks(3);
}

TEST_F(IsolationTest, a_migration_that_crashes_in_a_dry_run_is_told_and_the_node_goes_on) {
  load_ = {{"wild", "wild-calm"}};
  set_mode(false);
  must_run();
  EXPECT_EQ(mix(1).outcome, Outcome::kApplied);
  Result<Host::UpgradePlan> plan = host_->stage(built("wild-sm2"), true);
  ASSERT_TRUE(plan.ok()) << plan.status().to_string();
  EXPECT_TRUE(plan->report.at("migration").at("complete").as_bool());
  EXPECT_EQ(command("wild.arm", {{"how", "hook:crash"}}).outcome, Outcome::kApplied);
  plan = host_->stage(built("wild-sm2"), true);
  ASSERT_FALSE(plan.ok());
  const std::string told = plan.status().message();
  EXPECT_NE(told.find("it crashed"), std::string::npos) << told;
  EXPECT_NE(told.find("on a copy in a process of its own; what ran goes on"), std::string::npos)
      << told;
  EXPECT_EQ(row("wild").version, "1.0.2");
  EXPECT_EQ(crashes("crash"), 0u) << "no plugin that runs has crashed";
  EXPECT_EQ(mix(2).outcome, Outcome::kApplied);
  expect_same_blocks(3);
}

}  // namespace
}  // namespace blockd
