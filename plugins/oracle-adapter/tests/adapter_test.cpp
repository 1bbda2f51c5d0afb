// The adapter between a meter and a node, both played by the test, on the test kit's clock.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <tb/blake3.hpp>
#include <tb/library.hpp>
#include <tb/testkit.hpp>

#include "plugins/oracle-adapter/reading.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace oracle_adapter {
namespace {

constexpr std::string_view kProvider = "energy-0x00000000";

class AdapterTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/oracle-adapter-XXXXXX";
    folder_ = ::mkdtemp(name);
    start();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A new process of the adapter, with what the spool holds.
  void start() {
    chain_ = std::make_unique<tb::TestChain>();
    chain_->add(&tb_plugin_entry);
    config("spool_dir", tb::cat("\"", folder_, "/spool\""));
    config("node_url", R"("http://node")");
    config("token", R"("secret-token")");
    config("interval_ms", "10000");
    config("meters", tb::cat(R"([{"url":"http://meter","provider_id":")", kProvider, "\"}]"));
    config("keys", tb::cat(R"([{"provider_id":")", kProvider, R"(","public_key_hex":")",
                           tb::to_hex(chain_->public_key("meter")), "\"}]"));
    chain_->set_http([this](const tb::TestHttpRequest& request) { return world(request); });
    chain_->start();
  }
  void config(std::string_view key, const std::string& json) {
    chain_->set_config("oracle-adapter", key, json);
  }

  tb::TestHttpAnswer world(const tb::TestHttpRequest& request) {
    if (request.url == "http://meter") return {200, meter_answer()};
    EXPECT_EQ(request.url, "http://node");
    EXPECT_NE(request.headers.find("Authorization: Bearer secret-token\n"), std::string::npos);
    submitted_.push_back(request.body);
    return node_;
  }
  std::string meter_answer() {
    total_ += 250;
    nonce_ += 1;
    Reading r{std::string(kProvider), "m0", total_, chain_->time_ms() / 1000 - age_, nonce_, {}};
    const std::string signed_by = forged_ ? "somebody" : "meter";
    r.signature = tb::to_hex(chain_->sign(signed_by, tb::blake3(reading_preimage(r)).view()));
    return tb::cat(R"({"provider_id":")", r.provider_id, R"(","meter_address":"m0","kwh_reading":)",
                   r.kwh_reading, R"(,"timestamp":)", r.timestamp, R"(,"nonce":)", r.nonce,
                   R"(,"signature":")", r.signature, "\"}");
  }
  // Timers run every 100 ms in a node; here each tick is what the clock says.
  void tick() { chain_->run_timer("oracle-adapter", "meters"); }
  void pass(std::uint64_t ms) {
    chain_->begin_block(chain_->height() + 1, chain_->time_ms() + ms);
    chain_->end_block();
    tick();
    tick();
  }
  void node_refuses(std::int64_t code) {
    node_ = {200, tb::cat(R"({"jsonrpc":"2.0","id":1,"error":{"code":)", code,
                          R"(,"message":"no","data":{"name":"Name"}}})")};
  }
  void node_takes() { node_ = {200, R"({"jsonrpc":"2.0","id":1,"result":{"amount_kwh":250}})"}; }
  double readings(std::string_view result) {
    return chain_->metric("oracle_adapter_readings_total", {result});
  }
  double errors(std::string_view error) {
    return chain_->metric("oracle_adapter_errors_total", {error});
  }
  bool spooled() {
    std::error_code gone;
    return std::filesystem::exists(folder_ + "/spool", gone) &&
           !std::filesystem::is_empty(folder_ + "/spool", gone);
  }
  bool logged(std::string_view part) {
    for (const std::string& line : chain_->logs()) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::unique_ptr<tb::TestChain> chain_;
  std::string folder_;
  std::vector<std::string> submitted_;
  tb::TestHttpAnswer node_{200, R"({"jsonrpc":"2.0","id":1,"result":{"amount_kwh":250}})"};
  std::uint64_t total_ = 0, nonce_ = 0, age_ = 0;
  bool forged_ = false;
};

TEST_F(AdapterTest, brings_each_reading_to_the_node_and_says_how_late_it_is) {
  age_ = 2;
  tick();
  tick();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_NE(submitted_[0].find(R"("method":"energy.submit_reading")"), std::string::npos);
  EXPECT_NE(submitted_[0].find(R"("kwh_reading":"250")"), std::string::npos);
  EXPECT_EQ(readings("delivered"), 1);
  EXPECT_TRUE(logged("oracle_latency=2.000 queue_depth=0 pending_verifications=0"));
  EXPECT_FALSE(logged("250")) << "totals do not belong into logs";
  EXPECT_FALSE(spooled());
  pass(9'000);
  EXPECT_EQ(submitted_.size(), 1u) << "before its interval is over the meter is left alone";
  pass(1'000);
  EXPECT_EQ(submitted_.size(), 2u);
}

TEST_F(AdapterTest, never_sends_a_reading_that_the_configured_key_did_not_sign) {
  forged_ = true;
  tick();
  tick();
  EXPECT_TRUE(submitted_.empty());
  EXPECT_EQ(errors("invalid_signature"), 1);
}

TEST_F(AdapterTest, never_sends_a_reading_that_is_too_old) {
  age_ = 241;
  tick();
  tick();
  EXPECT_TRUE(submitted_.empty());
  EXPECT_EQ(errors("stale_reading"), 1);
}

TEST_F(AdapterTest, loses_no_energy_while_the_node_is_away) {
  node_ = {0, "connection refused"};
  tick();
  tick();
  EXPECT_EQ(errors("transport"), 1);
  EXPECT_EQ(chain_->metric("oracle_adapter_queue_depth"), 1);
  EXPECT_TRUE(spooled());
  for (int i = 0; i < 12; ++i) pass(5'000);
  const std::size_t tries = submitted_.size();
  EXPECT_GE(tries, 3u);
  EXPECT_LE(tries, 13u) << "the pauses between two tries grow";
  node_takes();
  for (int i = 0; i < 8; ++i) pass(5'000);
  EXPECT_GE(readings("delivered"), 1);
  EXPECT_FALSE(spooled());
  EXPECT_NE(submitted_.back().find(tb::cat(R"("kwh_reading":")", total_, '"')), std::string::npos)
      << "the newest total carries all that was used meanwhile";
}

TEST_F(AdapterTest, sends_after_a_restart_what_waited_before_it) {
  node_ = {0, "connection refused"};
  tick();
  tick();
  ASSERT_TRUE(spooled());
  node_takes();
  submitted_.clear();
  start();
  tick();
  tick();
  ASSERT_FALSE(submitted_.empty());
  EXPECT_NE(submitted_[0].find(R"("kwh_reading":"250")"), std::string::npos);
}

TEST_F(AdapterTest, drops_what_the_market_will_never_take_and_goes_on) {
  node_refuses(-33007);
  tick();
  tick();
  EXPECT_EQ(readings("dropped"), 1);
  EXPECT_EQ(errors("submit"), 1);
  EXPECT_FALSE(spooled());
  node_takes();
  pass(10'000);
  EXPECT_EQ(readings("delivered"), 1);
}

TEST_F(AdapterTest, stops_a_meter_whose_key_the_market_does_not_accept_until_the_next_reload) {
  node_refuses(-33001);
  tick();
  tick();
  EXPECT_EQ(chain_->metric("oracle_adapter_meters_stopped"), 1);
  EXPECT_EQ(chain_->http("GET", "/healthz").first, 503u);
  pass(60'000);
  EXPECT_EQ(submitted_.size(), 1u);
  node_takes();
  config("interval_ms", "5000");
  pass(1'000);
  EXPECT_EQ(readings("delivered"), 1);
  EXPECT_EQ(chain_->http("GET", "/healthz").first, 200u);
}

TEST_F(AdapterTest, says_which_meter_has_no_key_and_reads_none) {
  config("keys", "[]");
  tick();
  tick();
  EXPECT_TRUE(submitted_.empty());
  EXPECT_TRUE(logged(tb::cat("no key of ", kProvider)));
  EXPECT_EQ(chain_->http("GET", "/healthz").first, 503u);
}

}  // namespace
}  // namespace oracle_adapter
