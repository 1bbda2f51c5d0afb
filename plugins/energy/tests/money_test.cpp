// The market among the real ledger, governance, treasury and receipts: where its fees and slashes
// are booked.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <tb/blake3.hpp>
#include <tb/testkit.hpp>
#include <tb/text.hpp>

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

namespace json = boost::json;

class Money : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "energy.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    chain_.add(&tb_plugin_entry);
    for (const char* name : {"ledger", "receipts", "governance", "treasury"})
      chain_.add_library(std::string(TB_BINARY_DIR) + "/plugins/" + name + ".so");
    chain_.set_config("governance", "directory", tb::cat("\"", folder_, "\""));
    chain_.set_role("operator", true, false);
    chain_.allocate("owner", 1000);
    chain_.allocate("buyer", 50'000);
    chain_.set_genesis_param("energy_slashing_rate_bps", 1000);
    chain_.set_genesis_param("energy_settlement_expiry_blocks", 4);
    chain_.set_genesis_param("energy_dynamic_fees_enabled", 0);
    chain_.start();
  }
  void TearDown() override {
    EXPECT_NE(chain_.query("ledger.check", "{}").json.find(R"("ok":true)"), std::string::npos);
    EXPECT_EQ(chain_.replay_check(), "");
    std::filesystem::remove_all(folder_);
  }

  json::value run(std::string_view method, const json::value& params,
                  std::string_view from = "admin") {
    const bool admin = from == "admin";
    const tb::Ran ran = chain_.run(method, json::serialize(params),
                                   {.from = from, .admin = admin, .roles = {"energy.oracle"}});
    EXPECT_TRUE(ran.ok()) << method << ": " << ran.error_name << ": " << ran.error_text;
    return ran.ok() ? json::parse(ran.json) : json::value(json::object());
  }
  // A provider with its key, and a credit of 1000 kWh; the credit's meter hash.
  std::string mint() {
    run("energy.register_provider", {{"capacity_kwh", 100'000},
                                     {"price_per_kwh", 10},
                                     {"stake", 1000},
                                     {"meter_address", "m0"},
                                     {"jurisdiction", "DE"},
                                     {"owner", chain_.account("owner")}});
    json::object entry;
    entry["provider_id"] = "energy-0x0";
    entry["public_key_hex"] = tb::to_hex(chain_.public_key("meter"));
    run("energy.set_provider_keys", {{"keys", json::array{entry}}});
    const std::uint64_t now = chain_.time_ms() / 1000;
    std::string preimage = "energy-0x00000000m0";
    for (const std::uint64_t value : {std::uint64_t{1000}, now, std::uint64_t{1}}) {
      for (int i = 0; i < 8; ++i) preimage += static_cast<char>(value >> (8 * i));
    }
    const std::string signature = chain_.sign("meter", tb::blake3(preimage).view());
    return std::string(run("energy.submit_reading", {{"provider_id", "energy-0x00000000"},
                                                     {"meter_address", "m0"},
                                                     {"kwh_reading", 1000},
                                                     {"timestamp", now},
                                                     {"nonce", 1},
                                                     {"signature", tb::to_hex(signature)}})
                           .at("meter_hash")
                           .as_string());
  }
  std::uint64_t held(std::string_view account) {
    const json::value found =
        json::parse(chain_.query("balance", tb::cat(R"({"address":")", account, "\"}")).json);
    return found.at("amount").to_number<std::uint64_t>();
  }
  // Sum of the treasury's rows of that source.
  std::int64_t booked(std::string_view source) {
    std::int64_t sum = 0;
    for (const tb::Emitted& event : chain_.events("treasury.balance")) {
      const json::value row = json::parse(event.json);
      const json::value* named = row.as_object().if_contains("source");
      if (named != nullptr && *named == json::value(source))
        sum += row.at("delta").to_number<std::int64_t>();
    }
    return sum;
  }

  tb::TestChain chain_;
  std::string folder_;
};

TEST_F(Money, the_treasurys_book_names_fees_and_slashes_by_their_true_source) {
  const std::string hash = mint();
  run("energy.settle", {{"provider_id", "energy-0x0"},
                        {"kwh_consumed", 400},
                        {"meter_hash", hash},
                        {"buyer", chain_.account("buyer")}});
  chain_.advance();  // the rows of a block's accruals are written in the next one
  EXPECT_EQ(booked("energy_fee"), 100);  // 2.5 % of 4000
  EXPECT_EQ(booked("energy_slash"), 400);
  chain_.advance(5);  // the credit expires: an attempt to settle it costs stake, and nothing else
  const tb::Ran late =
      chain_.run("energy.settle",
                 json::serialize(json::object{
                     {"provider_id", "energy-0x0"}, {"kwh_consumed", 100}, {"meter_hash", hash}}),
                 {.from = "admin", .admin = true});
  EXPECT_EQ(late.outcome, tb::Outcome::kCharged) << late.error_text;
  chain_.advance();
  const std::int64_t fees = booked("energy_fee"), slashes = booked("energy_slash");
  EXPECT_EQ(fees, 100);
  EXPECT_GT(slashes, 400);
  EXPECT_EQ(booked("other"), 0);
  EXPECT_EQ(static_cast<std::int64_t>(held("treasury")), fees + slashes);
  EXPECT_EQ(held("energy:stakes"), 1000 - static_cast<std::uint64_t>(slashes));
  const tb::Ran balance = chain_.query("gov.treasury.balance", "{}");
  EXPECT_EQ(json::parse(balance.json).at("balance").to_number<std::int64_t>(), fees + slashes);
}

}  // namespace
