// Parking on a test chain, with the node's own ledger beside it and a clock that the tests move.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <tb/testkit.hpp>

#include "../parking.hpp"

// Version 1 as far as its rows go: what a migration has to read.
namespace version_1 {

tb::Status buy(tb::Ctx& ctx, const parking::PermitParams& in, tb::Out&) {
  for (std::uint64_t id = 1; id <= in.id; ++id) {
    ctx.store(parking::permit_key(id), parking::PermitOf1{"harbour", "AB-1", "ada", 0, 0, 3600});
  }
  return tb::ok();
}

void describe(tb::Plugin& p) {
  p.id("parking").version("1.0.0").sm(1).schema(1).summary("Version 1.");
  p.escrow_prefix("parking");
  parking::Ledger::require(p);
  p.command("parking.buy", &buy).role("open");
}

}  // namespace version_1

namespace {

constexpr std::uint64_t kStart = 1'700'000'000'000;
constexpr std::uint64_t kHourMs = 3'600'000;

class Parking : public testing::Test {
 protected:
  Parking() {
    chain.add_library(TB_SDK_PLUGINS "/ledger.so");
    chain.add(tb_plugin_entry);
    chain.allocate("ada", 10'000);
    chain.start();
    EXPECT_TRUE(run("parking.set_zone", R"({"zone":"harbour","price":250})").ok());
  }
  ~Parking() override { EXPECT_EQ(chain.replay_check(), ""); }

  tb::Ran run(std::string_view method, std::string_view params, const tb::Sender& sender = {}) {
    return chain.run(method, params, sender);
  }
  tb::Ran buy(std::uint32_t hours) {
    return run("parking.buy",
               R"({"zone":"harbour","plate":"AB-123","hours":)" + std::to_string(hours) + "}",
               kAda);
  }
  std::string balance(std::string_view name) {
    return chain.query("balance", R"({"address":")" + chain.account(name) + R"("})").json;
  }
  // An empty block that many milliseconds after the start.
  void at(std::uint64_t ms) {
    chain.begin_block(chain.height() + 1, kStart + ms);
    chain.end_block();
  }

  static inline const tb::Sender kAda{.from = "ada"};
  tb::TestChain chain;
};

TEST_F(Parking, the_price_waits_in_escrow_until_the_end) {
  const auto bought = buy(2);
  ASSERT_TRUE(bought.ok()) << bought.error_text;
  EXPECT_EQ(chain.metric("parking_held_micro"), 500);
  EXPECT_NE(balance("ada").find("9500"), std::string::npos) << balance("ada");
  at(3 * kHourMs);
  chain.run_timer("parking", "sweep");
  chain.advance();
  EXPECT_EQ(chain.metric("parking_permits_open"), 0);
  EXPECT_NE(balance("operator").find("500"), std::string::npos) << balance("operator");
  ASSERT_EQ(chain.events("parking.closed").size(), 1u);
  EXPECT_EQ(chain.events("parking.closed")[0].json, R"({"earned":500,"id":1,"returned":0})");
}

TEST_F(Parking, whoever_gives_back_early_pays_the_begun_hour_and_the_fee) {
  ASSERT_TRUE(buy(4).ok());
  const auto other = run("parking.cancel", R"({"id":1})");
  EXPECT_EQ(other.error_name, "NotYourPermit");
  const auto back = run("parking.cancel", R"({"id":1})", kAda);
  ASSERT_TRUE(back.ok()) << back.error_text;
  EXPECT_EQ(back.json, R"({"returned":713})");  // 750 for three hours, less 5 %, rounded down
}

TEST_F(Parking, what_the_rules_refuse) {
  EXPECT_EQ(buy(25).error_name, "TooManyHours");
  ASSERT_TRUE(chain.set_param("parking_max_hours", 100));
  EXPECT_EQ(buy(25).outcome, tb::Outcome::kApplied);
  EXPECT_EQ(buy(90).error_name, "insufficient_funds");
  const auto nowhere = run("parking.buy", R"({"zone":"moon","plate":"X"})", kAda);
  EXPECT_EQ(nowhere.error_name, "UnknownZone");
  EXPECT_EQ(run("parking.set_zone", R"({"zone":"a","price":1})", kAda).outcome,
            tb::Outcome::kRefused);
}

TEST_F(Parking, a_list_has_pages) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(buy(1).ok());
  const auto page = chain.query("parking.permits", R"({"limit":2})");
  EXPECT_NE(page.json.find(R"("next":2)"), std::string::npos) << page.json;
  const auto rest = chain.query("parking.permits", R"({"limit":2,"after":2})");
  EXPECT_EQ(rest.json.find("next"), std::string::npos) << rest.json;
  EXPECT_NE(rest.json.find(R"("id":3)"), std::string::npos) << rest.json;
}

TEST_F(Parking, the_gate_asks_by_http) {
  ASSERT_TRUE(buy(1).ok());
  EXPECT_EQ(chain.http("GET", "/parking/permits/1").first, 200u);
  const auto [status, body] = chain.http("GET", "/parking/permits/7");
  EXPECT_EQ(status, 404u);
  EXPECT_NE(body.find("UnknownPermit"), std::string::npos) << body;
  EXPECT_EQ(chain.http("GET", "/parking/permits/x").first, 404u);
}

TEST(Migration, takes_the_permits_of_version_1_in_two_steps_and_knows_no_way_back) {
  tb::TestChain chain;
  chain.add_library(TB_SDK_PLUGINS "/ledger.so");
  chain.add(tb::entry_of<&version_1::describe>());
  chain.start();
  ASSERT_TRUE(chain.run("parking.buy", R"({"id":2500})").ok());
  const std::uint64_t before = chain.height();
  ASSERT_EQ(chain.upgrade(tb_plugin_entry), "");
  EXPECT_EQ(chain.height(), before + 3);  // the command, and two blocks that migrate
  for (const char* id : {"1", "2000", "2001", "2500"}) {
    const auto permit = chain.query("parking.permit", std::string(R"({"id":)") + id + "}");
    EXPECT_NE(permit.json.find(R"("kind":"car")"), std::string::npos) << permit.json;
  }
  for (const auto& [key, row] : chain.rows("parking", "permit/")) EXPECT_EQ(tb::row_layout(row), 2);
  EXPECT_NE(chain.upgrade(tb::entry_of<&version_1::describe>()), "");
  EXPECT_TRUE(chain.query("parking.permit", R"({"id":7})").ok());
  EXPECT_EQ(chain.replay_check(), "");
}

// Golden vectors: each line of the file is "sender method params", and behind "=>" what it must
// end as; the last line is the state afterwards. Whoever changes the rules on purpose raises sm and
// writes the file anew with PARKING_WRITE_VECTORS=1.
TEST_F(Parking, golden_vectors) {
  std::ifstream file(PARKING_VECTORS);
  ASSERT_TRUE(file.good()) << PARKING_VECTORS;
  std::ostringstream now, before;
  before << file.rdbuf();
  std::istringstream lines(before.str());
  for (std::string line; std::getline(lines, line);) {
    const std::string step = line.substr(0, line.find(" => "));
    if (step == "state") break;
    std::istringstream words(step);
    std::string from, method, params;
    words >> from >> method >> params;
    const auto ran = run(method, params, {.from = from});
    now << step << " => " << (ran.ok() ? ran.json : ran.error_name) << "\n";
  }
  now << "state => " << chain.dump("parking") << "\n";
  if (std::getenv("PARKING_WRITE_VECTORS") != nullptr) {
    std::ofstream(PARKING_VECTORS) << now.str();
    return;
  }
  EXPECT_EQ(now.str(), before.str());
}

}  // namespace
