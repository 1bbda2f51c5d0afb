// What the kernel offers a governance: chain/1, and the activation of parameters inside a block.
#include <gtest/gtest.h>

#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_governance.hpp"

namespace blockd::test {
namespace {

enum Call : std::uint32_t {
  kSetParam,
  kParam,
  kCheckParam,
  kSpec,
  kSpecs,
  kSetRole,
  kSwitchPlugin,
  kPlugin
};

TEST(Governance, what_is_activated_holds_in_the_same_block) {
  GovernedWorld w;
  ASSERT_TRUE(w.open().ok());
  w.block({w.due("bank_limit", 50)});
  w.block({w.op("param", "seen")});
  EXPECT_EQ(w.row("bank", "seen"), "50");
  EXPECT_EQ(w.row("bank", "changed"), "0:9>50;");
  w.expect_same_again();
}

TEST(Governance, a_refused_value_fails_alone) {
  GovernedWorld w;
  ASSERT_TRUE(w.open().ok());
  w.block({w.due("bank_limit", 50), w.due("a_key_of_nobody", 5), w.due("bank_floor", 90)});
  Chain::Produced p = w.block({w.op("param", "seen")});
  EXPECT_EQ(w.row("bank", "seen"), "50");
  EXPECT_EQ(w.row("gov", "was/bank_limit"), "set");
  EXPECT_EQ(w.row("gov", "was/bank_floor"), "failed");
  EXPECT_EQ(w.row("gov", "was/a_key_of_nobody"), "set");
  EXPECT_EQ(w.row("chain", "param/a_key_of_nobody"), u64_row(5));
  EXPECT_EQ(p.block->steps.at(0).kind, StepKind::kParams);
  EXPECT_EQ(p.block->steps.at(0).plugin, "gov");
  w.expect_same_again();
}

TEST(Governance, commands_of_operators_change_neither_parameters_nor_the_roster) {
  GovernedWorld w;
  w.genesis.authority = "operator";
  w.genesis.roles[0].second = "admin";
  ASSERT_TRUE(w.open().ok());
  Chain::Produced p =
      w.block({w.command("chain.set_params", json::object{{"key", "bank_limit"}, {"value", 5}})});
  EXPECT_EQ(p.block->steps.at(p.step_of[0]).name, "forbidden");
  EXPECT_NE(p.block->steps.at(p.step_of[0]).text.find("gov param update"), std::string::npos);
}

TEST(Governance, a_value_is_checked_without_a_trace) {
  GovernedWorld w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.call(kCheckParam, "bank_floor", 9).outcome, Outcome::kApplied);
  EXPECT_EQ(w.call(kCheckParam, "bank_floor", 10).name, "FloorAboveLimit");
  EXPECT_EQ(w.call(kCheckParam, "bank_floor", 101).name, "out_of_bounds");
  EXPECT_EQ(w.row("chain", "waiting/bank_floor"), "-");
  EXPECT_EQ(w.row("bank", "checked"), "-");
}

TEST(Governance, declarations_can_be_looked_up_by_key_and_alias) {
  GovernedWorld w(true);
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(
      w.call(kSpec, "BankLimit").result,
      R"({"key":"bank_limit","owner":"twin","declared_owner":"governance","default":7,"default_value":7,)"
      R"("min":1,"max":100,"unit":"","timelock_epochs":2,"rollback_epochs":1,)"
      R"("aliases":["BankLimit"]})");
  EXPECT_EQ(w.call(kSpec, "no_such").name, "unknown_param");
  const std::string page = w.call(kSpecs, "bank_floor", 2).result;
  EXPECT_EQ(page.find(R"({"specs":[{"key":"bank_limit")"), 0u) << page;
  EXPECT_NE(page.find(R"({"key":"late_key")"), std::string::npos);
  EXPECT_EQ(page.find("bank_floor"), std::string::npos);
}

TEST(Governance, a_shared_parameter_needs_equal_declarations_and_tells_both) {
  GovernedWorld w(true);
  w.provider_of_all.twin_table.params_changed = bank_params_changed;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.call(kSetParam, "BankLimit", 40).outcome, Outcome::kApplied);
  w.block({});
  EXPECT_EQ(w.row("bank", "changed"), "0:9>40;");
  EXPECT_EQ(w.row("twin", "changed"), "0:9>40;");
  w.expect_same_again();
  GovernedWorld other(true);
  other.provider_of_all.share_limit(99);
  Status refused = other.open();
  EXPECT_NE(refused.message().find("declare the parameter 'bank_limit' with different"),
            std::string::npos)
      << refused.to_string();
}

tb_status refuse_change(tb_ctx* ctx, const tb_param_change*, std::uint32_t) {
  return refuse(ctx, "Told");
}

TEST(Governance, a_shared_parameter_that_one_refuses_changes_for_nobody) {
  GovernedWorld w(true);
  ASSERT_TRUE(w.open().ok());
  w.call(kSetParam, "bank_limit", 40);
  w.provider_of_all.twin_table.check_params = refuse_change;
  ASSERT_TRUE(w.chain->swap_machines().ok());
  w.block({});
  EXPECT_EQ(w.row("chain", "param/bank_limit"), u64_row(9));
  EXPECT_EQ(w.row("bank", "changed"), "-");
  w.provider_of_all.twin_table.check_params = nullptr;
  w.call(kSetParam, "bank_limit", 41);
  // The twin comes last, when the bank has been told: for it the value holds all the same.
  w.provider_of_all.twin_table.params_changed = refuse_change;
  w.block({});
  EXPECT_EQ(w.row("chain", "param/bank_limit"), u64_row(9));
  w.run("param", "seen");
  EXPECT_EQ(w.row("bank", "seen"), "9");
}

TEST(Governance, a_value_voted_before_its_plugin_came_is_moved_into_its_range) {
  GovernedWorld w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.call(kSetParam, "late_key", 77).outcome, Outcome::kApplied);
  EXPECT_EQ(w.call(kParam, "late_key").result, R"({"value":77,"next":77})");
  EXPECT_EQ(w.call(kSwitchPlugin, "twin", 1).outcome, Outcome::kApplied);
  w.block({});
  EXPECT_EQ(w.row("chain", "param/late_key"), u64_row(10));
  EXPECT_EQ(w.call(kPlugin, "twin").result, R"({"id":"twin","sm":1,"schema":1,"consensus_hash":")" +
                                                std::string(64, '0') +
                                                R"(","status":"active","since":4})");
  EXPECT_EQ(w.call(kPlugin, "node").outcome, Outcome::kApplied);
  EXPECT_EQ(w.call(kPlugin, "nobody").name, "unknown_plugin");
  EXPECT_EQ(w.call(kSwitchPlugin, "chain", 1).name, "plugin_reserved");
  w.expect_same_again();
}

TEST(Governance, roles_are_given_and_taken) {
  GovernedWorld w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.call(kSetRole, "tb1someone", 0, "operator").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("chain", "role/tb1someone"), "operator");
  EXPECT_EQ(w.call(kSetRole, "tb1someone", 0, "none").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("chain", "role/tb1someone"), "-");
  EXPECT_EQ(w.call(kSetRole, "tb1someone", 0, "Bad Role").name, "bad_role");
}

TEST(Governance, only_the_plugin_that_provides_the_service_may_act) {
  GovernedWorld w;
  std::string& text = w.provider_of_all.gov_text;
  text.replace(text.find("roles/1"), 7, "rules/1");
  text.replace(text.find("gov/1"), 5, "got/1");
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.call(kSetRole, "tb1someone", 0, "admin").name, "forbidden");
  EXPECT_EQ(w.call(kSwitchPlugin, "twin", 1).name, "forbidden");
}

}  // namespace
}  // namespace blockd::test
