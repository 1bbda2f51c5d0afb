// The control laws on a chain: snapshots, drifts, parameters, replay and simulation.
#include "plugins/economics/tests/chain.hpp"

namespace economics_test {
namespace {

TEST_F(Economics, the_first_boundary_of_a_quiet_chain) {
  start();
  EXPECT_EQ(chain_.query("economics.snapshot", "{}").error_name, "unknown_epoch");
  close(1);
  const std::string snapshot = chain_.query("economics.snapshot", R"({"epoch":"latest"})").json;
  for (std::string_view part :
       {R"("epoch":1)", R"("block_reward_per_block":1)", R"("platform_take_bps":2800)",
        R"("publisher_share_bps":5000)", R"("user_share_bps":2200)", R"("tariff_bps":0)",
        R"("unique_miners":1)"}) {
    EXPECT_NE(snapshot.find(part), std::string::npos) << part << " in " << snapshot;
  }
  EXPECT_EQ(share("storage") + share("compute") + share("energy") + share("ad"), 10'000u);
  EXPECT_NE(share("storage"), 1500u);
  ASSERT_EQ(chain_.events("economics.snapshot").size(), 1u);
  EXPECT_EQ(chain_.events("economics.snapshot")[0].height, kEpochBlocks - 1);
  EXPECT_EQ(chain_.query("economics.snapshot", R"({"epoch":7})").error_name, "unknown_epoch");
  EXPECT_EQ(chain_.query("economics.snapshot", R"({"epoch":1.5})").outcome, tb::Outcome::kRefused);
}

TEST_F(Economics, snapshots_chain_by_their_hashes) {
  start();
  close(1);
  const std::string first = snapshot_hash();
  EXPECT_EQ(first.size(), 66u);  // 64 digits in quotes
  close(2);
  EXPECT_TRUE(says("economics.snapshot", R"({"epoch":2})", tb::cat(R"("prev_hash":)", first)))
      << last_;
  EXPECT_TRUE(says("economics.history", R"({"from":2})", R"([{"ad_market")")) << last_;
  EXPECT_TRUE(says("economics.history", R"({"from":1,"to":1})", R"("epoch":1)")) << last_;
  EXPECT_TRUE(says("economics.history", R"({"csv":true})", "epoch,ad_market.platform_take_bps"))
      << last_;
}

TEST_F(Economics, traffic_raises_the_next_reward_and_quiet_brings_it_back) {
  chain_.set_genesis_param("expected_total_blocks", 2'000'000);
  start();
  std::vector<std::string> params;
  std::vector<tb::TestCommand> commands;
  for (int i = 0; i < 200; ++i)
    params.push_back(tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":)", 1000 + i, "}"));
  for (const std::string& one : params)
    commands.push_back({"ledger.transfer", one, {.from = "alice"}});
  for (const tb::Ran& ran : chain_.block(commands)) ASSERT_TRUE(ran.ok()) << ran.error_text;
  close(1);
  // 18 · 2 (the most activity) · 0.5 · (29/40)²
  EXPECT_EQ(number("economics.state", "block_reward_per_block", "in_force"), 10u);
  EXPECT_EQ(number("economics.state", "baseline_tx_count_micro"), 105'000'000u);
  EXPECT_EQ(number("economics.state", "baseline_miners_micro"), 9'550'000u);
  close(2);
  EXPECT_EQ(number("economics.state", "block_reward_per_block", "in_force"), 3u);
  EXPECT_EQ(number("economics.state", "baseline_tx_count_micro"), 99'750'000u);
}

TEST_F(Economics, distress_raises_a_markets_share_and_its_multiplier_at_once) {
  start();
  ASSERT_TRUE(sample("energy", 0, 50, 100).ok());
  close(1);
  EXPECT_TRUE(says("economics.sample", "{}",
                   R"("energy":{"utilization_ppm":0,"margin_ppm":-500000,)"
                   R"("cost_micro":100000000,"payout_micro":50000000})"))
      << last_;
  EXPECT_GT(multiplier("energy"), 1'500'000u);
  const std::uint64_t before = share("energy");
  close(11);
  EXPECT_GT(share("energy"), before);
  EXPECT_LT(share("compute"), 3000u);
  EXPECT_LT(share("ad"), 3500u);
}

TEST_F(Economics, a_sample_of_a_rehearsal_is_measured_and_named) {
  start();
  ASSERT_TRUE(sample("compute", 500, 0, 0, true).ok());
  close(1);
  EXPECT_TRUE(says("economics.sample", "{}", R"("rehearsal":["compute"])")) << last_;
  EXPECT_TRUE(says("economics.sample", "{}", R"("compute":{"utilization_ppm":500000)")) << last_;
}

TEST_F(Economics, a_parameter_acts_on_the_boundary_behind_its_epoch) {
  start();
  close(2);
  const std::uint64_t before = share("storage");
  chain_.advance(kEpochBlocks - 1);
  // In the last block of epoch 2: in force from the first block of epoch 3.
  ASSERT_TRUE(set("subsidy_allocator_drift_rate", 0).ok());
  EXPECT_NE(share("storage"), before);
  const std::uint64_t kept = share("storage");
  close(5);
  EXPECT_EQ(share("storage"), kept);
  ASSERT_TRUE(set("economics_freeze_mask", 31).ok());
  ASSERT_TRUE(set("subsidy_allocator_drift_rate", 1000).ok());
  close(7);
  EXPECT_EQ(share("storage"), kept);
  EXPECT_TRUE(says("economics.replay", "{}", R"("to":7,"ok":true)")) << last_;
}

TEST_F(Economics, while_the_gate_is_closed_nothing_comes_into_force) {
  chain_.set_genesis_param("launch_economics_autopilot", 0);
  start();
  ASSERT_TRUE(sample("energy", 0, 50, 100).ok());
  close(2);
  EXPECT_GT(multiplier("energy"), 1'500'000u);
  EXPECT_EQ(number("economics.state", "energy", "in_force"), 2000u);
  const auto in_force = [&] {
    last_ = chain_.query("economics.state", "{}").json;
    return last_.substr(last_.find("in_force"), 220);
  };
  const std::string before = in_force();
  ASSERT_TRUE(set("launch_economics_autopilot", 1).ok());
  chain_.advance();
  EXPECT_EQ(in_force(), before);
  close(3);
  EXPECT_NE(in_force(), before);
}

TEST_F(Economics, genesis_values_and_groups_of_parameters_hold) {
  start();
  ASSERT_TRUE(set("expected_total_blocks", 5).ok());
  ASSERT_TRUE(set("tariff_min_bps", 500).ok());
  chain_.advance(2);
  EXPECT_EQ(chain_.param("expected_total_blocks"), 20'000'000u);
  EXPECT_EQ(chain_.param("tariff_min_bps"), 0u);
}

TEST_F(Economics, tuned_rates_are_written_as_parameters) {
  chain_.set_genesis_param("subsidy_auto_tune_enabled", 1);
  start();
  close(1);
  EXPECT_TRUE(says("inflation.params", "{}", R"("beta_storage_sub":50)")) << last_;
  chain_.advance();
  EXPECT_TRUE(says("inflation.params", "{}",
                   R"({"beta_storage_sub":58,"gamma_read_sub":23,"kappa_cpu_sub":12,)"
                   R"("lambda_bytes_out_sub":6,"rent_rate_per_byte":0})"))
      << last_;
}

TEST_F(Economics, the_industrial_multiplier_follows_the_load_that_was_handed_in) {
  start();
  EXPECT_FALSE(chain_.run("market.look", R"({"name":"epoch"})").ok());
  ASSERT_TRUE(chain_.run("market.tell_load", R"({"backlog":500,"matched":10})").ok());
  close(1);
  EXPECT_TRUE(
      says("industrial", "{}", R"({"backlog":500,"utilization_ppm":19607,"multiplier":115})"))
      << last_;
}

TEST_F(Economics, other_plugins_read_figures_and_share_amounts) {
  start();
  ASSERT_TRUE(sample("energy", 250, 300, 200).ok());
  close(1);
  EXPECT_EQ(chain_.run("market.look", R"({"name":"markets.energy.utilization_ppm"})").json,
            R"({"value":250000})");
  EXPECT_EQ(chain_.run("market.look", R"({"name":"emission_block"})").json,
            tb::cat(R"({"value":)", kFirstSupply + 9, "}"));
  EXPECT_EQ(chain_.run("market.look", R"({"name":"nonsense"})").error_name, "invalid_params");
  EXPECT_EQ(chain_.run("market.share", R"({"total":7,"weights":[40,30,15,10,5]})").json,
            R"({"allocations":[3,2,1,1,0]})");
}

TEST_F(Economics, replay_agrees_and_simulation_differs_without_a_trace) {
  start();
  ASSERT_TRUE(sample("energy", 0, 50, 100).ok());
  close(4);
  const std::string root = chain_.state_root();
  EXPECT_TRUE(says("economics.replay", R"({"from":2})", R"("from":2,"to":4,"ok":true)")) << last_;
  EXPECT_EQ(last_.find("MISMATCH"), std::string::npos);
  EXPECT_TRUE(says("economics.simulate", R"({"epochs":3})", R"("differs":false)")) << last_;
  EXPECT_TRUE(says("economics.simulate",
                   R"({"epochs":3,"set":["subsidy_allocator_drift_rate=500"]})",
                   R"("differs":true)"))
      << last_;
  EXPECT_EQ(chain_.query("economics.simulate", R"({"set":["nonsense=1"]})").error_name,
            "unknown_param");
  EXPECT_EQ(chain_.query("economics.simulate", R"({"set":["tariff_max_bps=1001"]})").error_name,
            "out_of_bounds");
  EXPECT_EQ(chain_.query("economics.simulate", R"({"set":["tariff_min_bps=300"]})").error_name,
            "group_rule");
  EXPECT_EQ(chain_.query("economics.replay", R"({"from":9})").error_name, "unknown_epoch");
  EXPECT_EQ(chain_.state_root(), root);
}

TEST_F(Economics, gauges_show_committed_state) {
  start();
  chain_.advance();
  chain_.deliver();
  EXPECT_EQ(chain_.metric("economics_block_reward_per_block"), 1);
  EXPECT_EQ(chain_.metric("economics_emission_block"), kFirstSupply + 1);
  EXPECT_EQ(chain_.metric("economics_multiplier", {"energy"}), 1.0);
  ASSERT_TRUE(sample("energy", 0, 50, 100).ok());
  close(1);
  chain_.deliver();
  EXPECT_EQ(chain_.metric("economics_provider_margin", {"energy"}), -0.5);
  EXPECT_EQ(chain_.metric("economics_ad_market_split_bps", {"user"}), 2200);
  EXPECT_EQ(chain_.metric("economics_control_law_update_total"), 1);
  EXPECT_EQ(chain_.metric("active_miners"), 1);
  chain_.run_timer("economics", "verify");
  EXPECT_EQ(chain_.metric("economics_replay_mismatch_total"), 0);
}

}  // namespace
}  // namespace economics_test
