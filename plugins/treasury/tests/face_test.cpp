// The face on a chain: the executor with its node, and imports of older files.
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <filesystem>

#include "plugins/treasury/tests/world.hpp"

namespace treasury {
namespace {

class FaceTest : public ::testing::Test {
 protected:
  FaceTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("treasury_face_" + std::to_string(::getpid()))) {
    tb::TestChain& chain = world_.chain();
    chain.set_config("treasury", "executor", "true");
    chain.set_config("treasury", "executor_id", R"("node_a")");
    chain.set_config("treasury", "poll_interval", "1");
    chain.set_config("treasury", "executor_file",
                     "\"" + (folder_ / "executor.json").string() + "\"");
  }
  ~FaceTest() override { std::filesystem::remove_all(folder_); }

  // A tick with all its questions answered.
  void tick() {
    world_.chain().advance();
    world_.chain().run_timer("treasury", "executor");
    for (int i = 0; i < 8; ++i) world_.chain().deliver();
    world_.check();
  }
  json::value executor() { return world_.query("gov.treasury.balance").at("executor"); }

  std::filesystem::path folder_;
  World world_;
};

TEST_F(FaceTest, the_executor_pays_what_is_due) {
  const std::uint64_t id = world_.timelocked();
  tick();
  EXPECT_EQ(world_.state(id), "executed");
  const json::value shown = executor();
  EXPECT_EQ(json::serialize(shown.at("lease_holder")), R"("node_a")");
  EXPECT_TRUE(shown.at("last_error").is_null()) << json::serialize(shown);
  EXPECT_EQ(shown.at("staged_intents").to_number<int>(), 0);
  EXPECT_EQ(shown.at("lease_last_nonce").to_number<int>(), 1);
  EXPECT_EQ(world_.chain().metric("treasury_executor_success_total"), 1);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "executor.json"));
}

TEST_F(FaceTest, too_little_money_is_the_last_error_until_accruals_suffice) {
  Draft large;
  large.amount = 1'200'000;
  const std::uint64_t id = world_.timelocked(large);
  tick();
  EXPECT_EQ(world_.state(id), "timelocked");
  EXPECT_EQ(json::serialize(executor().at("last_error")), R"("insufficient_funds")");
  bool logged = false;
  for (const std::string& line : world_.chain().logs())
    logged = logged || line.find(
                           "treasury_executor DisbursementError error=insufficient_funds "
                           "disbursement_id=1") != std::string::npos;
  EXPECT_TRUE(logged);
  ASSERT_TRUE(
      world_.run("market.pay_in", R"({"source":"coinbase","from":"me","amount":300000})").ok());
  tick();
  EXPECT_EQ(world_.state(id), "executed");
  EXPECT_TRUE(executor().at("last_error").is_null());
}

TEST_F(FaceTest, an_older_file_is_taken_over_into_an_empty_treasury_only) {
  const auto import = [&](const std::string& records) {
    return world_.run("gov.treasury.import", "{\"disbursements\":" + records + "}",
                      {.admin = true});
  };
  const std::string waiting =
      R"({"id":3,"destination":"tb1abc","amount_ct":5,"memo":"","scheduled_epoch":2,"status":{"Queued":{"queued_at":1}}})";
  const std::string paid =
      R"({"id":4,"destination":"tb1abc","amount":5,"memo":"","scheduled_epoch":2,"status":{"Executed":{"tx_hash":"aa"}}})";
  const std::string cancelled =
      R"({"id":7,"destination":"tb1abc","amount":5,"memo":"depends_on=3","scheduled_epoch":2,"status":{"Cancelled":{"reason":"late"}}})";
  const tb::Ran refused = import("[" + waiting + "," + paid + "]");
  EXPECT_EQ(refused.error_name, "invalid_state");
  EXPECT_NE(refused.error_text.find(": 4;"), std::string::npos) << refused.error_text;
  const tb::Ran done = import("[" + cancelled + "," + waiting + "]");
  ASSERT_TRUE(done.ok()) << done.error_name << " " << done.error_text;
  EXPECT_EQ(world_.state(3), "draft");
  EXPECT_EQ(json::serialize(world_.record(7).at("status").at("reason")), R"("late")");
  EXPECT_EQ(import("[" + waiting + "]").error_name, "invalid_state");
  const tb::Ran next = world_.submit();
  EXPECT_NE(next.json.find("\"id\":8"), std::string::npos) << next.json;
  EXPECT_EQ(world_.chain().replay_check(), "");
}

}  // namespace
}  // namespace treasury
