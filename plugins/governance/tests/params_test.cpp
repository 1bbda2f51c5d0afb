// Parameters: from the proposal to the rollback.
#include <fstream>
#include <iterator>

#include "plugins/governance/tests/world.hpp"

namespace governance::test {
namespace {

class Params : public World {
 protected:
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(Params, an_update_is_in_force_from_the_first_block_of_the_announced_epoch) {
  const std::uint64_t id = propose("treasury_percent", 25);
  vote(id);
  go_to(4);  // the last block of epoch 0: votes are counted
  EXPECT_EQ(status(id), "passed");
  const json::value passed = ask("gov.proposal", {{"id", id}});
  EXPECT_EQ(passed.at("activation_epoch").to_number<int>(), 3);
  go_to(14);
  EXPECT_EQ(value("treasury_percent"), 0u);
  chain.advance();
  EXPECT_EQ(chain.height(), 15u);
  EXPECT_EQ(value("TreasuryPercent"), 25u);
  EXPECT_EQ(status(id), "activated");
  const json::value history = ask("gov.param_history", {{"key", "treasury_percent"}});
  const json::value& row = history.at("changes").as_array().at(0);
  EXPECT_EQ(row.at("event").as_string(), "activate");
  EXPECT_EQ(row.at("old_value").to_number<int>(), 0);
  EXPECT_EQ(row.at("new_value").to_number<int>(), 25);
  EXPECT_EQ(row.at("height").to_number<int>(), 15);
}

TEST_F(Params, a_value_of_a_plugin_is_in_force_in_the_same_block_for_its_commands) {
  const std::uint64_t id = enact("market_fee", 77);
  EXPECT_EQ(status(id), "activated");
  EXPECT_EQ(chain.param("market_fee"), 77u);
  EXPECT_NE(run("market.trade", {{"amount", 1}}).json.find("77"), std::string::npos);
}

TEST_F(Params, a_rollback_inside_the_window_restores_the_old_value) {
  const std::uint64_t id = enact("treasury_percent", 30);
  const tb::Ran back = run_admin("gov.rollback", {{"id", id}, {"reason", "too much"}});
  ASSERT_TRUE(back.ok()) << back.error_name << ": " << back.error_text;
  chain.advance();
  EXPECT_EQ(value("treasury_percent"), 0u);
  EXPECT_EQ(status(id), "rolled_back");
  const json::value history = ask("gov.param_history", {{"key", "treasury_percent"}});
  EXPECT_EQ(history.at("changes").as_array().size(), 2u);
  EXPECT_EQ(history.at("changes").as_array().at(0).at("event").as_string(), "rollback");
  EXPECT_EQ(run_admin("gov.rollback", {{"id", id}}).error_name, "not_activated");
}

TEST_F(Params, a_rollback_after_the_window_is_refused) {
  const std::uint64_t id = enact("treasury_percent", 30);  // epoch 3
  go_to_epoch(5);
  const tb::Ran late = run_admin("gov.rollback", {{"id", id}});
  EXPECT_EQ(late.error_name, "rollback_window_expired");
  EXPECT_EQ(late.error_code, -32067);
  EXPECT_EQ(run_admin("gov.rollback_last", json::object()).error_name, "nothing_to_roll_back");
  EXPECT_EQ(run_admin("gov.rollback_last", json::object()).error_code, -32064);
  EXPECT_EQ(value("treasury_percent"), 30u);
}

TEST_F(Params, only_an_admin_rolls_back_and_old_requests_are_refused) {
  const std::uint64_t id = enact("treasury_percent", 30);
  EXPECT_FALSE(run("gov.rollback", {{"id", id}}, "bob").ok());
  EXPECT_EQ(run_admin("gov.rollback", {{"id", id}, {"timestamp", 1}}).error_name,
            "operation_expired");
}

TEST_F(Params, the_newest_activation_is_rolled_back_without_an_id) {
  enact("treasury_percent", 30);
  const tb::Ran back = run_admin("gov.rollback_last", json::object());
  EXPECT_TRUE(back.ok()) << back.error_text;
  chain.advance();
  EXPECT_EQ(value("treasury_percent"), 0u);
}

TEST_F(Params, values_out_of_range_and_unknown_or_retired_keys_are_refused) {
  const auto refused = [&](std::string_view key, const json::value& value) {
    const tb::Ran ran =
        run("gov.propose", {{"key", key}, {"new_value", value}, {"max", 1000}, {"min", 0}});
    return ran.error_name;
  };
  EXPECT_EQ(refused("treasury_percent", 101), "out_of_bounds");
  EXPECT_EQ(refused("treasury_percent", -1), "out_of_bounds");
  EXPECT_EQ(refused("no_such_key", 1), "unknown_param");
  EXPECT_EQ(refused("haar_eta", 1), "retired_param");
  EXPECT_EQ(refused("HaarEta", 1), "retired_param");
  EXPECT_EQ(refused("storage_engine_policy", 0), "out_of_bounds");
  EXPECT_EQ(refused("storage_engine_policy", "rocksdb,none"), "out_of_bounds");
  EXPECT_EQ(refused("governance.direct_approvals", 1), "unknown_param");
  EXPECT_EQ(refused("market_fee", 1001), "out_of_bounds");
}

TEST_F(Params, masks_take_names_and_old_spellings) {
  const std::uint64_t id = id_of(run(
      "gov.propose",
      {{"key", "storage.engine_policy"}, {"new_value", "leveldb,rocksdb"}, {"vote_window", 1}}));
  EXPECT_EQ(ask("gov.proposal", {{"id", id}}).at("payload").at("new_value").to_number<int>(), 10);
}

TEST_F(Params, a_rule_over_several_parameters_holds_at_submission) {
  EXPECT_EQ(
      run("gov.propose", {{"key", "badge_revoke_uptime_percent"}, {"new_value", 100}}).error_name,
      "group_rule");
  EXPECT_EQ(
      run("gov.propose", {{"key", "ad_user_share_target_bps"}, {"new_value", 7201}}).error_name,
      "group_rule");
  EXPECT_TRUE(run("gov.propose", {{"key", "ad_user_share_target_bps"}, {"new_value", 7200}}).ok());
}

TEST_F(Params, the_plugin_of_a_parameter_is_asked_at_submission) {
  const tb::Ran ran = run("gov.propose", {{"key", "market_fee"}, {"new_value", 13}});
  EXPECT_EQ(ran.error_name, "unlucky");
}

TEST_F(Params, a_value_that_its_plugin_cannot_use_makes_the_proposal_failed) {
  const std::uint64_t id = enact("market_fee", 666);
  EXPECT_EQ(status(id), "failed");
  EXPECT_EQ(chain.param("market_fee"), 10u);
  EXPECT_EQ(run_admin("gov.rollback", {{"id", id}}).error_name, "not_activated");
}

TEST_F(Params, of_two_proposals_on_one_key_the_second_starts_from_the_first) {
  const std::uint64_t first = propose("treasury_percent", 5),
                      second = propose("treasury_percent", 9);
  vote(first);
  vote(second);
  // Both were opened in epoch 0 and are counted at the same boundary.
  go_to_epoch(3);
  EXPECT_EQ(value("treasury_percent"), 9u);
  const json::value changes = ask("gov.proposal", {{"id", second}}).at("changes");
  EXPECT_EQ(changes.as_array().at(0).at("old_value").to_number<int>(), 5);
  EXPECT_EQ(run_admin("gov.rollback", {{"id", first}}).error_name, "superseded");
  EXPECT_TRUE(run_admin("gov.rollback", {{"id", second}}).ok());
  chain.advance();
  EXPECT_EQ(value("treasury_percent"), 5u);
}

TEST_F(Params, the_kill_switch_waits_for_its_own_timelock) {
  const std::uint64_t id = propose("kill_switch_subsidy_reduction", 50);
  vote(id);
  go_to(5);
  EXPECT_EQ(ask("gov.proposal", {{"id", id}}).at("activation_epoch").to_number<int>(), 10'801);
}

TEST_F(Params, settlement_of_energy_changes_three_values_and_leaves_a_record) {
  const std::uint64_t id = id_of(
      run("gov.energy_settlement",
          {{"mode", "Batch"}, {"quorum_ppm", 250'000}, {"expiry_blocks", 10}, {"memo", "drill"}}));
  vote(id);
  go_to_epoch(4);  // counted at boundary 2, in force two epochs later
  EXPECT_EQ(status(id), "activated");
  EXPECT_EQ(value("energy_settlement_mode"), 0u);
  EXPECT_EQ(value("energy_settlement_expiry_blocks"), 10u);
  const json::value records = ask("gov.energy_settlement_history");
  EXPECT_EQ(records.as_array().at(0).at("previous_mode").to_number<int>(), 1);
  EXPECT_TRUE(records.as_array().at(0).at("rolled_back_at").is_null());
  ASSERT_TRUE(run_admin("gov.rollback", {{"id", id}}).ok());
  chain.advance();
  EXPECT_EQ(value("energy_settlement_mode"), 1u);
  EXPECT_EQ(value("energy_settlement_quorum_ppm"), 0u);
  EXPECT_EQ(value("energy_settlement_expiry_blocks"), 0u);
  EXPECT_FALSE(
      ask("gov.energy_settlement_history").as_array().at(0).at("rolled_back_at").is_null());
  const auto listed = chain.http("GET", "/governance/energy/settlement/history");
  EXPECT_EQ(listed.first, 200u);
  chain.break_store("governance");
  const tb::Ran unread = chain.query("gov.energy_settlement_history", "{}");
  EXPECT_EQ(unread.error_code, -32073);
  EXPECT_EQ(unread.error_name, "HistoryReadFailed");
  const auto broken = chain.http("GET", "/governance/energy/settlement/history");
  EXPECT_EQ(broken.first, 500u);
  EXPECT_NE(broken.second.find("HistoryReadFailed"), std::string::npos) << broken.second;
  chain.break_store("governance", false);
  EXPECT_EQ(chain.http("GET", "/governance/energy/settlement/history"), listed);
  EXPECT_EQ(run("gov.energy_settlement", {{"mode", "never"}}).error_name,
            "unknown_settlement_mode");
  EXPECT_EQ(run("gov.energy_settlement", {{"mode", "batch"}, {"quorum_ppm", 1'000'001}}).error_name,
            "invalid_settlement_change");
}

TEST_F(Params, the_provenance_chain_verifies_and_is_written_to_a_file) {
  enact("treasury_percent", 30);
  ASSERT_TRUE(run_admin("gov.rollback_last", {{"reason", "drill"}}).ok());
  chain.advance();
  const json::value entries = ask("gov.provenance");
  EXPECT_EQ(entries.at("entries").as_array().size(), 2u);
  EXPECT_TRUE(ask("gov.provenance_verify").at("ok").as_bool())
      << json::serialize(ask("gov.provenance_verify"));
  const std::string path = directory + "/provenance.json";
  std::string text = read(path);
  EXPECT_NE(text.find("drill"), std::string::npos);
  const json::value file = json::parse(text);
  json::object last = file.at("entries").as_array().at(1).as_object();
  EXPECT_EQ(last.at("data").at("reason").as_string(), "drill");
  EXPECT_EQ(last.at("hash"), file.at("tip_hash"));
  EXPECT_EQ(last.at("prev_hash"), file.at("entries").as_array().at(0).at("hash"));
  // What is left without `hash` is what was hashed; its members stand in ascending order.
  last.erase("hash");
  EXPECT_EQ(json::serialize(last), entries.at("entries").as_array().at(0).at("entry").as_string());
  EXPECT_NE(read(directory + "/history/param_changes.json").find("treasury_percent"),
            std::string::npos);
  EXPECT_NE(read(directory + "/history/3.json").find("\"treasury_percent\":"), std::string::npos);
  for (const char* name : {"param_changes", "fee_floor_policy", "dependency_policy", "3"}) {
    const std::string file_name = std::string("/history/") + name + ".json";
    EXPECT_FALSE(read(directory + file_name).empty()) << name;
    EXPECT_EQ(read(directory + "/mirror" + file_name), read(directory + file_name)) << name;
  }
  text[text.find("drill")] = 'D';
  std::ofstream(path) << text;
  EXPECT_FALSE(ask("gov.provenance_verify").at("ok").as_bool());
  EXPECT_TRUE(chain.query("gov.provenance_export", "{}").ok());
  EXPECT_TRUE(ask("gov.provenance_verify").at("ok").as_bool());
}

}  // namespace
}  // namespace governance::test
