// What each block mints, pays and charges.
#include "plugins/economics/tests/chain.hpp"

namespace economics_test {
namespace {

// With these the reward of a quiet chain is 3: 18 · 0.5 · 0.5 · 0.725² rounded up.
constexpr std::uint64_t kBlocksForReward3 = 2'000'000;

TEST_F(Economics, the_treasury_takes_its_percent_of_reward_and_fees_rounded_up) {
  chain_.set_genesis_param("expected_total_blocks", kBlocksForReward3);
  chain_.set_genesis_param("treasury_percent", 25);
  start();
  for (std::uint64_t block = 1; block <= 5; ++block) {
    chain_.advance();
    EXPECT_EQ(emission(), kFirstSupply + 3 * block);
    EXPECT_EQ(balance("treasury"), block);
    EXPECT_EQ(balance("validator"), 2 * block);
    EXPECT_TRUE(says("ledger.check", "{}", R"("ok":true)")) << last_;
  }
  const std::uint64_t producer = balance("validator");
  const tb::Ran paid = chain_.run(
      "ledger.transfer", tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":100})"),
      {.from = "alice", .fee = 50'000, .lane = "consumer"});
  ASSERT_TRUE(paid.ok()) << paid.error_text;
  const std::uint64_t fee = kFirstSupply - 100 - balance("alice");
  ASSERT_EQ(fee, 50'000u);
  const std::uint64_t base = 3 + fee, cut = (base + 3) / 4;
  EXPECT_EQ(balance("treasury"), 5 + cut);
  EXPECT_EQ(balance("validator"), producer + base - cut);
  EXPECT_EQ(emission(), kFirstSupply + 18);
}

TEST_F(Economics, usage_is_paid_once_and_within_the_budget_of_its_market) {
  start();  // reward 1: 10 blocks, 15 % for storage make a budget of 1
  ASSERT_TRUE(use("storage", "provider", 10'000'000).ok());
  EXPECT_EQ(number("economics.state", "storage", "carry_nblock"), 500'000'000u);
  EXPECT_EQ(balance("provider"), 0u);
  chain_.advance();
  EXPECT_EQ(number("economics.state", "storage", "carry_nblock"), 500'000'000u);
  ASSERT_TRUE(use("storage", "provider", 10'000'000).ok());
  EXPECT_EQ(balance("provider"), 1u);
  EXPECT_EQ(number("economics.state", "storage", "budget_left"), 0u);
  ASSERT_TRUE(use("storage", "provider", 40'000'000).ok());
  EXPECT_EQ(balance("provider"), 1u);
  EXPECT_EQ(number("economics.state", "storage", "carry_nblock"), 2'000'000'000u);
  EXPECT_EQ(number("economics.supply", "minted_subsidy"), 1u);
  close(1);
  EXPECT_EQ(number("economics.state", "storage", "carry_nblock"), 999'999'999u);
  EXPECT_EQ(chain_.metric("economics_minted_block_total", {"storage"}), 1);
  EXPECT_EQ(chain_.metric("subsidy_bytes_total", {"storage"}), 60'000'000);
}

TEST_F(Economics, a_block_shares_its_subsidy_by_the_parts_of_its_claimants) {
  start();
  const auto claim = [&](std::string_view who, std::uint64_t nblock) {
    return tb::cat(R"({"market":"ad","recipient":")", chain_.account(who), R"(","nblock":")",
                   nblock, R"("})");
  };
  const std::string a = claim("viewer", 2'100'000'000), b = claim("host", 900'000'000);
  for (const tb::Ran& ran : chain_.block({{"market.claim", a}, {"market.claim", b}}))
    EXPECT_TRUE(ran.ok()) << ran.error_text;
  EXPECT_EQ(balance("viewer"), 2u);
  EXPECT_EQ(balance("host"), 1u);
  EXPECT_FALSE(
      chain_.run("market.claim", R"({"market":"none","recipient":"x","nblock":"1"})").ok());
}

TEST_F(Economics, a_recipient_that_the_ledger_refuses_costs_nobody_else) {
  start();
  const std::string bad = R"({"market":"ad","recipient":"no such thing","nblock":"1500000000"})";
  const std::string good = tb::cat(R"({"market":"ad","recipient":")", chain_.account("host"),
                                   R"(","nblock":"1500000000"})");
  chain_.block({{"market.claim", bad}, {"market.claim", good}});
  EXPECT_GE(balance("host"), 1u);
  EXPECT_EQ(emission(), kFirstSupply + 1 + balance("host"));
}

TEST_F(Economics, the_kill_switch_stops_usage_subsidies_and_no_reward) {
  start();
  ASSERT_TRUE(set("kill_switch_subsidy_reduction", 100).ok());
  chain_.advance();
  const std::uint64_t before = emission();
  ASSERT_TRUE(use("cpu", "provider", 1'000'000'000).ok());
  EXPECT_EQ(balance("provider"), 0u);
  EXPECT_EQ(emission(), before + 1);
  close(1);
  EXPECT_EQ(chain_.metric("kill_switch_trigger_total"), 1);
}

TEST_F(Economics, at_the_cap_subsidies_are_scaled_and_blocks_go_on) {
  chain_.set_genesis_param("max_supply_block", 1000);
  chain_.set_genesis_param("expected_total_blocks", 100);
  start(989);
  chain_.advance(8);
  ASSERT_EQ(emission(), 997u);  // 3 are left, 8 will be claimed
  std::vector<std::string> claims;
  for (std::string_view market : {"compute", "energy", "ad"})
    claims.push_back(tb::cat(R"({"market":")", market, R"(","recipient":")", chain_.account(market),
                             R"(","nblock":"9000000000"})"));
  chain_.block(
      {{"market.claim", claims[0]}, {"market.claim", claims[1]}, {"market.claim", claims[2]}});
  EXPECT_EQ(balance("compute"), 1u);
  EXPECT_EQ(balance("energy"), 0u);
  EXPECT_EQ(balance("ad"), 1u);
  EXPECT_EQ(emission(), 999u);
  for (int i = 0; i < 25; ++i) {
    chain_.advance();
    EXPECT_LE(emission(), 1000u);
  }
  EXPECT_EQ(number("economics.supply", "remaining"), 1000 - emission());
}

TEST_F(Economics, unverified_senders_pay_the_tariff_and_verified_ones_do_not) {
  chain_.set_genesis_param("tariff_min_bps", 148);
  chain_.set_genesis_param("treasury_percent", 100);
  chain_.allocate("bob", 50'000);
  start();
  ASSERT_TRUE(transfer("alice", "carol", 1'000'000).ok());
  close(1);
  ASSERT_EQ(number("economics.state", "tariff_bps", "in_force"), 148u);
  const std::uint64_t alice = balance("alice"), before = balance("treasury");
  ASSERT_TRUE(transfer("alice", "carol", 10'050).ok());
  EXPECT_EQ(balance("alice"), alice - 10'050 - 148);
  EXPECT_EQ(balance("treasury"), before + 1 + 148);  // 1: the coinbase of that block
  ASSERT_TRUE(
      chain_.run("kyc.verify", tb::cat(R"({"account":")", chain_.account("bob"), R"("})")).ok());
  ASSERT_TRUE(transfer("bob", "carol", 50'000).ok());
  EXPECT_EQ(balance("bob"), 0u);
  EXPECT_EQ(chain_.metric("economics_tariff_collected_block_total"), 148);
  EXPECT_EQ(transfer("carol", "bob", balance("carol")).error_name, "insufficient_funds");
  const std::string quote = R"(","amount":10000})";
  EXPECT_TRUE(says("economics.tariff_quote",
                   tb::cat(R"({"from":")", chain_.account("alice"), quote),
                   R"({"tariff_bps":148,"tariff":148})"))
      << last_;
  EXPECT_TRUE(says("economics.tariff_quote", tb::cat(R"({"from":")", chain_.account("bob"), quote),
                   R"("tariff":0)"))
      << last_;
}

TEST_F(Economics, transactions_and_producers_of_the_epoch_are_counted) {
  start();
  ASSERT_TRUE(transfer("alice", "bob", 700).ok());
  ASSERT_TRUE(transfer("bob", "carol", 300).ok());
  EXPECT_FALSE(transfer("bob", "carol", 5'000).ok());
  ASSERT_TRUE(chain_.run("market.spend", R"({"amount":77})").ok());
  EXPECT_EQ(number("economics.state", "tx_count", "counters"), 2u);
  EXPECT_EQ(number("economics.state", "tx_volume_block", "counters"), 1000u);
  EXPECT_EQ(number("economics.state", "ad_spend_block", "counters"), 77u);
  EXPECT_EQ(number("economics.state", "producers", "counters"), 1u);
  close(1);
  EXPECT_EQ(number("economics.sample", "epoch"), 0u);
  EXPECT_EQ(number("economics.sample", "epoch_tx_count"), 2u);
  EXPECT_EQ(number("economics.state", "tx_count", "counters"), 0u);
}

}  // namespace
}  // namespace economics_test
