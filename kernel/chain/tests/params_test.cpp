// Changes of parameters: the admin's command, the service for governance, and the step that brings
// values into force.
#include <gtest/gtest.h>

#include "kernel/base/address.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_governance.hpp"

namespace blockd::test {
namespace {

struct Params : testing::Test {
  Params() {
    w.genesis.roles[0].second = "admin";
    EXPECT_TRUE(w.open().ok());
  }
  Step send(json::value params) {
    Chain::Produced p = w.block({w.command("chain.set_params", std::move(params))});
    return p.block->steps.at(p.step_of.at(0));
  }
  static json::object one(std::string_view key, std::uint64_t value) {
    return {{"key", key}, {"value", value}};
  }
  static json::object many(std::initializer_list<std::pair<const char*, std::uint64_t>> values) {
    json::array list;
    for (const auto& [key, value] : values) list.push_back(one(key, value));
    return {{"values", list}};
  }
  std::uint64_t limit_in_block(std::string_view row) {
    w.run("param", row);
    return std::stoull(w.row("bank", row));
  }
  // The parameter step of the block that follows, if there was one.
  std::optional<Step> next_block() {
    const std::shared_ptr<const BlockRecord> block = w.block({}).block;
    for (const Step& step : block->steps) {
      if (step.kind == StepKind::kParams) return step;
    }
    return std::nullopt;
  }
  World w;
};

TEST_F(Params, value_is_in_force_from_the_next_block_and_the_plugin_is_told_once) {
  EXPECT_EQ(send(many({{"bank_limit", 20}, {"bank_floor", 15}})).outcome, Outcome::kApplied);
  EXPECT_NE(w.row("chain", "waiting/bank_limit"), "-");
  std::optional<Step> step = next_block();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->plugin, "bank");
  EXPECT_EQ(step->outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("bank", "changed"), "1:0>15;0:9>20;");
  EXPECT_EQ(w.row("bank", "checked"), "-");
  EXPECT_EQ(w.row("chain", "waiting/bank_limit"), "-");
  EXPECT_EQ(w.row("chain", "param/bank_limit"), u64_row(20));
  EXPECT_FALSE(next_block());
  EXPECT_EQ(limit_in_block("a"), 20u);
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(limit_in_block("b"), 20u);
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
  Status rehearsed =
      w.chain->rehearse(Machine{w.provider.bank, &w.provider.table, nullptr}, 64, 1000);
  EXPECT_TRUE(rehearsed.ok()) << rehearsed.to_string();
}

TEST_F(Params, a_block_has_one_set_of_values) {
  Chain::Produced p =
      w.block({w.command("chain.set_params", one("bank_limit", 20)), w.op("param", "a")});
  EXPECT_EQ(p.block->steps.at(p.step_of[0]).outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("bank", "a"), "9");
  EXPECT_EQ(limit_in_block("a"), 20u);
  DryRun dry = w.chain->dry_run(w.chain->view(),
                                *w.command("chain.set_params", one("bank_limit", 3), w.nonce + 1));
  EXPECT_EQ(dry.outcome, Outcome::kApplied);
}

TEST_F(Params, names_the_nearest_key_and_refuses_what_is_out_of_range_or_malformed) {
  Step step = send(one("bank_limt", 5));
  EXPECT_EQ(step.name, "unknown_param");
  EXPECT_EQ(step.code, -32060);
  EXPECT_EQ(step.error_data, R"({"nearest":"bank_limit"})");
  EXPECT_NE(step.text.find("did you mean 'bank_limit'?"), std::string::npos);
  step = send(many({{"bank_floor", 1}, {"bank_limit", 101}}));
  EXPECT_EQ(step.name, "out_of_bounds");
  EXPECT_EQ(w.row("chain", "waiting/bank_floor"), "-");
  EXPECT_EQ(send(json::object{}).name, "invalid_params");
  EXPECT_EQ(send(json::object{{"key", "bank_limit"}}).name, "invalid_params");
  json::array full(64, one("bank_limit", 5)), over(65, one("bank_limit", 5));
  EXPECT_EQ(send(json::object{{"values", full}}).outcome, Outcome::kApplied);
  EXPECT_EQ(send(json::object{{"values", over}}).code, -32602);
}

TEST_F(Params, values_that_do_not_fit_together_are_refused_at_once) {
  Step step = send(one("bank_floor", 10));
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.name, "FloorAboveLimit");
  EXPECT_EQ(w.row("chain", "waiting/bank_floor"), "-");
  EXPECT_EQ(w.row("bank", "checked"), "-");
}

TEST_F(Params, values_that_wait_together_are_judged_together) {
  Chain::Produced p = w.block({w.command("chain.set_params", one("bank_limit", 50)),
                               w.command("chain.set_params", one("bank_floor", 40)),
                               w.command("chain.set_params", one("bank_limit", 30))});
  EXPECT_EQ(p.block->steps.at(p.step_of[1]).outcome, Outcome::kApplied);
  EXPECT_EQ(p.block->steps.at(p.step_of[2]).name, "FloorAboveLimit");
  EXPECT_TRUE(next_block());
  EXPECT_EQ(w.row("bank", "changed"), "1:0>40;0:9>50;");
}

TEST_F(Params, plugin_that_fails_at_the_change_keeps_its_old_values) {
  send(one("bank_limit", 99));
  std::optional<Step> step = next_block();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->outcome, Outcome::kRejected);
  EXPECT_EQ(step->name, "NotNinetyNine");
  EXPECT_EQ(w.row("chain", "waiting/bank_limit"), "-");
  EXPECT_EQ(w.row("chain", "param/bank_limit"), u64_row(9));
  EXPECT_EQ(limit_in_block("a"), 9u);
  EXPECT_TRUE(w.chain->replay(true, nullptr).ok);
}

tb_status check_refuses(tb_ctx* ctx, const tb_param_change*, std::uint32_t) {
  return refuse(ctx, "ChangedItsMind");
}

TEST_F(Params, refusal_at_activation_drops_the_values_and_is_recorded) {
  send(one("bank_limit", 20));
  w.provider.table.check_params = check_refuses;
  std::optional<Step> step = next_block();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->outcome, Outcome::kRejected);
  EXPECT_EQ(step->name, "ChangedItsMind");
  EXPECT_EQ(w.row("chain", "waiting/bank_limit"), "-");
  EXPECT_EQ(limit_in_block("a"), 9u);
  EXPECT_FALSE(next_block());
}

TEST_F(Params, value_for_a_plugin_that_went_is_dropped_and_recorded) {
  w.block({w.command("chain.set_plugin", json::object{{"id", "bank"},
                                                      {"sm", 2},
                                                      {"schema", 2},
                                                      {"consensus_hash", std::string(64, '0')},
                                                      {"status", "suspended"}}),
           w.command("chain.set_params", one("bank_limit", 20))});
  std::optional<Step> step = next_block();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->plugin, "chain");
  EXPECT_EQ(step->name, "unknown_param");
  EXPECT_FALSE(next_block());
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(ParamsAuthority, needs_an_admin_and_a_chain_without_governance) {
  World w;
  ASSERT_TRUE(w.open().ok());  // its user is an operator
  json::object params{{"key", "bank_limit"}, {"value", 5}};
  Chain::Produced p = w.block({w.command("chain.set_params", params)});
  EXPECT_EQ(p.block->steps.at(p.step_of[0]).name, "forbidden");
  World governed;
  governed.genesis.authority = "governance";
  governed.genesis.roles[0].second = "admin";
  ASSERT_TRUE(governed.open().ok());
  p = governed.block({governed.command("chain.set_params", params)});
  EXPECT_EQ(p.block->steps.at(p.step_of[0]).name, "forbidden");
}

TEST(ParamsService, the_provider_of_params_1_writes_values_and_nobody_else) {
  for (bool allowed : {true, false}) {
    GovernedWorld w;
    if (!allowed)
      w.provider_of_all.gov_text.replace(w.provider_of_all.gov_text.find("params/1"), 8,
                                         "papers/1");
    Status opened = w.open();
    ASSERT_TRUE(opened.ok()) << opened.to_string();
    const Step step = w.call(0, "bank_limit", 33);
    if (allowed) {
      EXPECT_EQ(step.outcome, Outcome::kApplied) << step.text;
      EXPECT_EQ(w.call(1, "bank_limit").result, R"({"value":33,"next":33})");
      EXPECT_EQ(w.row("bank", "changed"), "0:9>33;");
    } else {
      EXPECT_EQ(step.name, "forbidden");
      EXPECT_NE(step.text.find("plugin gov does not provide params/1"), std::string::npos);
    }
    EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
  }
}

}  // namespace
}  // namespace blockd::test
