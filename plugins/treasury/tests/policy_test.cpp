// The spending policy among the real ledger, governance and economics: the script that ships holds
// an execution beyond its cap, the next epoch pays it, and nothing keeps the policy in force.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tb/testkit.hpp"
#include "tb/text.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace treasury {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kEpochBlocks = 10;

std::string shipped_policy() {
  std::ifstream file(TB_SOURCE_DIR "/scripts-lua/treasury-policy.lua");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Policy : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "policy.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* name : {"ledger", "receipts", "governance", "economics"})
      chain_.add_library(std::string(TB_BINARY_DIR) + "/plugins/" + name + ".so");
    chain_.add(&tb_plugin_entry);
    chain_.set_config("governance", "directory", tb::cat("\"", folder_, "\""));
    chain_.set_config("economics", "snapshot_dir", tb::cat("\"", folder_, "/snapshots\""));
    chain_.allocate("treasury", 9'000'000);
    chain_.set_role("operator", true, false);
    chain_.start();
  }
  void TearDown() override {
    EXPECT_EQ(chain_.replay_check(), "");
    std::filesystem::remove_all(folder_);
  }

  tb::Ran run(std::string_view method, const json::value& params) {
    const bool admin = method.find("rollback") != std::string_view::npos;
    return chain_.run(method, json::serialize(params),
                      {.from = "operator", .admin = admin, .roles = {"operator"}});
  }
  std::uint64_t id_of(const tb::Ran& ran) {
    EXPECT_TRUE(ran.ok()) << ran.error_name << ": " << ran.error_text;
    return ran.ok() ? json::parse(ran.json).at("id").to_number<std::uint64_t>() : 0;
  }
  json::value ask(std::string_view method, const json::value& params) {
    chain_.deliver();
    const tb::Ran ran = chain_.query(method, json::serialize(params));
    EXPECT_TRUE(ran.ok()) << method << ": " << ran.error_name << ": " << ran.error_text;
    return ran.ok() ? json::parse(ran.json) : json::value(json::object());
  }
  void go_to_epoch(std::uint64_t epoch) {
    const std::uint64_t height = epoch * kEpochBlocks;
    if (chain_.height() < height) chain_.advance(height - chain_.height());
  }
  // Votes a proposal through; the chain stands at the block that brings it into force.
  std::uint64_t enact(const tb::Ran& proposed) {
    const std::uint64_t id = id_of(proposed);
    EXPECT_TRUE(run("gov.vote", {{"id", id}, {"choice", "yes"}}).ok());
    go_to_epoch(
        ask("gov.proposal", {{"id", id}}).at("vote_deadline_epoch").to_number<std::uint64_t>() + 2);
    EXPECT_EQ(ask("gov.proposal", {{"id", id}}).at("status").as_string(), "activated");
    return id;
  }
  std::uint64_t install(const std::string& source) {
    return enact(run("gov.propose_script", {{"source", source}, {"vote_window", 1}}));
  }
  // A disbursement that has been voted and is due.
  std::uint64_t due(std::string_view to, std::uint64_t amount) {
    json::object proposal{{"title", "Work"},
                          {"summary", "For work"},
                          {"vote_window_epochs", 1},
                          {"timelock_epochs", 1},
                          {"rollback_window_epochs", 1}};
    json::object disbursement{
        {"destination", to}, {"amount", amount}, {"memo", ""}, {"scheduled_epoch", 1}};
    const std::uint64_t id = id_of(run("gov.treasury.submit_disbursement",
                                       {{"proposal", proposal}, {"disbursement", disbursement}}));
    for (int i = 0; i < 10 && state(id) != "timelocked"; ++i) {
      if (state(id) == "voting") {
        EXPECT_TRUE(run("gov.treasury.vote", {{"id", id}, {"choice", "yes"}}).ok());
      }
      go_to_epoch(chain_.epoch() + 1);
    }
    EXPECT_EQ(state(id), "timelocked");
    return id;
  }
  std::string state(std::uint64_t id) {
    return std::string(ask("gov.treasury.show", {{"id", id}}).at("status").at("state").as_string());
  }
  tb::Ran execute(std::uint64_t id) {
    EXPECT_TRUE(run("gov.treasury.lease_acquire", {{"holder", "a"}, {"ttl_secs", 60}}).ok());
    return run("gov.treasury.execute_disbursement", {{"id", id}});
  }
  // Room for a few commands in the epoch that is open after it.
  void begin_epoch() { go_to_epoch(chain_.epoch() + 1); }

  tb::TestChain chain_{{.epoch_length = kEpochBlocks}};
  std::string folder_;
};

TEST_F(Policy, the_shipped_policy_holds_what_is_beyond_a_destinations_cap_until_the_next_epoch) {
  install(shipped_policy());
  const std::uint64_t first = due("tb1payee", 400'000), second = due("tb1payee", 200'000),
                      other = due("tb1other", 200'000);
  begin_epoch();
  EXPECT_TRUE(execute(first).ok());
  const tb::Ran held = execute(second);
  EXPECT_EQ(held.error_code, -32061);
  EXPECT_EQ(held.error_name, "hook_rejected");
  EXPECT_NE(held.error_text.find("tb1payee has had 400000 of 500000 in epoch"), std::string::npos)
      << held.error_text;
  EXPECT_EQ(state(second), "timelocked");
  EXPECT_TRUE(execute(other).ok());
  begin_epoch();
  EXPECT_TRUE(execute(second).ok());
  EXPECT_EQ(chain_.rows("treasury", "spent/").size(), 2u);  // of the open epoch only
}

TEST_F(Policy, a_payment_that_is_taken_back_in_its_epoch_counts_no_more) {
  install(shipped_policy());
  const std::uint64_t first = due("tb1payee", 400'000), second = due("tb1payee", 200'000);
  begin_epoch();
  ASSERT_TRUE(execute(first).ok());
  ASSERT_TRUE(
      run("gov.treasury.rollback_disbursement", {{"id", first}, {"reason", "wrong account"}}).ok());
  EXPECT_TRUE(execute(second).ok());
}

TEST_F(Policy, a_policy_that_refuses_everything_cannot_refuse_its_own_end) {
  const std::uint64_t script = install(R"lua(
hook = { name="miser", version="1.0.0", on={"on_gate"} }
function on_gate(c) return false, "nothing leaves" end
)lua");
  const std::uint64_t record = due("tb1payee", 10);
  EXPECT_EQ(execute(record).error_name, "hook_rejected");
  // Votes, a rollback of another record and the end of the script pass.
  const std::uint64_t another = due("tb1payee", 20);
  EXPECT_TRUE(
      run("gov.treasury.rollback_disbursement", {{"id", another}, {"reason", "not wanted"}}).ok());
  enact(run("gov.propose_script_disable", {{"name", "miser"}, {"vote_window", 1}}));
  EXPECT_TRUE(execute(record).ok());
  EXPECT_NE(script, 0u);
}

TEST_F(Policy, a_policy_that_fails_holds_the_money_and_says_how) {
  install(R"lua(
hook = { name="broken", version="1.0.0", on={"on_gate"} }
function on_gate(c) error("no rule for " .. c.destination) end
)lua");
  const std::uint64_t record = due("tb1payee", 10);
  const tb::Ran held = execute(record);
  EXPECT_EQ(held.error_name, "lua_runtime_error");
  EXPECT_EQ(held.error_code, -32061);
  EXPECT_NE(held.error_text.find("no rule for tb1payee"), std::string::npos) << held.error_text;
  EXPECT_EQ(state(record), "timelocked");
  // Ten failures in a row suspend it, and then nothing holds the money.
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(execute(record).ok());
  EXPECT_EQ(ask("gov.script", {{"name", "broken"}}).at("status").as_string(), "suspended");
  EXPECT_TRUE(execute(record).ok());
}

TEST_F(Policy, scripts_read_the_treasury_and_the_economics_of_the_chain) {
  install(R"lua(
hook = { name="figures", version="1.0.0", on={"on_block"} }
function on_block(c)
  return { state = { balance = treasury.balance() or -1, epoch = econ.get("epoch") or -1,
                     reward = econ.get("block_reward_per_block") or -1, none = econ.get("nonsense") or -1 } }
end
)lua");
  go_to_epoch(chain_.epoch() + 1);
  chain_.advance();
  std::map<std::string, std::int64_t> found;
  const json::value shown = ask("gov.script", {{"name", "figures"}});
  for (const json::value& row : shown.at("state").as_array())
    found[std::string(row.at("key").as_string())] = row.at("value").to_number<std::int64_t>();
  EXPECT_EQ(found["balance"],
            ask("gov.treasury.balance", json::object()).at("balance").to_number<std::int64_t>());
  EXPECT_GE(found["epoch"], 1);
  EXPECT_GT(found["reward"], 0);
  EXPECT_EQ(found["none"], -1);
}

}  // namespace
}  // namespace treasury
