// The test kit with the greeter of the SDK's examples: what a plugin author sees.
#include "tb/testkit.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

struct Greeter : testing::Test {
  Greeter() {
    chain.add(tb_plugin_entry);
    chain.set_genesis_param("greeter_max_greetings", 2);
    chain.start();
  }
  tb::TestChain chain;
};

TEST_F(Greeter, command_event_metric_query_and_replay) {
  tb::Ran done = chain.run("greeter.greet", R"({"name":"Ada"})");
  EXPECT_EQ(done.outcome, tb::Outcome::kApplied) << done.error_text;
  EXPECT_EQ(chain.height(), 1u);
  EXPECT_EQ(chain.events("greeter.greeted").size(), 1u);
  EXPECT_EQ(chain.param("greeter_max_greetings"), 2u);
  EXPECT_FALSE(chain.rows("greeter").empty());
  tb::Ran list = chain.query("greeter.greetings", "{}");
  ASSERT_TRUE(list.ok()) << list.error_text;
  EXPECT_NE(list.json.find("Ada"), std::string::npos) << list.json;
  chain.run("greeter.greet", R"({"name":"Ada"})");
  tb::Ran full = chain.run("greeter.greet", R"({"name":"Ada"})");
  EXPECT_EQ(full.outcome, tb::Outcome::kRejected);
  EXPECT_EQ(full.error_code, -40001);
  EXPECT_EQ(full.error_name, "TooManyGreetings");
  EXPECT_EQ(chain.replay_check(), "");
}

TEST_F(Greeter, refuses_what_a_node_would_not_admit) {
  EXPECT_EQ(chain.run("greeter.gret", "{}").error_name, "unknown_command");
  EXPECT_EQ(chain.run("greeter.greet", "{}").error_code, -32602);
  tb::Sender stranger;
  stranger.from = "stranger";
  EXPECT_EQ(chain.run("greeter.greet", R"({"name":"Ada"})", stranger).error_name, "forbidden");
  EXPECT_EQ(chain.height(), 0u);
}

TEST_F(Greeter, open_block_tells_outcomes_at_once_and_commits_at_its_end) {
  chain.begin_block(3, 1'700'000'100'000);
  EXPECT_TRUE(chain.run("greeter.greet", R"({"name":"Ada"})").ok());
  EXPECT_TRUE(chain.run("greeter.greet", R"({"name":"Ada"})").ok());
  EXPECT_EQ(chain.run("greeter.greet", R"({"name":"Ada"})").error_name, "TooManyGreetings");
  EXPECT_EQ(chain.height(), 2u);
  chain.end_block();
  EXPECT_EQ(chain.height(), 3u);
  EXPECT_EQ(chain.events().size(), 2u);
  EXPECT_EQ(chain.replay_check(), "");
}

TEST_F(Greeter, changes_a_parameter_of_the_running_chain_from_the_next_block_on) {
  ASSERT_TRUE(chain.set_param("greeter_max_greetings", 1));
  EXPECT_EQ(chain.param("greeter_max_greetings"), 2u);
  EXPECT_TRUE(chain.run("greeter.greet", R"({"name":"Ada"})").ok());
  EXPECT_EQ(chain.param("greeter_max_greetings"), 1u);
  EXPECT_EQ(chain.run("greeter.greet", R"({"name":"Ada"})").error_name, "TooManyGreetings");
  std::string why;
  EXPECT_FALSE(chain.set_param("greeter_max_greeting", 1, &why));
  EXPECT_NE(why.find("did you mean 'greeter_max_greetings'"), std::string::npos) << why;
  EXPECT_EQ(chain.replay_check(), "");
}

TEST_F(Greeter, finishes_epochs_and_tells_misuse) {
  chain.finish_epoch();
  EXPECT_EQ(chain.height(), 9u);
  chain.advance();
  EXPECT_EQ(chain.epoch(), 1u);
  EXPECT_THROW(chain.end_block(), std::runtime_error);
  EXPECT_THROW(chain.start(), std::runtime_error);
}

}  // namespace
