// Voted scripts: what they may decide, and what they cannot do.
#include "plugins/governance/tests/world.hpp"
#include "tb/blake3.hpp"

namespace governance::test {
namespace {

constexpr std::string_view kOddIsBad = R"lua(
hook = { name="no-odd", version="1.0.0", on={"on_param_change"}, keys={"treasury_percent"}, owns={}, priority=5 }
function on_param_change(change)
  if change.new % 2 == 1 then return false, "odd values are refused" end
end
)lua";

constexpr std::string_view kStep = R"lua(
hook = { name="step-limit", version="1.0.0", on={"on_param_change"}, keys={"treasury_percent"}, owns={}, priority=0 }
function on_param_change(change)
  return fx.clamp(change.new, change.old - 10, change.old + 10)
end
)lua";

constexpr std::string_view kFailsAtActivation = R"lua(
hook = { name="late", version="1.0.0", on={"on_param_change"}, keys={"*"}, owns={}, priority=0 }
function on_param_change(change)
  if change.stage == "activate" then error("not now") end
end
)lua";

constexpr std::string_view kRefusesAll = R"lua(
hook = { name="closed", version="1.0.0", on={"before_apply"}, keys={}, owns={}, methods={"market.trade"}, priority=0 }
function before_apply(call) return false, "closed for " .. call.method end
)lua";

constexpr std::string_view kEndless = R"lua(
hook = { name="endless", version="1.0.0", on={"on_block"}, keys={}, owns={}, priority=0 }
function on_block(block) while true do end end
)lua";

constexpr std::string_view kCounts = R"lua(
hook = { name="counter", version="1.0.0", on={"on_block", "on_epoch"}, keys={}, owns={"market_fee"}, priority=0 }
function on_block(block)
  return { state = { blocks = (state.get("blocks") or 0) + 1 } }
end
function on_epoch(epoch)
  return { params = { market_fee = 100 + epoch.epoch }, events = { { name="epoch", data={ blocks=state.get("blocks") or 0 } } } }
end
)lua";

class Scripts : public World {};

TEST_F(Scripts, a_script_refuses_a_value_at_submission) {
  install(kOddIsBad);
  const tb::Ran odd = run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 7}});
  EXPECT_EQ(odd.error_name, "hook_rejected");
  EXPECT_NE(odd.error_text.find("odd values are refused"), std::string::npos) << odd.error_text;
  EXPECT_TRUE(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 8}}).ok());
}

TEST_F(Scripts, a_script_transforms_a_value_and_history_keeps_the_voted_one) {
  install(kStep);
  const tb::Ran asked =
      run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 50}, {"vote_window", 1}});
  EXPECT_NE(asked.json.find(R"("effective_preview":10)"), std::string::npos) << asked.json;
  const std::uint64_t id = id_of(asked);
  vote(id);
  go_to_epoch(chain.epoch() + 3);
  EXPECT_EQ(value("treasury_percent"), 10u);
  const json::value row =
      ask("gov.param_history", {{"key", "treasury_percent"}}).at("changes").as_array().at(0);
  EXPECT_EQ(row.at("voted_value").to_number<int>(), 50);
}

TEST_F(Scripts, scripts_run_by_priority_each_with_the_value_of_the_one_before) {
  install(kStep);      // priority 0: 51 becomes 10
  install(kOddIsBad);  // priority 5: sees 10
  EXPECT_TRUE(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 51}}).ok());
}

TEST_F(Scripts, a_script_that_errors_at_activation_fails_the_proposal_only) {
  install(kFailsAtActivation);
  const std::uint64_t id = propose("treasury_percent", 5), other = propose("market_fee", 5);
  vote(id);
  vote(other);
  go_to_epoch(chain.epoch() + 3);
  EXPECT_EQ(status(id), "failed");
  EXPECT_EQ(status(other), "failed");
  EXPECT_EQ(value("treasury_percent"), 0u);
  EXPECT_TRUE(run("market.trade", {{"amount", 1}}).ok());
}

TEST_F(Scripts, before_apply_refuses_its_methods_but_never_votes_nor_its_own_end) {
  install(kRefusesAll);
  const tb::Ran refused = run("market.trade", {{"amount", 1}});
  EXPECT_EQ(refused.error_name, "hook_rejected");
  EXPECT_EQ(refused.error_code, -32061);
  const std::uint64_t off =
      id_of(run("gov.propose_script_disable", {{"name", "closed"}, {"vote_window", 1}}));
  vote(off);
  go_to_epoch(chain.epoch() + 3);
  EXPECT_EQ(status(off), "activated");
  EXPECT_TRUE(run("market.trade", {{"amount", 1}}).ok());
  EXPECT_TRUE(run_admin("gov.rollback", {{"id", off}}).ok());
  chain.advance();
  EXPECT_EQ(run("market.trade", {{"amount", 1}}).error_name, "hook_rejected");
}

TEST_F(Scripts, ten_failures_in_a_row_suspend_a_script_and_the_chain_goes_on) {
  install(kEndless);
  const auto shown = [&] {
    return std::string(ask("gov.script", {{"name", "endless"}}).at("status").as_string());
  };
  chain.advance(8);
  EXPECT_EQ(shown(), "active");
  chain.advance(2);
  EXPECT_EQ(shown(), "suspended");
  EXPECT_EQ(chain.events("gov.script_disabled").size(), 1u);
  install(kEndless);  // a new proposal makes it active
  EXPECT_EQ(shown(), "active");
}

TEST_F(Scripts, on_epoch_sets_what_it_owns_and_nobody_else_may) {
  install(kCounts);
  go_to(chain.height() + 4);  // the last block of the epoch
  chain.advance();
  EXPECT_EQ(value("market_fee"), 100 + chain.epoch());
  EXPECT_FALSE(chain.events("gov.script_event").empty());
  EXPECT_EQ(run("gov.propose", {{"key", "market_fee"}, {"new_value", 8}}).error_name, "group_rule");
  EXPECT_GE(ask("gov.script", {{"name", "counter"}})
                .at("state")
                .as_array()
                .at(0)
                .at("value")
                .to_number<int>(),
            5);
}

TEST_F(Scripts, texts_that_are_no_script_are_refused) {
  const auto slip = [&](std::string_view list, std::string_view event) {
    return run(
        "gov.propose_script",
        {{"source", "hook = { name='slip', version='1.0.0', on={'" + std::string(event) + "'}, " +
                        std::string(list) + " }\nfunction " + std::string(event) + "(c) end\n"}});
  };
  tb::Ran misspelled = slip("keys={'treasury_precent'}", "on_param_change");
  EXPECT_EQ(misspelled.error_name, "unknown_param");
  EXPECT_EQ(misspelled.error_text,
            "hook.keys: no parameter 'treasury_precent', so the script would never be asked; did "
            "you mean 'treasury_percent'?; `gov params list` shows all");
  misspelled = slip("owns={'market_fe'}", "on_epoch");
  EXPECT_NE(misspelled.error_text.find("hook.owns: no parameter 'market_fe'"), std::string::npos);
  EXPECT_NE(misspelled.error_text.find("'market_fee'"), std::string::npos);
  misspelled = slip("methods={'market.trad'}", "before_apply");
  EXPECT_EQ(misspelled.error_name, "invalid_payload");
  EXPECT_EQ(misspelled.error_text,
            "hook.methods: no active plugin has the command 'market.trad'; did you mean "
            "'market.trade'?; the script would never be asked");
  const std::string text =
      "hook = { name='slip', version='1.0.0', on={'before_apply'}, "
      "methods={'market.trad'} }\nfunction before_apply(c) end\n";
  const std::string params = json::serialize(json::object{{"source", text}});
  EXPECT_EQ(chain.query("gov.script_check", params).error_text, misspelled.error_text);
  EXPECT_TRUE(
      chain.query("gov.script_check", json::serialize(json::object{{"source", kStep}})).ok());
  EXPECT_EQ(slip("methods={'nothing.like_that'}", "after_apply").error_text,
            "hook.methods: no active plugin has the command 'nothing.like_that'; the script would "
            "never be asked");
  EXPECT_EQ(run("gov.propose_script", {{"source", "hook = {"}}).error_name, "lua_syntax_error");
  EXPECT_EQ(run("gov.propose_script", {{"source", "x = 1.5"}}).error_name, "lua_float_value");
  EXPECT_EQ(run("gov.propose_script", {{"source", kStep}, {"name", "another"}}).error_name,
            "invalid_payload");
  EXPECT_EQ(run("gov.propose_script_disable", {{"name", "nobody"}}).error_name, "unknown_script");
}

TEST_F(Scripts, a_text_that_differs_from_its_hash_is_refused) {
  const std::string hash = tb::blake3(kStep).hex(), other = tb::blake3(kOddIsBad).hex();
  const tb::Ran refused = run("gov.propose_script", {{"source", kStep}, {"hash", other}});
  EXPECT_EQ(refused.error_name, "script_hash_mismatch");
  EXPECT_EQ(refused.error_code, -32061);
  EXPECT_NE(refused.error_text.find(hash), std::string::npos) << refused.error_text;
  EXPECT_TRUE(ask("gov.list").at("proposals").as_array().empty());
  const tb::Ran good = run("gov.propose_script", {{"source", kStep}, {"hash", hash}});
  EXPECT_EQ(ask("gov.proposal", {{"id", id_of(good)}}).at("payload").at("hash").as_string(), hash);
}

TEST_F(Scripts, a_script_is_shown_with_whether_its_text_is_the_voted_one) {
  install(kStep);
  EXPECT_TRUE(ask("gov.script", {{"name", "step-limit"}}).at("intact").as_bool());
  EXPECT_EQ(chain.metric("gov_scripts_damaged"), 0);
}

TEST_F(Scripts, a_rollback_brings_back_what_was_there_before) {
  const std::uint64_t id = install(kOddIsBad);
  EXPECT_TRUE(run_admin("gov.rollback", {{"id", id}}).ok());
  chain.advance();
  EXPECT_TRUE(ask("gov.scripts").at("scripts").as_array().empty());
  EXPECT_TRUE(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 7}}).ok());
}

}  // namespace
}  // namespace governance::test
