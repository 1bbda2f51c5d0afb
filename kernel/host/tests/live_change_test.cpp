// Reload, upgrade, load, unload and prune on a node that is at work.
#include <thread>

#include "kernel/host/tests/host_fixture.hpp"

namespace blockd {
namespace {

TEST_F(HostTest, reload_takes_another_build_and_keeps_state_and_counts) {
  must_run();
  set(1);
  const Status status = host_->reload("good", built("good-build2"));
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(row("good").version, "1.0.1");
  EXPECT_EQ(ask("good.version"), R"({"version":"1.0.1"})");
  EXPECT_EQ(ask("good.get"), R"({"value":"1"})");
  set(2);
  EXPECT_EQ(chain_->view()->machines->find("good")->machine.manifest->version, "1.0.1");
  EXPECT_EQ(metrics_.find("good_sets_total")->counter()->value(), 2u);
  ASSERT_TRUE(host_->reload("good", "").ok());  // the configured file: back again
  EXPECT_EQ(row("good").version, "1.0.0");
}

TEST_F(HostTest, reload_of_other_behaviour_is_refused_by_the_rehearsal) {
  must_run();
  set(1);
  const Status status = host_->reload("good", built("good-other-rules"));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("height 1"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("value"), std::string::npos) << status.message();
  EXPECT_EQ(row("good").version, "1.0.0");
  set(2);
  EXPECT_EQ(ask("good.get"), R"({"value":"2"})");
  // What was refused is in no index: a restart without the configured file takes the build that
  // ran.
  load_ = {{"local", "local"}};
  restart();
  must_run();
  set(3);
  EXPECT_EQ(row("good").version, "1.0.0");
}

TEST_F(HostTest, reload_of_other_rules_names_the_upgrade) {
  must_run();
  const Status status = host_->reload("good", built("good-sm2"));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("sm 1 -> 2"), std::string::npos) << status.message();
  EXPECT_EQ(status.hint(), "use: contract-cli plugin upgrade " + built("good-sm2"));
  EXPECT_EQ(host_->reload("nobody", "").code(), Code::kNotFound);
  EXPECT_NE(
      host_->reload("good", built("local")).message().find("it is plugin 'local', not 'good'"),
      std::string::npos);
}

TEST_F(HostTest, a_refused_reload_leaves_the_metrics_alone) {
  must_run();
  set(1);
  ASSERT_FALSE(host_->reload("good", built("good-sm2")).ok());
  set(2);
  EXPECT_EQ(metrics_.find("good_sets_total")->counter()->value(), 2u);
}

TEST_F(HostTest, calls_in_flight_keep_the_old_image_until_they_end) {
  must_run();
  const std::weak_ptr<PluginInstance> old = host_->generation()->find("local");
  std::string answer;
  std::thread caller([&] { answer = ask("local.wait"); });
  gate_.await(1);
  ASSERT_TRUE(host_->reload("local", built("local-build2")).ok());
  EXPECT_EQ(ask("local.version"), R"({"version":"1.0.1"})");
  EXPECT_FALSE(old.expired());
  EXPECT_NE(row("local").held_by.find("older image 1.0.0, 1 calls in flight"), std::string::npos)
      << row("local").held_by;
  gate_.open();
  caller.join();
  EXPECT_EQ(answer, R"({"status":0,"answers":1})");
  EXPECT_TRUE(leaked_images().empty());
}

TEST_F(HostTest, an_image_that_outlives_its_drain_is_told_once_and_goes_with_its_last_call) {
  constexpr std::string_view kLate = "an image is still in use after the drain";
  must_run();
  const std::weak_ptr<PluginInstance> old = host_->generation()->find("local");
  std::thread caller([&] { ask("local.wait"); });
  gate_.await(1);
  clock_.hold();
  ASSERT_TRUE(host_->reload("local", built("local-build2")).ok());
  clock_.go_on(29'999'999);  // half a minute is what a call may take
  gate_.await_looks(2);
  EXPECT_EQ(times_in_log(kLate), 0u);
  clock_.go_on(1);
  await_log(std::string(kLate));
  EXPECT_EQ(times_in_log("1 calls in flight"), 1u);
  gate_.await_looks(2);
  EXPECT_EQ(times_in_log(kLate), 1u);
  EXPECT_FALSE(old.expired());  // it is told, and taken from nobody
  clock_.release();
  gate_.open();
  caller.join();
  drain_faces();
  EXPECT_TRUE(old.expired());
  EXPECT_TRUE(leaked_images().empty());
}

TEST_F(HostTest, an_upgrade_switches_machine_and_face_at_the_block_of_the_roster) {
  must_run();
  set(1);
  Result<Host::UpgradePlan> plan = host_->stage(built("good-sm2"), true);
  ASSERT_TRUE(plan.ok()) << plan.status().to_string();
  EXPECT_EQ(plan->entry.sm, 2u);
  EXPECT_FALSE(plan->diff.empty());
  EXPECT_EQ(row("good").state, "running");  // a dry run stages nothing
  plan = host_->stage(built("good-sm2"), false);
  ASSERT_TRUE(plan.ok()) << plan.status().to_string();
  EXPECT_EQ(row("good").state, "staged");
  set(2);
  EXPECT_EQ(ask("good.version"), R"({"version":"1.0.0"})");
  const CommandResult result = set_plugin(plan->entry);
  ASSERT_FALSE(result.refusal) << result.refusal->message;
  ASSERT_EQ(result.outcome, Outcome::kApplied) << result.text;
  set(3);  // the switch comes first in this block
  await_log("plugin switched");
  EXPECT_EQ(row("good").state, "running");
  EXPECT_EQ(row("good").sm, 2u);
  EXPECT_EQ(ask("good.version"), R"({"version":"2.0.0"})");
  EXPECT_EQ(metrics_.find("good_sets_total")->counter()->value(), 3u);
  // After a restart with the old file in the configuration the machine and its face come out of the
  // store.
  restart();
  must_run();
  EXPECT_EQ(ask("good.version"), R"({"version":"2.0.0"})");
  set(4);
  EXPECT_EQ(ask("good.get"), R"({"value":"4"})");
  const ReplayReport replay = chain_->replay(false, [](std::uint64_t) { return true; });
  EXPECT_TRUE(replay.ok) << replay.difference;
}

TEST_F(HostTest, an_upgrade_to_the_rules_that_run_stages_nothing) {
  must_run();
  const Result<Host::UpgradePlan> same = host_->stage(built("good"), false);
  ASSERT_TRUE(same.ok()) << same.status().to_string();
  EXPECT_EQ(row("good").state, "running");
  const Result<Host::UpgradePlan> other = host_->stage(built("good-build2"), false);
  EXPECT_EQ(other.status().code(), Code::kInvalid);
  EXPECT_NE(other.status().hint().find("plugin reload good"), std::string::npos);
  EXPECT_EQ(row("good").state, "running");
}

TEST_F(HostTest, a_suspended_plugin_is_listed_as_such) {
  must_run();
  RosterEntry entry = host_->genesis_roster().at(0);
  ASSERT_FALSE(set_plugin(entry, "suspended").refusal);
  command("chain.noop", {});
  EXPECT_EQ(row("good").state, "suspended");
}

TEST_F(HostTest, local_plugins_come_and_go) {
  load_ = {{"good", "good"}};
  restart();
  must_run();
  EXPECT_EQ(ask("local.version"), "no method");
  ASSERT_TRUE(host_->load(built("local")).ok());
  EXPECT_EQ(ask("local.version"), R"({"version":"1.0.0"})");
  EXPECT_EQ(host_->load(built("local")).code(), Code::kExists);
  ASSERT_TRUE(host_->unload("local").ok());
  EXPECT_EQ(ask("local.version"), "no method");
  EXPECT_EQ(host_->unload("local").code(), Code::kNotFound);
  EXPECT_NE(host_->unload("good").message().find("in the roster"), std::string::npos);
  EXPECT_NE(host_->load(built("good-sm2")).code(), Code::kOk);
  EXPECT_NE(host_->load(built("bad-dependency")).message().find("absent/1"), std::string::npos);
  ASSERT_TRUE(host_->load(built("local-build2")).ok());
  await_messages("local.tick", 1);
}

TEST_F(HostTest, many_reloads_while_calls_and_blocks_go_on) {
  must_run();
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, asked{0};
  std::thread callers[2];
  for (std::thread& caller : callers) {
    caller = std::thread([&] {
      while (!stop) {
        const GenerationPtr generation = host_->generation();
        const std::string answer = ask_in(generation, "local.version"),
                          number = ask_in(generation, "good.get");
        if (!answer.starts_with(R"({"version":"1.0.)") || !number.starts_with(R"({"value":)"))
          ++wrong;
        ++asked;
      }
    });
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    const bool odd = i % 2 != 0;
    const Status machine = host_->reload("good", built(odd ? "good" : "good-build2"));
    ASSERT_TRUE(machine.ok()) << machine.to_string();
    const Status face = host_->reload("local", built(odd ? "local" : "local-build2"));
    ASSERT_TRUE(face.ok()) << face.to_string();
    set(i);
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(asked, 0u);
  EXPECT_EQ(ask("good.get"), R"({"value":"49"})");
  this->stop();
  EXPECT_TRUE(leaked_images().empty());
  EXPECT_EQ(stored_files(), 2u);  // one copy of each build that executed blocks
}

TEST_F(HostTest, prune_keeps_what_a_replay_needs) {
  must_run();
  set(1);
  ASSERT_TRUE(host_->reload("good", built("good-build2")).ok());
  drain_faces();
  EXPECT_EQ(stored_files(), 3u);  // both builds, and the local plugin while it is mapped
  auto pruned = host_->prune(std::nullopt);
  ASSERT_TRUE(pruned.ok());
  EXPECT_EQ(pruned->size(), 1u);  // the older build of the same rules
  auto plan = host_->stage(built("good-sm2"), false);
  ASSERT_TRUE(plan.ok());
  ASSERT_FALSE(set_plugin(plan->entry).refusal);
  set(2);
  pruned = host_->prune(std::nullopt);
  ASSERT_TRUE(pruned.ok());
  EXPECT_TRUE(pruned->empty());  // blocks of sm 1 are in the log
  drain_faces();
  pruned = host_->prune(0);
  ASSERT_TRUE(pruned.ok());
  EXPECT_EQ(pruned->size(), 1u);
}

}  // namespace
}  // namespace blockd
