// What other plugins do with ledger/1: issue and burn, take fees, set the levy, learn of donations,
// use escrows of a declared prefix.
#include <gtest/gtest.h>
#include <tb/testkit.hpp>

#include "plugins/ledger/levy.hpp"
#include "plugins/ledger/tests/outsiders.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

using tb::detail::Library;

class Services : public ::testing::Test {
 protected:
  void SetUp() override {
    chain_.add(&tb_plugin_entry);
    chain_.add(&Library<&outsiders::economics::describe<outsiders::economics::kEconomics>>::entry);
    chain_.add(&Library<&outsiders::economics::describe<outsiders::economics::kPretender>>::entry);
    chain_.add(&Library<&outsiders::treasury::describe>::entry);
    chain_.add(&Library<&outsiders::market::describe>::entry);
    chain_.add(&Library<&outsiders::kyc::describe>::entry);
    chain_.add(&Library<&outsiders::describe_governor>::entry);
    chain_.allocate("alice", 100'000);
    chain_.allocate("bob", 1000);
    chain_.set_genesis_param("max_supply_block", 150'000);
    chain_.start();
  }
  void TearDown() override {
    EXPECT_NE(chain_.query("ledger.check", "{}").json.find(R"("ok":true)"), std::string::npos)
        << chain_.query("ledger.check", "{}").json;
    EXPECT_EQ(chain_.replay_check(), "");
  }

  tb::Ran call(std::string_view call, std::string_view account = {}, std::uint64_t amount = 0,
               std::string_view kind = {}, std::string_view plugin = "economics") {
    return chain_.run(tb::cat(plugin, ".call"),
                      tb::cat(R"({"call":")", call, R"(","account":")", account, R"(","amount":)",
                              amount, R"(,"kind":")", kind, R"("})"));
  }
  // The kit takes a bare word for a person's name.
  std::string account(std::string_view name) const {
    return name == "treasury" ? std::string(name) : chain_.account(name);
  }
  tb::Ran transfer(const tb::Sender& sender, std::string_view to, std::uint64_t amount) {
    return chain_.run("ledger.transfer",
                      tb::cat(R"({"to":")", account(to), R"(","amount":)", amount, "}"), sender);
  }
  std::uint64_t balance(std::string_view name) {
    const std::string json =
        chain_.query("balance", tb::cat(R"({"address":")", account(name), R"("})")).json;
    return std::stoull(json.substr(std::string_view(R"({"amount":)").size()));
  }
  std::string moved(std::string_view kind, std::string_view from, std::string_view to,
                    std::uint64_t amount) {
    return chain_
        .run("storage-market.move",
             tb::cat(R"({"kind":")", kind, R"(","from":")", chain_.account(from), R"(","to":")",
                     chain_.account(to), R"(","amount":)", amount, "}"),
             {.from = from == "storage/contracts" ? "bob" : from})
        .error_name;
  }
  // What the treasury was told: "from amount source" a line, names in place of addresses.
  std::string credited() {
    std::string out;
    for (const tb::Emitted& event : chain_.events("treasury.credited")) out += event.json + "\n";
    for (std::string_view name : {"alice", "bob"}) {
      const std::string address = chain_.account(name);
      for (auto at = out.find(address); at != std::string::npos; at = out.find(address))
        out.replace(at, address.size(), name);
    }
    chain_.clear_events();
    return out;
  }
  tb::TestChain chain_;
};

TEST_F(Services, economics_mints_up_to_the_cap_and_leaves_a_record) {
  ASSERT_EQ(call("mint", "treasury", 49'000, "reward").error_name, "");
  EXPECT_EQ(balance("treasury"), 49'000u);
  ASSERT_EQ(chain_.records("ledger.moved").size(), 1u);
  EXPECT_NE(chain_.records("ledger.moved")[0].json.find(R"("kind":"mint","memo":"reward")"),
            std::string::npos)
      << chain_.records("ledger.moved")[0].json;
  EXPECT_EQ(call("mint", "treasury", 1, "reward").error_name, "supply_cap");
  EXPECT_NE(call("stats").json.find(R"("headroom":0)"), std::string::npos);
}

TEST_F(Services, nobody_else_mints_and_no_other_kind_is_minted) {
  EXPECT_EQ(call("mint", "treasury", 1, "reward", "pretender").error_name, "not_allowed");
  EXPECT_EQ(call("mint", "treasury", 1, "gift").error_name, "not_allowed");
  EXPECT_EQ(call("take_fees", "treasury", 0, "", "pretender").error_name, "not_allowed");
  EXPECT_EQ(call("levy", "treasury", 1, "", "pretender").error_name, "not_allowed");
}

TEST_F(Services, burning_makes_room_under_the_cap) {
  const std::string bob = chain_.account("bob");
  EXPECT_EQ(call("burn", bob, 1001).error_name, "insufficient_funds");
  EXPECT_EQ(call("burn", bob, 1000, "spent").error_name, "");
  EXPECT_EQ(balance("bob"), 0u);
  EXPECT_EQ(chain_.records("ledger.moved").size(), 1u);
  EXPECT_NE(call("stats").json.find(R"("headroom":50000)"), std::string::npos);
}

TEST_F(Services, a_fee_is_divided_between_the_pools_until_economics_takes_both) {
  ASSERT_EQ(
      transfer({.from = "alice", .fee = 101, .pct = 33, .lane = "consumer"}, "bob", 50).error_name,
      "");
  EXPECT_EQ(balance("alice"), 100'000u - 151);
  EXPECT_EQ(balance("ledger:consumer_fees"), 34u);
  EXPECT_EQ(balance("ledger:industrial_fees"), 67u);
  EXPECT_EQ(chain_.metric("ledger_fees_paid_total"), 101);
  EXPECT_EQ(call("take_fees", chain_.account("bob")).json, R"({"amount":101})");
  EXPECT_EQ(balance("bob"), 1000u + 50 + 101);
  EXPECT_EQ(balance("ledger:consumer_fees"), 0u);
}

TEST_F(Services, a_sender_who_cannot_pay_the_fee_too_sends_nothing) {
  EXPECT_EQ(transfer({.from = "bob", .fee = 1, .lane = "consumer"}, "alice", 1000).error_name,
            "insufficient_funds");
  EXPECT_EQ(balance("bob"), 1000u);
  EXPECT_EQ(balance("ledger:consumer_fees"), 0u);
}

TEST_F(Services, a_session_key_sends_up_to_its_limit_and_until_it_expires) {
  const std::string key = tb::Hash::from(chain_.public_key("phone")).hex();
  ASSERT_TRUE(chain_
                  .run("ledger.open_session",
                       tb::cat(R"({"session_pk":")", key, R"(","limit":100,"expires_at_ms":)",
                               chain_.time_ms() + 60'000, "}"),
                       {.from = "alice"})
                  .ok());
  const tb::Sender phone{.from = "alice", .fee = 10, .lane = "consumer", .session = "phone"};
  EXPECT_EQ(transfer(phone, "bob", 60).error_name, "");
  EXPECT_EQ(transfer(phone, "bob", 21).error_name, "session_limit");
  EXPECT_EQ(transfer(phone, "bob", 20).error_name, "");
  EXPECT_EQ(balance("bob"), 1080u);
  EXPECT_EQ(transfer({.from = "alice", .session = "stranger"}, "bob", 1).error_name,
            "unknown_session");
  chain_.advance(60);
  EXPECT_EQ(transfer(phone, "bob", 0).error_name, "session_expired");
}

TEST_F(Services, a_levy_is_paid_on_top_by_senders_that_are_not_verified) {
  ASSERT_EQ(chain_.run("treasury.watch", R"({"account":"treasury"})").error_name, "");
  ASSERT_EQ(call("levy", "treasury", 50'000'000).error_name, "");  // 50 bps
  EXPECT_NE(transfer({.from = "alice"}, "bob", 10'399).json.find(R"("levy":51)"),
            std::string::npos);
  EXPECT_EQ(balance("treasury"), 51u);
  EXPECT_EQ(credited(), R"({"amount":51,"from":"alice","source":"tariff"})"
                        "\n");
  const std::uint64_t all = balance("bob");
  EXPECT_EQ(transfer({.from = "bob"}, "alice", all).error_name, "insufficient_funds");
  ASSERT_TRUE(
      chain_.run("kyc.verify", tb::cat(R"({"account":")", chain_.account("bob"), R"("})")).ok());
  EXPECT_EQ(transfer({.from = "bob"}, "alice", all).error_name, "");
  EXPECT_EQ(call("levy", "", 0).error_name, "");
  EXPECT_NE(transfer({.from = "alice"}, "bob", 10'000).json.find(R"("levy":0)"), std::string::npos);
}

TEST_F(Services, moves_of_plugins_pay_no_levy) {
  ASSERT_EQ(call("levy", "treasury", 10'000'000'000).error_name, "");
  EXPECT_EQ(moved("hold", "alice", "storage/contracts", 100), "");
  EXPECT_EQ(moved("capture", "storage/contracts", "bob", 100), "");
  EXPECT_EQ(balance("treasury"), 0u);
}

TEST(Levy, is_rounded_down_and_never_more_than_the_amount) {
  EXPECT_EQ(ledger::levy_on(199, 50'000'000), 0u);
  EXPECT_EQ(ledger::levy_on(200, 50'000'000), 1u);
  EXPECT_EQ(ledger::levy_on(~0ull, ~0ull), ~0ull);
  EXPECT_EQ(ledger::levy_on(~0ull, 0), 0u);
}

TEST_F(Services, the_treasury_learns_of_donations_and_of_nothing_else) {
  EXPECT_EQ(transfer({.from = "alice"}, "treasury", 5).error_name, "");
  EXPECT_EQ(credited(), "") << "before it watches";
  ASSERT_EQ(chain_.run("treasury.watch", R"({"account":"treasury"})").error_name, "");
  ASSERT_EQ(chain_.run("treasury.watch", R"({"account":"treasury"})").error_name, "");
  EXPECT_EQ(transfer({.from = "alice"}, "treasury", 7).error_name, "");
  EXPECT_EQ(transfer({.from = "bob"}, "treasury", 9).error_name, "");
  EXPECT_EQ(transfer({.from = "bob"}, "treasury", 9999).error_name, "insufficient_funds");
  EXPECT_EQ(call("mint", "treasury", 3, "reward").error_name, "");
  EXPECT_EQ(credited(), R"({"amount":7,"from":"alice","source":"donation"})"
                        "\n"
                        R"({"amount":9,"from":"bob","source":"donation"})"
                        "\n");
  EXPECT_EQ(balance("treasury"), 24u);
  for (const char* foreign : {"energy", "treasury/pending", "ledger:consumer_fees"}) {
    EXPECT_EQ(chain_.run("treasury.watch", tb::cat(R"({"account":")", foreign, R"("})")).error_name,
              "not_allowed");
  }
}

TEST_F(Services, many_donations_of_one_block_are_summed_and_none_is_lost) {
  ASSERT_EQ(chain_.run("treasury.watch", R"({"account":"treasury"})").error_name, "");
  chain_.clear_events();
  const std::vector<tb::TestCommand> donations(
      ledger::kMaxCredits + 6,
      tb::TestCommand{"ledger.transfer", R"({"to":"treasury","amount":2})", {.from = "alice"}});
  chain_.block(donations);
  const std::vector<tb::Emitted> told = chain_.events("treasury.credited");
  ASSERT_EQ(told.size(), ledger::kMaxCredits + 1);
  EXPECT_EQ(told.back().json, R"({"amount":12,"from":"","source":"donation"})");
}

TEST_F(Services, the_treasury_pays_from_its_account_into_its_escrow_with_a_record) {
  ASSERT_EQ(transfer({.from = "alice"}, "treasury", 70).error_name, "");
  EXPECT_EQ(chain_.run("treasury.pay", R"({"amount":71})").error_name, "insufficient_funds");
  EXPECT_EQ(chain_.run("treasury.pay", R"({"amount":60})").error_name, "");
  EXPECT_EQ(balance("treasury"), 10u);
  EXPECT_EQ(balance("treasury/pending"), 60u);
  ASSERT_EQ(chain_.records("ledger.moved").size(), 1u);
  EXPECT_NE(chain_.records("ledger.moved")[0].json.find(R"("memo":"disb:1")"), std::string::npos);
}

TEST_F(Services, an_escrow_belongs_to_the_plugin_that_declares_its_prefix) {
  EXPECT_EQ(moved("hold", "alice", "storage/contracts", 100), "");
  EXPECT_EQ(moved("hold", "alice", "storage-market/contracts", 5), "");
  EXPECT_EQ(moved("hold", "alice", "energy:stakes", 5), "not_allowed");
  EXPECT_NE(chain_.query("ledger.account", R"({"account":"storage/contracts"})")
                .json.find(R"("escrow":true,"owner":"storage-market")"),
            std::string::npos);
  EXPECT_EQ(transfer({.from = "alice"}, "storage/contracts", 1).error_name, "not_allowed");
}

TEST_F(Services, block_stats_count_commands_that_moved_money_and_what_left_unverified_accounts) {
  ASSERT_TRUE(
      chain_.run("kyc.verify", tb::cat(R"({"account":")", chain_.account("bob"), R"("})")).ok());
  const std::string to_bob = tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":100})");
  const std::string to_alice = tb::cat(R"({"to":")", chain_.account("alice"), R"(","amount":40})");
  const std::string too_much =
      tb::cat(R"({"to":")", chain_.account("alice"), R"(","amount":999999})");
  const std::vector<tb::Ran> ran = chain_.block({
      {"ledger.transfer", to_bob, {.from = "alice", .fee = 6, .lane = "consumer"}},
      {"ledger.transfer", to_alice, {.from = "bob"}},
      {"ledger.transfer", too_much, {.from = "bob"}},
      {"economics.call", R"({"call":"stats"})"},
  });
  // 100 and the tip of 5 above the base fee of 1 left alice, 40 the verified bob.
  EXPECT_NE(ran[3].json.find(R"("tx_count":2,"tx_volume":145,"non_kyc_volume":105)"),
            std::string::npos)
      << ran[3].json;
  EXPECT_NE(call("stats").json.find(R"("tx_count":0,"tx_volume":0)"), std::string::npos);
}

TEST_F(Services, safe_mode_stops_transfers_and_holds_but_strands_nothing) {
  ASSERT_EQ(moved("hold", "alice", "storage/contracts", 100), "");
  ASSERT_TRUE(chain_.set_param("safe_mode_enforced", 1));
  chain_.advance();
  EXPECT_EQ(transfer({.from = "alice"}, "bob", 1).error_name, "safe_mode");
  EXPECT_EQ(moved("hold", "alice", "storage/contracts", 1), "safe_mode");
  EXPECT_EQ(moved("capture", "storage/contracts", "bob", 100), "");
  ASSERT_TRUE(chain_.set_param("launch_operational_flag", 1));
  chain_.advance();
  EXPECT_EQ(transfer({.from = "alice"}, "bob", 1).error_name, "");
}

}  // namespace
