// A running host: methods, effects, events after a restart, and plugins that misbehave.
#include "kernel/host/tests/host_fixture.hpp"

namespace blockd {
namespace {

TEST_F(HostTest, commands_queries_and_local_methods_reach_the_plugin) {
  must_run();
  set(41);
  EXPECT_EQ(ask("good.get"), R"({"value":"41"})");
  EXPECT_EQ(ask("good.version"), R"({"version":"1.0.0"})");
  EXPECT_EQ(ask("local.limit"), R"({"limit":7})");  // no configuration: the manifest's default
  EXPECT_EQ(metrics_.find("good_sets_total")->counter()->value(), 1u);
  EXPECT_EQ(row("good").state, "running");
  EXPECT_EQ(row("good").sm, 1u);
  EXPECT_EQ(row("local").state, "running");
  EXPECT_TRUE(host_->not_ready().empty());
}

TEST_F(HostTest, errors_and_exceptions_of_a_face_become_errors_of_the_call) {
  must_run();
  EXPECT_EQ(ask("local.fail"), R"(error -40001 TooLate: the day is over {"hour":25})");
  EXPECT_EQ(ask("local.throw"),
            "error -34014 internal_plugin_error: plugin local threw in local.throw {}");
}

TEST_F(HostTest, an_exception_in_apply_is_no_outcome) {
  must_run();
  const CommandResult result = command("good.set", {{"value", 666}});
  ASSERT_TRUE(result.refusal);
  set(1);
  EXPECT_EQ(ask("good.get"), R"({"value":"1"})");
}

TEST_F(HostTest, routes_answer_and_tell_why_they_failed) {
  must_run();
  const auto generation = host_->generation();
  ASSERT_EQ(generation->routes.size(), 2u);
  PluginInstance::HttpCall call;
  call.path = {{"name", "ada"}};
  PluginInstance::HttpAnswer answer = generation->routes[0].plugin->http(chain_->view(), call);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, R"({"hello":"ada"})");
  call.route = 1;
  answer = generation->routes[1].plugin->http(chain_->view(), call);
  EXPECT_EQ(answer.status, 409u);
  EXPECT_EQ(answer.body, R"({"name":"Broken"})");
}

TEST_F(HostTest, timers_run_and_their_messages_reach_the_bus) {
  must_run();
  await_messages("local.tick", 2);
  EXPECT_GE(metrics_.find("local_ticks_total")->counter()->value(), 2u);
}

TEST_F(HostTest, every_event_is_delivered_once_and_in_order_over_a_restart) {
  auto seen_up_to = [this](std::uint64_t height) {
    const std::string last = " " + std::to_string(height) + ":";
    std::string seen;
    do {  // the timer's messages say that the face thread goes round
      await_messages("local.tick", 1);
      seen = ask("local.events");
    } while ((" " + seen).find(last) == std::string::npos &&
             seen.find("\"" + last.substr(1)) == std::string::npos);
    return seen;
  };
  must_run();
  set(10);
  set(11);
  EXPECT_EQ(seen_up_to(2), R"({"seen":"1:10 2:11 "})");
  restart();
  must_run();
  EXPECT_EQ(ask("local.events"), R"({"seen":"1:10 2:11 "})");
  set(12);
  EXPECT_EQ(seen_up_to(3), R"({"seen":"1:10 2:11 3:12 "})");
  // Without the face the chain goes on; the face catches up from the log.
  load_ = {{"good", "good"}};
  restart();
  must_run();
  set(13);
  load_ = {{"good", "good"}, {"local", "local"}};
  restart();
  must_run();
  EXPECT_EQ(seen_up_to(4), R"({"seen":"1:10 2:11 3:12 4:13 "})");
}

TEST_F(HostTest, a_required_plugin_that_fails_stops_the_start) {
  load_ = {{"good", "good"}, {"bad", "bad-crash"}};
  restart();
  const Status status = host_->load_all();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("crashed while loading"), std::string::npos);
}

class OptionalPlugin : public HostTest {
 protected:
  // Starts with `good` and an optional second plugin, and returns why that one is not there.
  std::string second(const std::string& id, const std::string& library) {
    load_ = {{"good", "good"}, {id, library}};
    required_ = false;
    restart();
    must_run();
    set(1);
    return row(id).state + ": " + row(id).error;
  }
};

TEST_F(OptionalPlugin, that_cannot_be_loaded_is_listed_as_failed) {
  EXPECT_NE(second("bad", "bad-throws").find("failed: "), std::string::npos);
  EXPECT_NE(row("bad").error.find("out of spirits"), std::string::npos);
}
TEST_F(OptionalPlugin, with_another_id_is_refused) {
  EXPECT_NE(
      second("other", "local").find("it is plugin 'local', the configuration names it 'other'"),
      std::string::npos);
}
TEST_F(OptionalPlugin, that_claims_anothers_method_is_refused) {
  const std::string why = second("bad", "bad-clash");
  EXPECT_NE(why.find("method 'good.get' of plugin 'bad' is already that of plugin 'good'"),
            std::string::npos)
      << why;
}
TEST_F(OptionalPlugin, whose_service_nobody_provides_is_refused) {
  const std::string why = second("bad", "bad-dependency");
  EXPECT_NE(why.find("failed: plugin bad requires service absent/1"), std::string::npos) << why;
}
TEST_F(OptionalPlugin, whose_face_cannot_be_made_is_left_out) {
  const std::string why = second("bad", "bad-create");
  EXPECT_NE(why.find("failed: plugin bad threw in create: no room for a face"), std::string::npos)
      << why;
}

TEST_F(HostTest, a_missing_machine_is_named_and_the_chain_goes_on_when_it_is_staged) {
  must_run();
  set(5);
  load_ = {{"local", "local"}};
  stop();
  std::filesystem::remove_all(rules_.store_dir);
  restart();
  must_run();
  EXPECT_FALSE(chain_->stalled().ok());
  EXPECT_EQ(row("good").state, "missing");
  EXPECT_NE(row("good").error.find("no such plugin is loaded here"), std::string::npos);
  EXPECT_EQ(host_->not_ready(), std::vector<std::string>{"good"});
  auto plan = host_->stage(built("good"), false);
  ASSERT_TRUE(plan.ok()) << plan.status().to_string();
  await_log("plugin switched");
  turn();
  set(6);
  EXPECT_EQ(row("good").state, "running");
  EXPECT_EQ(ask("good.get"), R"({"value":"6"})");
  EXPECT_TRUE(host_->not_ready().empty());
}

TEST_F(HostTest, a_machine_that_is_not_configured_comes_out_of_the_store) {
  must_run();
  set(5);
  load_ = {{"local", "local"}};
  restart();
  must_run();
  set(6);
  EXPECT_EQ(row("good").state, "running");
  EXPECT_EQ(ask("good.get"), R"({"value":"6"})");
}

}  // namespace
}  // namespace blockd
